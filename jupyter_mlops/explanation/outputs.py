"""The numbers that an explanation is about: probabilities, scores or predictions, a column an output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_mlops.explanation.attributions import Data, Floats
    from jupyter_mlops.records.explanation import Scale

BINARY = 2  # classes
MATRIX = 2  # dimensions


@dataclass(frozen=True, slots=True)
class Output:
    """Ask a model for the numbers to explain: rows x outputs. ``classes`` names the outputs, where they are classes.

    Of two classes one output is enough, that of the second: the other is its mirror.
    """

    scale: Scale
    classes: tuple[Any, ...]
    ask: Callable[[Data], Floats]


def scores_of(model: Any, classes: Sequence[Any]) -> Output | None:
    """Return the scores that a classifier decides by, before they become probabilities; None where it has none."""
    if not callable(getattr(model, "decision_function", None)):
        return None
    return Output("score", _named(classes), lambda data: _second(model.decision_function(data)))


def probabilities_of(model: Any, classes: Sequence[Any]) -> Output | None:
    """Return a classifier's probabilities; None where it has none."""
    if not callable(getattr(model, "predict_proba", None)):
        return None
    return Output("probability", _named(classes), lambda data: _second(model.predict_proba(data)))


def predictions_of(model: Any) -> Output:
    """Return the predicted numbers."""
    return Output("prediction", (), lambda data: _columns(model.predict(data)))


def decisions_of(model: Any, classes: Sequence[Any]) -> Output:
    """Return, of a classifier that gives labels only, 1 for the class that it decides on and 0 for the others."""
    labels = np.asarray(classes)
    named = _named(classes)

    def ask(data: Data) -> Floats:
        found = np.asarray(model.predict(data)).reshape(-1, 1)
        return _second((found == labels).astype(np.float64))

    return Output("probability", named, ask)


def best_of(model: Any, *, classifier: bool, classes: Sequence[Any]) -> Output:
    """Return what says most of a model: probabilities, else scores, else the decision, of a classifier."""
    if not classifier:
        return predictions_of(model)
    known = classes if len(classes) else tuple(np.asarray(getattr(model, "classes_", ())).tolist())
    found = probabilities_of(model, known) or scores_of(model, known)
    return found or decisions_of(model, known)


def _named(classes: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(classes[1:]) if len(classes) == BINARY else tuple(classes)


def _columns(found: Any) -> Floats:
    values = np.asarray(found, dtype=np.float64)
    return values.reshape(len(values), -1)


def _second(found: Any) -> Floats:
    values = _columns(found)
    return values[:, 1:] if values.shape[1] == BINARY else values
