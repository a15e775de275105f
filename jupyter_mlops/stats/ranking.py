"""Ranking metrics over weighted rows: sorted once, then a sum for each set of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Floats: TypeAlias = NDArray[np.float64]


class Ordered(NamedTuple):
    """Hold rows in the order that a rank metric takes them, and what it counts in this order.

    ``order`` are the rows' places, ``signs`` is 1 where a row is positive, ``ends`` is 1 at the last row of those with
    the same score.
    """

    order: NDArray[np.int64]
    signs: NDArray[np.uint8]
    ends: NDArray[np.uint8]


def ordered(kind: str, positive: Floats, scores: Floats) -> Ordered:
    """Sort rows for ``roc_auc`` (ascending) or ``average_precision`` (descending).

    Args:
        kind: one of the two.
        positive: 1.0 for rows of the positive class, 0.0 for the others; NaN leaves a row out.
        scores: higher means more likely positive.
    """
    inside = np.flatnonzero(~np.isnan(positive))
    keys = scores[inside] if kind == "roc_auc" else -scores[inside]
    ascending = np.argsort(keys, kind="stable")
    ends = np.ones(len(inside), dtype=np.uint8)
    ends[:-1] = keys[ascending][1:] != keys[ascending][:-1]
    order = inside[ascending]
    return Ordered(order, (positive[order] > 0).astype(np.uint8), ends)


def roc_auc(positive: Floats, scores: Floats) -> Callable[[Floats], Floats]:
    """Return the area under the ROC curve as a function of weights (resamples x rows); NaN where a class is absent.

    Args:
        positive: 1.0 for rows of the positive class, else 0.0; NaN leaves a row out.
        scores: higher means more likely positive; ties count half.
    """
    order, signs, ends = ordered("roc_auc", positive, scores)
    starts, sign = _starts(ends), signs.astype(np.float64)

    def statistic(weights: Floats) -> Floats:
        given = weights[:, order]
        if not len(order):
            return np.full(len(weights), np.nan)
        hits = np.add.reduceat(given * sign, starts, axis=1)
        misses = np.add.reduceat(given * (1 - sign), starts, axis=1)
        below = np.cumsum(misses, axis=1) - misses / 2
        pairs = hits.sum(axis=1) * misses.sum(axis=1)
        return _ratio((hits * below).sum(axis=1), pairs)

    return statistic


def average_precision(positive: Floats, scores: Floats) -> Callable[[Floats], Floats]:
    """Return the average precision as a function of weights (resamples x rows); NaN without a positive row."""
    order, signs, ends = ordered("average_precision", positive, scores)
    starts, sign = _starts(ends), signs.astype(np.float64)

    def statistic(weights: Floats) -> Floats:
        given = weights[:, order]
        if not len(order):
            return np.full(len(weights), np.nan)
        hits = np.add.reduceat(given * sign, starts, axis=1)
        seen = np.cumsum(np.add.reduceat(given, starts, axis=1), axis=1)
        found = np.cumsum(hits, axis=1)
        precision = np.divide(found, seen, out=np.zeros_like(seen), where=seen > 0)
        return _ratio((hits * precision).sum(axis=1), found[:, -1])

    return statistic


def influence(kind: str, positive: Floats, scores: Floats) -> Floats:
    """Return how much each row moves a rank metric: its derivative by the row's weight, at weights of 1.

    Its sum is zero, and the sum of its squares estimates the metric's variance. For the area under the curve the
    deviations are DeLong's, with his degrees of freedom.
    """
    order, signs, ends = ordered(kind, positive, scores)
    moved = np.zeros(len(positive))
    if len(order):
        sign = signs.astype(np.float64)
        slopes = _area_slopes if kind == "roc_auc" else _precision_slopes
        moved[order] = slopes(sign, _starts(ends))
    return moved


def _area_slopes(sign: Floats, starts: NDArray[np.intp]) -> Floats:
    hits, misses = np.add.reduceat(sign, starts), np.add.reduceat(1 - sign, starts)
    n, m = hits.sum(), misses.sum()
    if min(n, m) < 2:  # noqa: PLR2004 - one row varies in nothing
        return np.full(len(sign), np.nan)
    below, above = np.cumsum(misses) - misses / 2, n - np.cumsum(hits) + hits / 2
    area = (hits * below).sum() / (n * m)
    sizes = np.diff(np.append(starts, len(sign)))
    of_hits = np.repeat((below / m - area) / np.sqrt(n * (n - 1)), sizes)
    of_misses = np.repeat((above / n - area) / np.sqrt(m * (m - 1)), sizes)
    return np.where(sign > 0, of_hits, of_misses)


def _precision_slopes(sign: Floats, starts: NDArray[np.intp]) -> Floats:
    """Differentiate the sum over tie groups of hits x found / seen, over all found, by each row's weight."""
    sizes = np.diff(np.append(starts, len(sign)))
    hits = np.add.reduceat(sign, starts)
    found, seen = np.cumsum(hits), np.cumsum(sizes)
    n = found[-1]
    if n < 2:  # noqa: PLR2004 - as above
        return np.full(len(sign), np.nan)
    precision = found / seen
    mean = (hits * precision).sum() / n
    # A row counts among those seen, and if positive among those found, in its own group and all after it.
    as_found = np.cumsum((hits / seen)[::-1])[::-1]
    as_seen = np.cumsum((hits * found / seen**2)[::-1])[::-1]
    own = np.repeat(precision, sizes) + np.repeat(as_found, sizes) - mean
    slopes: Floats = (np.where(sign > 0, own, 0.0) - np.repeat(as_seen, sizes)) / n
    return slopes


def _starts(ends: NDArray[np.uint8]) -> NDArray[np.intp]:
    return np.flatnonzero(np.concatenate([[1], ends[:-1]])) if len(ends) else np.zeros(0, dtype=np.intp)


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return ratio
