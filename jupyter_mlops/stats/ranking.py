"""Ranking metrics over weighted rows: sorted once, then a sum for each set of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Floats: TypeAlias = NDArray[np.float64]


def roc_auc(positive: Floats, scores: Floats) -> Callable[[Floats], Floats]:
    """Return the area under the ROC curve as a function of weights (resamples x rows); NaN where a class is absent.

    Args:
        positive: 1.0 for rows of the positive class, else 0.0.
        scores: higher means more likely positive; ties count half.
    """
    order, starts = _ties(scores)
    sign = positive[order]

    def statistic(weights: Floats) -> Floats:
        ordered = weights[:, order]
        hits = np.add.reduceat(ordered * sign, starts, axis=1)
        misses = np.add.reduceat(ordered * (1 - sign), starts, axis=1)
        below = np.cumsum(misses, axis=1) - misses / 2
        pairs = hits.sum(axis=1) * misses.sum(axis=1)
        return _ratio((hits * below).sum(axis=1), pairs)

    return statistic


def average_precision(positive: Floats, scores: Floats) -> Callable[[Floats], Floats]:
    """Return the average precision as a function of weights (resamples x rows); NaN without a positive row."""
    order, starts = _ties(-scores)
    sign = positive[order]

    def statistic(weights: Floats) -> Floats:
        ordered = weights[:, order]
        hits = np.add.reduceat(ordered * sign, starts, axis=1)
        seen = np.cumsum(np.add.reduceat(ordered, starts, axis=1), axis=1)
        found = np.cumsum(hits, axis=1)
        precision = np.divide(found, seen, out=np.zeros_like(seen), where=seen > 0)
        return _ratio((hits * precision).sum(axis=1), found[:, -1])

    return statistic


def _ties(keys: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the ascending order of the keys, and where in it each run of equal keys starts."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    return order, np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return ratio
