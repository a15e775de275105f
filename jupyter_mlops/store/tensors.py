"""Pickle models whatever device their PyTorch tensors are on: in the file a tensor is its type, shape and plain bytes.

PyTorch's own pickle calls ``torch.load`` in turn, which runs what is in there, and wants the tensor's GPU back. What
``make_tensor`` and ``make_parameter`` are called is in bundles, so the names stay.
"""

from __future__ import annotations

import functools
import io
import math
import sys
from typing import Any

# What runs a module and isn't part of it: torch.compile, and copies on several GPUs.
_AROUND = {
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
}


def dumps(model: Any) -> bytes:
    """Pickle a model by cloudpickle; tensors come back on the CPU.

    Raises:
        Exception: whatever a part of the model raises that can't be pickled.
    """
    import cloudpickle

    if "torch" not in sys.modules:
        return bytes(cloudpickle.dumps(model, protocol=5))
    with io.BytesIO() as file:
        _pickler()(file, protocol=5).dump(model)
        return file.getvalue()


def make_tensor(dtype: str, shape: tuple[int, ...], data: bytearray) -> Any:
    """Build a tensor on the CPU out of the bytes of its values, in order."""
    import torch

    kind = getattr(torch, dtype)
    return (torch.frombuffer(data, dtype=kind) if data else torch.empty(0, dtype=kind)).reshape(shape)


def make_parameter(values: Any, requires_grad: bool) -> Any:
    """Build a module's parameter."""
    import torch

    return torch.nn.Parameter(values, requires_grad=requires_grad)


def is_module(model: Any) -> bool:
    """Say whether a model is a PyTorch module, without importing PyTorch for one that isn't."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def bare(module: Any) -> Any:
    """Return the module inside of what only compiles or spreads it."""
    while (inside := _AROUND.get(type(module).__name__)) is not None:
        module = getattr(module, inside)
    return module


@functools.cache
def _pickler() -> Any:
    import cloudpickle
    import torch

    plain = (torch.Tensor, torch.nn.Parameter)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, torch.Tensor):
                return _reduced(obj, obj.detach() if type(obj) in plain else obj)
            if isinstance(obj, torch.nn.Module) and (inside := bare(obj)) is not obj:
                return _itself, (inside,)
            return super().reducer_override(obj)

    return Pickler


def _reduced(tensor: Any, values: Any) -> Any:
    import torch

    if type(tensor) is torch.nn.Parameter:
        return make_parameter, (values, tensor.requires_grad)
    dense = values.layout is torch.strided and not values.is_quantized and values.device.type != "meta"
    if type(values) is not torch.Tensor or not dense:
        return values.cpu().__reduce_ex__(5) if values.device.type != "meta" else values.__reduce_ex__(5)
    flat = values.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    data = bytearray(flat.view(torch.uint8).numpy()) if math.prod(values.shape) else bytearray()
    return make_tensor, (str(values.dtype).removeprefix("torch."), tuple(values.shape), data)


def _itself(inside: Any) -> Any:
    return inside
