"""The sum of absolute errors of several means, as a calibration error is one: it is never below zero.

Where the true means are zero the measured ones aren't, so the sum overstates, and resamples overstate it once more. So
each true sum is asked how often it would show as much as was measured: means in the measured proportions, with errors.
A sum of few means is overstated more than one of many, and which it is isn't known. So the interval's low end is for the
fewest that may well be there, its high end for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from jupyter_mlops.stats.intervals import LEVEL, Interval

Floats: TypeAlias = NDArray[np.float64]

_DRAWS = 2_000
_STEPS = 20


@dataclass(frozen=True, slots=True)
class SumOfDistances:
    """The sum of the distances of ``means`` (with standard ``errors``, not all zero) from zero."""

    means: Floats
    errors: Floats

    @property
    def method(self) -> str:
        """The method's name."""
        return "test inversion over all bins"

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the sums under which what was measured is in neither tail; zero where none is."""
        tail, most = (1 - level) / 2, float(np.abs(self.means).sum() + 10 * self.errors.sum())
        noise = self._noise()
        low = _crossing(lambda bound: self._tail(noise, bound, above=True) >= tail, most)
        high = _crossing(lambda bound: self._tail(noise, bound, above=False) < tail, most)
        return low, max(low, high)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return how often a true sum of ``bound`` shows as much (or, as little) as was measured."""
        if bound < 0:
            return 0.0 if above else 1.0
        return self._tail(self._noise(), bound, above=above)

    def _clear(self) -> Floats:
        """Return what of each mean is beyond its error."""
        beyond: Floats = np.maximum(np.abs(self.means) - self.errors, 0.0)
        return beyond

    def _noise(self) -> Floats:
        drawn: Floats = np.random.default_rng(0).standard_normal((_DRAWS, len(self.means))) * self.errors
        return drawn

    def _tail(self, noise: Floats, bound: float, *, above: bool) -> float:
        means = self.means if not above else np.sign(self.means) * self._clear()
        means = means if means.any() else self.errors
        shown, seen = (
            np.abs(noise + bound * means / np.abs(means).sum()).sum(axis=1),
            np.abs(self.means).sum(),
        )
        return float((1 + np.count_nonzero(shown >= seen if above else shown <= seen)) / (1 + len(shown)))


def _crossing(holds: Callable[[float], bool], most: float) -> float:
    """Find the least bound from which on something holds."""
    if holds(0.0):
        return 0.0
    low, high = 0.0, most
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
