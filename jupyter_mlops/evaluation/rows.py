"""The rows a version is judged on, and what a model answered for them, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Array: TypeAlias = NDArray[Any]
Codes: TypeAlias = NDArray[np.int64]


class NotMeasurableError(Exception):
    """A figure can't be measured; the text is the reason that the gate shows."""


@dataclass(frozen=True, slots=True)
class TestRows:
    """Hold the true values of the rows, a column a protected attribute, and the features by name."""

    __test__ = False

    task: str
    truth: Array
    sensitive: Mapping[str, Array] = field(default_factory=dict)
    features: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, slots=True)
class Predictions:
    """Hold a model's answers: ``labels`` a row, ``scores`` rows x classes, ``classes`` in the order of the scores.

    ``probabilities`` is False where scores are distances to a decision boundary: good for ranking only.
    """

    labels: Array
    scores: NDArray[np.float64] | None = None
    classes: tuple[Any, ...] = ()
    probabilities: bool = True


def encode(*columns: Array, known: tuple[Any, ...] = ()) -> tuple[Array, list[Codes]]:
    """Give the classes of all columns one numbering, in sorted order.

    Returns:
        The classes (``known`` ones included) and each column as codes.
    """
    arrays = [np.asarray(column) for column in columns]
    arrays += [np.asarray(known)] if known else []
    kinds = {"number" if array.dtype.kind in "biuf" else array.dtype.kind for array in arrays}
    if kinds != {"number"}:
        arrays = [array.astype(str) for array in arrays]
    classes, codes = np.unique(np.concatenate(arrays), return_inverse=True)
    borders = np.cumsum([len(array) for array in arrays])[:-1]
    return classes, [part.astype(np.int64) for part in np.split(codes, borders)][: len(columns)]


def predict(model: Any, features: Any, *, classification: bool, with_scores: bool = True) -> Predictions:
    """Ask a model for the rows ``features`` (frame or array), with class scores where it has them.

    Raises:
        NotMeasurableError: when the model raises, or answers with another number of rows.
    """
    try:
        labels = np.asarray(model.predict(features))
        scores, probabilities = _scores(model, features) if classification and with_scores else (None, True)
    # A user's model can raise anything; the gate reports it instead of ending the run.
    except Exception as error:
        raise NotMeasurableError(
            f"the model can't predict these rows: {type(error).__name__}: {error}"
        ) from error
    if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004 - a matrix of one column is a vector
        labels = labels[:, 0]
    if labels.shape != (len(features),):
        raise NotMeasurableError(f"the model answered shape {labels.shape} for {len(features)} rows")
    classes = tuple(np.asarray(getattr(model, "classes_", ())).tolist())
    if scores is not None and (
        scores.shape != (len(features), len(classes)) or not np.isfinite(scores).all()
    ):
        scores = None
    return Predictions(labels, scores, classes, probabilities)


def _scores(model: Any, features: Any) -> tuple[NDArray[np.float64] | None, bool]:
    if callable(getattr(model, "predict_proba", None)):
        return np.asarray(model.predict_proba(features), dtype=np.float64), True
    if callable(getattr(model, "decision_function", None)):
        distances = np.asarray(model.decision_function(features), dtype=np.float64)
        return (np.column_stack([-distances, distances]) if distances.ndim == 1 else distances), False
    return None, True
