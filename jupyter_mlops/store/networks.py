"""A PyTorch module as a model: rows in, numpy arrays out, with classes and probabilities where it classifies.

Bundles hold these classes by name, so the names stay.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jupyter_mlops.errors import DataError
from jupyter_mlops.store import tensors

if TYPE_CHECKING:
    from numpy.typing import NDArray

# So many rows go through at a time, so that a large table takes no more memory than a small one.
ROWS = 4096
# How far from 1 a row of probabilities may add up.
_CLOSE = 1e-3
_TABLE = 2  # dimensions
_PAIR = 2  # classes

Meaning = Literal["scores", "probabilities", "log probabilities"]


class Network:
    """Answer with what a module gives; ``module`` is on ``device``, in its evaluation mode."""

    quantiles: Any = ()
    known: NDArray[Any] | None = None

    def __init__(self, module: Any) -> None:
        self.module = module
        self.device = "cpu"

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the module's output for rows (frame or array); a single output as a vector."""
        return self.of_outputs(self.outputs(X))[0]

    def outputs(self, X: Any, rows: int = ROWS) -> NDArray[Any]:
        """Return what the module gives for rows, ``rows`` of them at a time."""
        if self.known is not None:
            return self.known
        import torch

        whole = torch.cat([self.asked(part) for part in as_tensor(self.module, X).split(rows)])
        # numpy has no such numbers.
        return np.asarray(whole.float() if whole.dtype is torch.bfloat16 else whole)

    def of_outputs(self, outputs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Return the answers that the module's outputs mean, and no probabilities."""
        flat = outputs.ndim == _TABLE and outputs.shape[1] == 1
        return (outputs[:, 0] if flat else outputs), None

    def asked(self, rows: Any) -> Any:
        """Return what the module gives for a tensor of rows; both are on the CPU, whatever the module is on."""
        import torch

        self.module.eval()
        with torch.inference_mode():
            return self.module(rows.to(self.device)).cpu()

    def to(self, device: str) -> Network:
        """Move the module to a device, and return this model."""
        self.module.to(device)
        self.device = device
        return self

    def knowing(self, outputs: NDArray[Any]) -> Network:
        """Return a model for just the rows that the module gave ``outputs`` for, elsewhere."""
        model = copy.copy(self)
        model.known = outputs
        return model

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "device": "cpu"}


