"""Pickle PyTorch's tensors: what shares a storage shares it on the other side, with numpy's arrays as well.

PyTorch's own pickle copies the storage for each tensor, drops gradients, and makes leaves of computed tensors.
What ``make_…`` and ``set_…`` are called is in files, so the names stay.
"""

from __future__ import annotations

import functools
import pickle
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import HandoffError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.pipeline.serialization.memory import Memory

_STORAGES = frozenset({"UntypedStorage", "TypedStorage"})


@functools.cache
def is_torch(kind: Any) -> bool:
    """Say whether objects of a class are tensors, or the memory of some."""
    return any(
        (base.__module__ == "torch" and base.__name__ == "Tensor")
        or (base.__module__ == "torch.storage" and base.__name__ in _STORAGES)
        for base in kind.__mro__
    )


def reduce(obj: Any, memory: Memory) -> Any:
    """Reduce a tensor or a storage.

    Args:
        obj: the tensor or storage.
        memory: takes note of the memory that a storage covers.

    Raises:
        pickle.PicklingError: when a tensor holds what can't be passed on: how it was computed, hooks.
    """
    import torch

    if isinstance(obj, torch.storage.UntypedStorage):
        return _untyped(obj, memory)
    if isinstance(obj, torch.storage.TypedStorage):
        return make_typed, (obj._untyped_storage, obj.dtype)  # noqa: SLF001 - reading its own would warn
    return _tensor(obj)


def _tensor(tensor: Any) -> Any:
    if tensor.grad_fn is not None:
        raise pickle.PicklingError("a tensor that knows how it was computed, grad_fn")
    if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):  # noqa: SLF001 - there is no public way
        raise pickle.PicklingError("a tensor with hooks")
    reduced = tensor.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    if tensor.grad is None:
        return reduced
    return make_tensor, reduced[:2], tensor.grad, None, None, set_gradient


def _untyped(storage: Any, memory: Memory) -> Any:
    import torch

    if storage.device.type not in ("cpu", "cuda"):
        raise pickle.PicklingError(f"a tensor on the device {storage.device}")
    here = storage if storage.device.type == "cpu" else storage.cpu()
    array = torch.empty(0, dtype=torch.uint8).set_(here).numpy()
    if here is storage:
        memory.add(array)
    return make_storage, (array, str(storage.device))


def make_typed(storage: Any, dtype: Any) -> Any:
    """Return a storage with a type of its numbers, as PyTorch's own functions take it."""
    import torch

    kind: Any = torch.storage.TypedStorage
    return kind(wrap_storage=storage, dtype=dtype, _internal=True)


def make_storage(array: Any, device: str) -> Any:
    """Return a storage over an array's bytes; on a GPU it is a copy.

    Raises:
        HandoffError: when there is no such GPU here.
    """
    import torch

    if not array.nbytes:
        return torch.empty(0, device=device).untyped_storage()
    storage = torch.from_numpy(array).untyped_storage()
    if device == "cpu":
        return storage
    number = torch.device(device).index or 0
    if not torch.cuda.is_available() or number >= torch.cuda.device_count():
        raise HandoffError(
            f"a tensor lies on {device}, which isn't here",
            hint="run all stages that use it on a machine with that GPU, or move it to the CPU: .cpu()",
        )
    return storage.cuda(number)


def make_tensor(make: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Return a tensor that gets its gradient later."""
    return make(*arguments)


def set_gradient(tensor: Any, gradient: Any) -> None:
    """Give a tensor its gradient."""
    tensor.grad = gradient
