"""The rows a version is judged on, and what a model answered for them, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jupyter_mlops.stats.fairness import SMALLEST_GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping

Array: TypeAlias = NDArray[Any]
Codes: TypeAlias = NDArray[np.int64]

MOST_GROUPS = 50


class NotMeasurableError(Exception):
    """A figure can't be measured; the text is the reason that the gate shows."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Split rows by a protected attribute; a code of -1 stands for a group too small to say anything about."""

    attribute: str
    labels: tuple[str, ...]
    codes: Codes
    too_small: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """Name the groups that were left out."""
        if not self.too_small:
            return ""
        return f"left out, fewer than {SMALLEST_GROUP} rows: {', '.join(self.too_small)}"


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


def groups_of(rows: TestRows, attribute: str) -> Groups:
    """Split the rows by a protected attribute or a feature; missing values are a group.

    Raises:
        NotMeasurableError: when fewer than two groups are large enough, or there are too many for groups.
    """
    column = rows.sensitive[attribute] if attribute in rows.sensitive else rows.features[attribute]
    codes, labels = pd.factorize(pd.Series(column), sort=True, use_na_sentinel=True)
    codes = np.where(codes < 0, len(labels), codes)
    names = [f"{attribute}={label}" for label in labels] + [f"{attribute} missing"]
    if len(labels) > MOST_GROUPS:
        raise NotMeasurableError(f"{attribute} has {len(labels)} values; pass it in fewer groups")
    sizes = np.bincount(codes, minlength=len(names))
    large = np.flatnonzero(sizes >= SMALLEST_GROUP)
    small = tuple(
        f"{names[i]} ({sizes[i]} rows)" for i in np.flatnonzero((sizes > 0) & (sizes < SMALLEST_GROUP))
    )
    if len(large) < 2:  # noqa: PLR2004 - a gap needs two groups
        raise NotMeasurableError(f"{attribute} has fewer than two groups of {SMALLEST_GROUP} rows")
    renumbered = np.full(len(names), -1)
    renumbered[large] = np.arange(len(large))
    return Groups(attribute, tuple(names[i] for i in large), renumbered[codes].astype(np.int64), small)


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
