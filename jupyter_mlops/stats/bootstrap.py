"""Intervals for any metric that can be computed from weighted rows.

A metric is a function of weights: ``statistic(weights)`` takes a matrix (resamples x rows) and returns a value for each
resample; with the rows' own counts as weights it gives the metric itself. So one engine serves accuracy, AUC and
fairness alike, rows that are equal are counted instead of repeated, and a paired comparison is just a difference of
two such functions over the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], Floats]

RESAMPLES = 2_000
FEWEST = 200
# Weights drawn in all; beyond it the number of resamples shrinks, down to FEWEST.
BUDGET = 200_000_000
# Weights held at a time (32 MB).
CHUNK = 4_000_000
LEVEL = 0.95


class Estimate(NamedTuple):
    """Hold a figure, its interval, and the resampled values behind it (empty where there is no interval)."""

    value: float
    interval: tuple[float, float] | None
    resampled: Floats


def bootstrap(
    statistic: Statistic, counts: Floats, *, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL
) -> Estimate:
    """Estimate ``statistic`` with its percentile interval, by Poisson resampling of the rows.

    Args:
        statistic: maps weights (resamples x rows) to values (resamples).
        counts: how often each distinct row occurs.
        resamples: fewer are taken of very long data.
        seed: the same seed gives the same interval.
        level: the interval's coverage.

    Returns:
        The estimate; without interval where there are fewer than two rows or most resamples have no value.
    """
    counts = np.asarray(counts, dtype=np.float64)
    value = float(statistic(counts[np.newaxis, :])[0]) if len(counts) else float("nan")
    if counts.sum() < 2 or not np.isfinite(value):  # noqa: PLR2004 - one row varies in nothing
        return Estimate(value, None, np.zeros(0))
    drawn = _resample(statistic, counts, _affordable(resamples, len(counts)), seed)
    known = drawn[np.isfinite(drawn)]
    if len(known) * 2 < len(drawn):
        return Estimate(value, None, np.zeros(0))
    tail = (1 - level) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Estimate(value, (float(low), float(high)), known)


def difference(first: Statistic, second: Statistic) -> Statistic:
    """Pair two metrics on the same rows: the statistic of ``first`` minus ``second``."""

    def statistic(weights: Floats) -> Floats:
        gap: Floats = first(weights) - second(weights)
        return gap

    return statistic


def p_value_below(estimate: Estimate, bound: float) -> float | None:
    """Return the one-sided p-value of "the figure is at most ``bound``"; None where nothing varies.

    It is the share of resamples at or below the bound, never quite zero.
    """
    drawn = estimate.resampled
    if not len(drawn) or drawn.min() == drawn.max():
        return None
    return float((1 + np.count_nonzero(drawn <= bound)) / (1 + len(drawn)))


def _affordable(resamples: int, rows: int) -> int:
    return min(resamples, max(FEWEST, BUDGET // rows))


def _resample(statistic: Statistic, counts: Floats, resamples: int, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    at_once = max(1, CHUNK // len(counts))
    values = np.empty(resamples)
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, resamples, at_once):
            stop = min(resamples, start + at_once)
            values[start:stop] = statistic(_poisson(random, counts, stop - start))
    return values


def _poisson(random: np.random.Generator, counts: Floats, resamples: int) -> Floats:
    """Draw weights: Poisson around each row's count, which is a multinomial draw but for the total."""
    shape = (resamples, len(counts))
    if np.all(counts == 1):
        return _POISSON_ONE[random.integers(0, len(_POISSON_ONE), size=shape, dtype=np.uint16)]
    return random.poisson(counts, size=shape).astype(np.float64)


def _poisson_table() -> Floats:
    """Tabulate the quantiles of Poisson(1) at 65536 levels: a lookup is some ten times faster than a draw."""
    levels = (np.arange(65536) + 0.5) / 65536
    chances = np.exp(-1.0) / np.cumprod([1.0, *range(1, 12)])
    return np.searchsorted(np.cumsum(chances), levels).astype(np.float64)


_POISSON_ONE = _poisson_table()
