"""The rows a version is judged on, and what a model answered for them, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Array: TypeAlias = NDArray[Any]
Codes: TypeAlias = NDArray[np.int64]

# So much of what a notebook's own code raises stands in a reason.
_LONGEST = 300


class NotMeasurableError(Exception):
    """A figure can't be measured; the text is the reason that the gate shows."""


def in_short(error: BaseException) -> str:
    """Return what a notebook's own code raised, by its first line, which isn't endless."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:_LONGEST]}"


@dataclass(frozen=True, slots=True)
class TestRows:
    """Hold the true values of the rows, a column a protected attribute, the features by name, and what groups rows."""

    __test__ = False

    task: str
    truth: Array
    sensitive: Mapping[str, Array] = field(default_factory=dict)
    features: Mapping[str, Array] = field(default_factory=dict)
    groups: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hold forecasts with their spread: ``quantiles`` (rows x ``levels``), or ``mean`` and ``std`` a row."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64] | None = None
    levels: tuple[float, ...] = ()
    quantiles: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True, slots=True)
class Predictions:
    """Hold a model's answers: ``labels`` a row, ``scores`` rows x classes, ``classes`` in the order of the scores.

    ``probabilities`` is False where scores are distances to a decision boundary: good for ranking only. Of a model
    that answers quantiles, ``labels`` are those nearest to the median.
    """

    labels: Array
    scores: NDArray[np.float64] | None = None
    classes: tuple[Any, ...] = ()
    probabilities: bool = True
    forecast: Forecast | None = None


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


def predict(
    model: Any, features: Any, *, classification: bool, with_scores: bool = True, with_spread: bool = False
) -> Predictions:
    """Ask a model for the rows ``features`` (frame or array), with class scores where it has them.

    Args:
        model: what has ``predict``.
        features: the rows.
        classification: whether it tells classes.
        with_scores: whether class scores are asked for.
        with_spread: whether a forecast's standard deviation is asked for, where ``predict`` takes ``return_std``.

    Raises:
        NotMeasurableError: when the model raises, or answers with another number of rows.
    """
    try:
        if with_spread and not classification and takes_return_std(model):
            mean, std = (
                np.asarray(part, dtype=np.float64) for part in model.predict(features, return_std=True)
            )
            return _with_spread(mean, std, len(features))
        labels = np.asarray(model.predict(features))
        scores, probabilities = _scores(model, features) if classification and with_scores else (None, True)
    except NotMeasurableError:
        raise
    # A user's model can raise anything; the gate reports it instead of ending the run.
    except (Exception, SystemExit) as error:
        raise NotMeasurableError(f"the model can't predict these rows: {in_short(error)}") from error
    if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004 - a matrix of one column is a vector
        labels = labels[:, 0]
    levels = () if classification else quantile_levels(model)
    if levels and labels.shape == (len(features), len(levels)):
        return _of_quantiles(labels.astype(np.float64), levels)
    if labels.shape != (len(features),):
        raise NotMeasurableError(f"the model answered shape {labels.shape} for {len(features)} rows")
    classes = tuple(np.asarray(getattr(model, "classes_", ())).tolist())
    if scores is not None and (
        scores.shape != (len(features), len(classes)) or not np.isfinite(scores).all()
    ):
        scores = None
    return Predictions(labels, scores, classes, probabilities)


def quantile_levels(model: Any) -> tuple[float, ...]:
    """Return the levels of the quantiles that a model says it answers, as its attribute ``quantiles``; else none."""
    try:
        levels = np.asarray(getattr(model, "quantiles", ()), dtype=np.float64)
    except (TypeError, ValueError):
        return ()
    if levels.ndim != 1 or not np.all((levels > 0) & (levels < 1)):
        return ()
    return tuple(levels.tolist())


def takes_return_std(model: Any) -> bool:
    """Say whether a model's ``predict`` gives the standard deviation too; of a pipeline its last step's."""
    steps = getattr(model, "steps", None)
    last = steps[-1][-1] if isinstance(steps, list) and steps else model
    try:
        return "return_std" in signature(last.predict).parameters
    except (TypeError, ValueError, AttributeError):  # a predict whose parameters can't be seen
        return False


def _of_quantiles(quantiles: NDArray[np.float64], levels: tuple[float, ...]) -> Predictions:
    nearest = quantiles[:, int(np.argmin(np.abs(np.asarray(levels) - 0.5)))]
    return Predictions(nearest, forecast=Forecast(nearest, None, levels, quantiles))


def _with_spread(mean: NDArray[np.float64], std: NDArray[np.float64], rows: int) -> Predictions:
    if mean.shape != (rows,) or std.shape != (rows,):
        raise NotMeasurableError(f"the model answered shapes {mean.shape} and {std.shape} for {rows} rows")
    if not np.all(std >= 0):
        raise NotMeasurableError(
            f"the model gives {int((~(std >= 0)).sum())} standard deviations below 0, or none"
        )
    return Predictions(mean, forecast=Forecast(mean, std))


def _scores(model: Any, features: Any) -> tuple[NDArray[np.float64] | None, bool]:
    if callable(getattr(model, "predict_proba", None)):
        return np.asarray(model.predict_proba(features), dtype=np.float64), True
    if callable(getattr(model, "decision_function", None)):
        distances = np.asarray(model.decision_function(features), dtype=np.float64)
        return (np.column_stack([-distances, distances]) if distances.ndim == 1 else distances), False
    return None, True
