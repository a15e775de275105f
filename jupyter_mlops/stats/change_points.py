"""Where a series changed, looked for in hindsight: all of it at a time, where detectors of streams only know the past.

A series is cut into segments, each a straight line with noise of one size, so that the sum of their costs is smallest:
a level that jumps, a trend that turns and noise that grows are all changes. Every cut costs a penalty, as in the Bayesian
information criterion but larger, since neighbouring values of real series go together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats: TypeAlias = NDArray[np.float64]

# So many times the logarithm of the length for every number that a segment is described by.
PENALTY = 3.0
# Noise is taken to be at least this share of the series' variance: otherwise a few values on a line would be a segment.
_LEAST_NOISE = 0.01
_SHORTEST = 4
# Time and memory grow with the square of the length; longer series are averaged to this many steps first.
LONGEST = 1_000


def change_points(values: ArrayLike, *, penalty: float = PENALTY, shortest: int = _SHORTEST) -> list[int]:
    """Return the places at which a new segment begins; of a series that never changed, none.

    Args:
        values: a series, or several side by side (rows are steps); NaN is missing and taken to lie on a line between its
            neighbours.
        penalty: what a change must be worth.
        shortest: steps of the shortest segment.
    """
    series = np.array(values, dtype=np.float64)
    if not series.size:
        return []
    series = series.reshape(len(series), -1)
    steps = -(-len(series) // LONGEST)
    series = _scaled(_averaged(_filled(series), steps))
    if len(series) < 2 * shortest or not series.shape[1]:
        return []
    return [place * steps for place in _cuts(series, penalty * np.log(len(series)), shortest)]


def _cuts(series: Floats, price: float, shortest: int) -> list[int]:
    rows, columns = series.shape
    sums = _Sums(series)
    price *= 3 * columns + 1
    best = np.full(rows + 1, np.inf)
    best[0] = -price
    back = np.zeros(rows + 1, dtype=np.int64)
    for end in range(shortest, rows + 1):
        starts = np.arange(end - shortest + 1)
        totals = best[starts] + sums.cost(starts, end) + price
        back[end] = totals.argmin()
        best[end] = totals[back[end]]
    found, end = [], int(back[rows])
    while end:
        found.append(end)
        end = int(back[end])
    return found[::-1]


class _Sums:
    """Sums from the start on, from which the cost of any segment follows without a look at its values."""

    def __init__(self, series: Floats) -> None:
        place = np.arange(len(series)) / len(series)
        terms = [series, series**2, series * place[:, np.newaxis], place, place**2]
        self._sums = [np.concatenate([np.zeros_like(term[:1]), np.cumsum(term, axis=0)]) for term in terms]

    def cost(self, starts: NDArray[np.int64], end: int) -> Floats:
        """Return twice the negative log-likelihood of the segments from each start, up to a constant."""
        y, yy, xy, x, xx = (sums[end] - sums[starts] for sums in self._sums)
        count = end - starts
        spread = np.maximum(xx - x**2 / count, np.finfo(np.float64).tiny)[:, np.newaxis]
        count_, x_ = count[:, np.newaxis], x[:, np.newaxis]
        left = yy - y**2 / count_ - (xy - x_ * y / count_) ** 2 / spread
        cost: Floats = count * np.log(np.maximum(left / count_, _LEAST_NOISE)).sum(axis=1)
        return cost


def _filled(series: Floats) -> Floats:
    places = np.arange(len(series))
    series = series[:, np.isfinite(series).any(axis=0)]
    for column in series.T:
        known = np.isfinite(column)
        column[~known] = np.interp(places[~known], places[known], column[known])
    return series


def _averaged(series: Floats, steps: int) -> Floats:
    if steps == 1 or not series.shape[1]:
        return series
    starts = np.arange(0, len(series), steps)
    lengths = np.diff(np.append(starts, len(series)))
    return np.asarray(np.add.reduceat(series, starts) / lengths[:, np.newaxis])


def _scaled(series: Floats) -> Floats:
    largest = np.abs(series).max(axis=0, initial=0.0)
    series = series / np.where(largest == 0, 1, largest)
    spread = series.std(axis=0)
    constant = spread <= np.finfo(np.float64).eps
    return np.where(constant, 0.0, (series - series.mean(axis=0)) / np.where(constant, 1, spread))
