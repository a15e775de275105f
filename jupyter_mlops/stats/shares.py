"""Shares of rows and their differences: score intervals and tests, which hold for few rows and for shares near 0 and 1.

One share is Wilson's. Two shares of the same rows are compared by Tango's score test (1998), which at a margin of zero
is McNemar's test without continuity correction; two shares of different rows by Newcombe's hybrid of Wilson intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from jupyter_mlops.stats.intervals import LEVEL, Interval, by_widening

# Of a row: less is rounding.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Wilson:
    """A share: ``hits`` of ``rows``; ``harmonic`` where the figure is 2s / (1 + s) of the share s."""

    hits: float
    rows: float
    harmonic: bool = False

    @property
    def method(self) -> str:
        """The method's name."""
        return "Wilson score"

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the shares that a score test of this level doesn't reject."""
        low, high = wilson(self.hits, self.rows, level)
        return (2 * low / (1 + low), 2 * high / (1 + high)) if self.harmonic else (low, high)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the p-value of the score test, whose standard error is that under the bound."""
        share = bound / (2 - bound) if self.harmonic and bound < 2 else bound  # noqa: PLR2004 - the inverse's pole
        if not 0 < share < 1:
            return float(share >= 1 if above else share <= 0)
        beyond = (self.hits - self.rows * share) / np.sqrt(self.rows * share * (1 - share))
        return float(ndtr(-beyond if above else beyond))


def wilson(hits: float, rows: float, level: float = LEVEL) -> Interval:
    """Return Wilson's interval of a share."""
    z = float(ndtri((1 + level) / 2))
    share, spread = hits / rows, z * z / rows
    centre = (share + spread / 2) / (1 + spread)
    half = z * np.sqrt(share * (1 - share) / rows + spread / (4 * rows)) / (1 + spread)
    # At a share of 0 or 1 the end is that, not a rounding away from it.
    low = 0.0 if hits <= 0 else max(0.0, float(centre - half))
    return low, 1.0 if hits >= rows else min(1.0, float(centre + half))


@dataclass(frozen=True, slots=True)
class Matched:
    """The difference of two shares of the same ``rows``: ``only_first`` hit only for one, ``only_second`` for the other."""

    only_first: float
    only_second: float
    rows: float

    @property
    def method(self) -> str:
        """The method's name."""
        return "McNemar (score)"

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the differences that the score test of this level doesn't reject."""
        z, value = float(ndtri((1 + level) / 2)), (self.only_first - self.only_second) / self.rows
        return self._root(-1.0, value, z), self._root(value, 1.0, -z)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the p-value of the score test at a margin."""
        if abs(bound) >= 1:
            return float((bound >= 1) if above else (bound <= -1))
        score = self._score(bound)
        return float(ndtr(-score if above else score))

    def _score(self, margin: float) -> float:
        """Return the deviation from the margin in standard errors, estimated under the margin (Tango, 1998)."""
        first, second, n = self.only_first, self.only_second, self.rows
        linear = -first - second + (2 * n - first + second) * margin
        constant = -second * margin * (1 - margin)
        rate = (np.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
        variance = n * (2 * rate + margin * (1 - margin))
        deviation = first - second - n * margin
        if variance <= 0:
            return 0.0 if abs(deviation) < _NOTHING else float(np.copysign(np.inf, deviation))
        return float(deviation / np.sqrt(variance))

    def _root(self, low: float, high: float, score: float) -> float:
        """Find the margin with this score, which falls as the margin grows."""
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._score(middle) > score else (low, middle)
        return (low + high) / 2


@dataclass(frozen=True, slots=True)
class Independent:
    """The difference of two shares of different rows."""

    first: Wilson
    second: Wilson

    @property
    def method(self) -> str:
        """The method's name."""
        return "Newcombe score"

    def interval(self, level: float = LEVEL) -> Interval:
        """Return Newcombe's interval: the distances to the ends of both Wilson intervals, squared and added."""
        one, two = self.first.hits / self.first.rows, self.second.hits / self.second.rows
        (low1, high1), (low2, high2) = (
            wilson(part.hits, part.rows, level) for part in (self.first, self.second)
        )
        below, above = np.hypot(one - low1, high2 - two), np.hypot(high1 - one, two - low2)
        return float(one - two - below), float(one - two + above)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the level at which the interval ends at the bound."""
        return by_widening(self, bound, above=above)
