"""The area under the ROC curve with its standard error, by DeLong's method: no resampling."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats: TypeAlias = NDArray[np.float64]


class Area(NamedTuple):
    """Hold an area under the curve and its standard error."""

    value: float
    error: float


def roc_auc(positive: ArrayLike, scores: ArrayLike) -> Area | None:
    """Return the AUC and its standard error; None where a class has fewer than two rows.

    Args:
        positive: 1 (or true) for rows of the positive class.
        scores: higher means more likely positive; ties count half.
    """
    truth, given = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    ones, zeros = given[truth], given[~truth]
    n, m = len(ones), len(zeros)
    if min(n, m) < 2:  # noqa: PLR2004 - one row varies in nothing
        return None
    # For each row: what share of the other class it stands on the right side of.
    ranks = stats.rankdata(np.concatenate([ones, zeros]))
    of_ones = (ranks[:n] - stats.rankdata(ones)) / m
    of_zeros = 1 - (ranks[n:] - stats.rankdata(zeros)) / n
    error = np.sqrt(of_ones.var(ddof=1) / n + of_zeros.var(ddof=1) / m)
    return Area(float(of_ones.mean()), float(error))


def expected_auc(chances: Floats, scores: Floats) -> float | None:
    """Return the AUC to expect where each row is positive with a chance only; None where all are of one class.

    Args:
        chances: of being positive, from 0 to 1.
        scores: that the rows are ordered by.
    """
    order = np.argsort(scores, kind="stable")
    ordered, up = scores[order], chances[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ones, zeros = np.add.reduceat(up, starts), np.add.reduceat(1 - up, starts)
    pairs = ones.sum() * zeros.sum()
    if not pairs:
        return None
    below = np.cumsum(zeros) - zeros / 2
    return float((ones * below).sum() / pairs)