class NetworkClassifier(Network):
    """Answer with classes: those of ``classes_`` in the order of the module's outputs.

    One output stands for the second of two classes. ``meaning`` is what the outputs are.
    """

    def __init__(self, module: Any, classes: tuple[Any, ...], meaning: Meaning) -> None:
        super().__init__(module)
        self.classes_ = np.asarray(classes)
        self.meaning = meaning

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each row."""
        return self.of_outputs(self.outputs(X))[0]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class: rows x classes."""
        return probabilities(self.outputs(X), self.meaning)

    def of_outputs(self, outputs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Return the classes and their probabilities that the module's outputs mean."""
        chances = probabilities(outputs, self.meaning)
        return self.classes_[chances.argmax(axis=1)], chances


def taken(model: Any, example: Any, test: Any) -> tuple[Any, Any, Any]:
    """Return what was given to be logged, with tensors as arrays, and a model around a module that has no ``predict``.

    It classifies where the true values of ``test`` are classes: the codes of its outputs, 0 or 1 for a single one, or
    those that the module names itself as ``classes_``.

    Raises:
        DataError: when the module can't take the rows, or it isn't clear which output stands for which class.
    """
    example = as_array(example)
    test = None if test is None else tuple(as_array(part) for part in test)
    if tensors.is_module(model) and not callable(getattr(model, "predict", None)):
        model = _as_model(tensors.bare(model), example, test)
    return model, example, test


def _as_model(module: Any, example: Any, test: Any) -> Network:
    outputs = _tried(module, example if test is None else test[0][:ROWS])
    if hasattr(module, "quantiles"):
        # A forecast's outputs are no classes, whatever the true values are.
        model = Network(module)
        model.quantiles = module.quantiles
        return model
    if test is None or outputs.ndim > _TABLE:
        return Network(module)
    classes = _classes(module, np.ravel(np.asarray(test[1])), 1 if outputs.ndim == 1 else outputs.shape[1])
    return NetworkClassifier(module, classes, _meaning(outputs)) if classes else Network(module)


def as_tensor(module: Any, X: Any) -> Any:
    """Return rows as a tensor on the CPU: codes where the module begins with an embedding, else its own kind of floats."""
    import torch

    values = X.to_numpy(dtype=None if _takes_codes(module) else np.float64) if hasattr(X, "to_numpy") else X
    tensor = torch.as_tensor(np.ascontiguousarray(values))
    if _takes_codes(module):
        return tensor.long()
    floats = (weight.dtype for weight in module.parameters() if weight.is_floating_point())
    return tensor.to(next(floats, torch.float32))


def as_array(values: Any) -> Any:
    """Return a tensor as an array, and anything else as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") and hasattr(values, "cpu") else values


def probabilities(outputs: NDArray[Any], meaning: Meaning) -> NDArray[np.float64]:
    """Return probabilities, rows x classes, of what a module gives."""
    values = outputs.astype(np.float64)
    if values.ndim == 1 or values.shape[1] == 1:
        second = values.reshape(-1)
        if meaning != "probabilities":
            second = np.exp(second if meaning == "log probabilities" else -np.logaddexp(0, -second))
        return np.column_stack([1 - second, second])
    if meaning != "probabilities":
        values = np.exp(values - values.max(axis=1, keepdims=True))
    # What adds up to one in single precision may not in double.
    chances: NDArray[np.float64] = values / values.sum(axis=1, keepdims=True)
    return chances


def _tried(module: Any, rows: Any) -> NDArray[Any]:
    """Ask a module that isn't ours to change: it is in the mode it was in afterwards, on the device it is on."""
    modes = {part: part.training for part in module.modules()}
    asking = Network(module)
    asking.device = str(next((weight.device for weight in module.parameters()), "cpu"))
    try:
        return asking.outputs(rows)
    # Whatever a user's module raises, it is the rows and the module that don't fit.
    except Exception as error:
        raise DataError(
            f"the module fails on the rows: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
            hint="pass rows as its forward() takes them, or wrap it in a class with predict(X)",
        ) from error
    finally:
        for part, training in modes.items():
            part.training = training


def _classes(module: Any, truth: NDArray[Any], width: int) -> tuple[Any, ...]:
    """Return the classes that ``width`` outputs stand for; none where the true values aren't classes.

    Raises:
        DataError: when the true values are names, and nobody says in which order.
    """
    count = max(width, _PAIR)
    named = getattr(module, "classes_", None)
    if named is not None:
        if len(named) != count:
            raise DataError(
                f"the module names {len(named)} classes and has {width} outputs",
                hint="give classes_ one for each output",
            )
        return tuple(np.asarray(named).tolist())
    if truth.dtype.kind not in "biuf":
        raise DataError(
            "the true values are text, and it isn't known which output of the module stands for which",
            hint='set it on the module, as in net.classes_ = ["no", "yes"]',
        )
    found = np.unique(truth[~np.isnan(truth)] if truth.dtype.kind == "f" else truth)
    codes = np.arange(count)
    # Floats are classes only where training on one output asks for floats.
    fits = np.isin(found, codes).all() and (count == _PAIR or truth.dtype.kind in "iu")
    fits = fits and (truth.dtype.kind != "f" or width == 1)
    return tuple(codes.astype(found.dtype).tolist()) if len(found) and fits else ()


def _meaning(outputs: NDArray[Any]) -> Meaning:
    values = outputs.astype(np.float64)
    if values.ndim == 1 or values.shape[1] == 1:
        return "probabilities" if ((values >= 0) & (values <= 1)).all() else "scores"
    if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=_CLOSE):
        return "probabilities"
    logs = (values <= 0).all() and np.allclose(np.exp(values).sum(axis=1), 1, atol=_CLOSE)
    return "log probabilities" if logs else "scores"


def _takes_codes(module: Any) -> bool:
    first = next(
        (part for part in module.modules() if any(True for _ in part.parameters(recurse=False))), None
    )
    return type(first).__name__ in ("Embedding", "EmbeddingBag")
