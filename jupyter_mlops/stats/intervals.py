"""How sure a figure is: its sampling law, which gives intervals and one-sided p-values that agree with each other.

Each law is the one that was found to cover best, by simulation (``benchmarks/gate_coverage.py``), for its kind of figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri, stdtr, stdtrit

Floats: TypeAlias = NDArray[np.float64]
Interval: TypeAlias = tuple[float, float]

LEVEL = 0.95
# Where a p-value is searched for by widening an interval, it is known to that.
_SMALLEST = 1e-9
# Rows that carry a figure, at which its tails are taken as one, and at which they are taken apart.
_FEW, _MANY = 15.0, 35.0


class Law(Protocol):
    """Say how an estimate varies around its true value."""

    @property
    def method(self) -> str:
        """The method's name, for the record."""

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the interval that covers the true value this often; half of what is missed lies on either side."""

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the p-value of "the true value is not above (or, not below) ``bound``"; small speaks against it."""


@dataclass(frozen=True, slots=True)
class Certain:
    """A figure that nothing could have made different, such as the difference of a model and itself."""

    value: float
    method: str = "exact"

    def interval(self, level: float = LEVEL) -> Interval:  # noqa: ARG002 - the same at every level
        """Return the value twice."""
        return self.value, self.value

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return 0 or 1; at the bound itself, 1."""
        return float(self.value <= bound if above else self.value >= bound)


@dataclass(frozen=True, slots=True)
class Normal:
    """A figure with a standard error, normal by itself or, where it is a share or an area, on the logit scale.

    ``freedom`` are the degrees of freedom of the standard error.
    """

    value: float
    error: float
    method: str
    share: bool = False
    freedom: float = np.inf

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the value give or take so many standard errors, turned back from the logit scale."""
        centre, error = self._scaled(self.value)
        half = float(stdtrit(self.freedom, (1 + level) / 2)) * error
        low, high = centre - half, centre + half
        return (float(expit(low)), float(expit(high))) if self.share else (low, high)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the tail beyond the bound."""
        if self.share and not 0 < bound < 1:
            return float(bound >= 1 if above else bound <= 0)
        centre, error = self._scaled(self.value)
        beyond = (centre - (float(logit(bound)) if self.share else bound)) / error
        return float(stdtr(self.freedom, -beyond if above else beyond))

    def _scaled(self, value: float) -> tuple[float, float]:
        return (
            (float(logit(value)), self.error / (value * (1 - value))) if self.share else (value, self.error)
        )


@dataclass(frozen=True, slots=True)
class Studentized:
    """A figure whose resamples were each measured in their own standard errors (the bootstrap-t).

    ``deviations`` are (resampled - value) / (resampled error), sorted. ``carried_by`` is how many rows carry the
    figure's variation: few of many where errors have heavy tails. Then what the resamples say of the two tails is
    itself chance, and neither end is nearer than where the tails are taken as one.
    """

    value: float
    error: float
    deviations: Floats
    carried_by: float
    method: str

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the values from which the figure lies no further than the resamples do from the figure."""
        low, high = np.quantile(self.deviations, [(1 - level) / 2, (1 + level) / 2])
        heavy = self._heavy()
        both = np.quantile(np.abs(self.deviations), level) if heavy else 0.0
        high, low = high + heavy * max(0.0, both - high), low - heavy * max(0.0, both + low)
        return float(self.value - high * self.error), float(self.value - low * self.error)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the share of resamples as far from the figure as the figure from the bound; never quite zero."""
        if self._heavy():
            return max(by_widening(self, bound, above=above), _share(0, len(self.deviations)))
        beyond = (self.value - bound) / self.error
        further = self.deviations >= beyond if above else self.deviations <= beyond
        return _share(int(np.count_nonzero(further)), len(self.deviations))

    def _heavy(self) -> float:
        return min(1.0, max(0.0, (_MANY - self.carried_by) / (_MANY - _FEW)))


@dataclass(frozen=True, slots=True)
class Corrected:
    """A figure with its resamples, corrected for bias and for skewness (Efron's BCa); ``draws`` are sorted."""

    value: float
    draws: Floats
    acceleration: float
    method: str

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the corrected quantiles of the resamples."""
        tails = ndtri(np.array([(1 - level) / 2, (1 + level) / 2])) + self._bias()
        corrected = ndtr(self._bias() + tails / np.maximum(1e-3, 1 - self.acceleration * tails))
        low, high = np.quantile(self.draws, corrected)
        return float(low), float(high)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the level at which the interval ends at the bound."""
        at_most, below = (np.searchsorted(self.draws, bound, side=side) for side in ("right", "left"))
        share = _share(int(at_most if above else len(self.draws) - below), len(self.draws))
        bias = self._bias() if above else -self._bias()
        moved = float(ndtri(share)) - bias if share < 1 else np.inf
        acceleration = self.acceleration if above else -self.acceleration
        if not np.isfinite(moved):
            return 1.0
        return float(ndtr(moved / max(1e-3, 1 + acceleration * moved) - bias))

    def _bias(self) -> float:
        below = np.searchsorted(self.draws, self.value, side="left")
        upto = np.searchsorted(self.draws, self.value, side="right")
        share = ((below + upto) / 2 + 0.5) / (len(self.draws) + 1)
        return float(ndtri(share))


@dataclass(frozen=True, slots=True)
class Stated:
    """A figure whose own form gives its interval at any level."""

    value: float
    ends: Callable[[float], Interval | None]
    method: str

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the interval at this level."""
        return self.ends(level) or (-np.inf, np.inf)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the level at which the interval ends at the bound."""
        return by_widening(self, bound, above=above)


def by_widening(law: Law, bound: float, *, above: bool) -> float:
    """Find the one-sided p-value at which a law's interval just reaches the bound."""
    low, high = _SMALLEST, 1 - _SMALLEST
    for _ in range(40):
        middle = (low + high) / 2
        edge = law.interval(1 - 2 * middle)[0 if above else 1] if middle < 0.5 else None  # noqa: PLR2004 - half
        if edge is None:
            # Beyond one half the far end of the interval is the one that closes in.
            edge = law.interval(2 * middle - 1)[1 if above else 0]
        low, high = (low, middle) if (edge > bound if above else edge < bound) else (middle, high)
    return high


def _share(part: int, whole: int) -> float:
    return (1 + part) / (1 + whole)
