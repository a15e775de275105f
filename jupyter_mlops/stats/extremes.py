"""Intervals of the largest gap between groups, and of the smallest ratio.

Resampling a maximum misleads. Its draws lie above it, and those of a gap never reach 0, so that a perfectly fair model
would never be covered. Here each contrast (a pair of groups) has an interval of its own, and all contrasts that may be the
extreme one hold jointly: with one clear worst that is its own interval, with many alike it is as wide as choosing among
them asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Limits: TypeAlias = Callable[[float], tuple[Floats, Floats]]

# Contrasts that lie apart by more than these standard errors of both are not both taken for the extreme one.
_APART = 1.5
_DRAWS = 10_000
# Of the draws' memory: with more contrasts than that they are fewer.
_MOST_DRAWN = 10_000_000
_FEWEST_DRAWS = 1_000
# A quantile is that of the draws where so many lie beyond it.
_SEEN = 20


class _Family(NamedTuple):
    """Hold contrasts of ``first`` against ``second``, their limits, and how they hang together."""

    limits: Limits
    first: Codes
    second: Codes
    # What an error of one standard deviation in first and second does to the contrast.
    loads: tuple[Floats, Floats]
    sources: int


class Extreme:
    """Collect contrasts, and give the interval of the largest (of ratios: of the smallest)."""

    def __init__(self, *, ratio: bool = False) -> None:
        """Start without contrasts, of differences or of ratios."""
        self._ratio = ratio
        self._families: list[_Family] = []

    def add_shares(self, hits: Floats, base: Floats) -> None:
        """Add all pairs of groups' shares ``hits / base``, counted apart from each other."""
        self._add_pairs(hits / base, lambda z: wilson(hits, base, z))

    def add_means(self, means: Floats, errors: Floats, rows: Floats) -> None:
        """Add all pairs of groups' means with their standard errors, over that many rows each."""
        self._add_pairs(means, lambda z: student(means, errors, rows, z))

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return the interval of the extreme contrast; None where no contrast has limits."""
        candidates, furthest = self._candidates
        if not candidates.any():
            return None
        low, high = (
            ends[candidates] for ends in self._limits(_critical(furthest, int(candidates.sum()), level))
        )
        if self._ratio:
            return float(low.min()), float(high.min())
        return float(low.max()), float(high.max())

    def _add_pairs(self, centres: Floats, limits: Limits) -> None:
        first, second = np.triu_indices(len(centres), 1)
        low, high = limits(1.0)
        spread = (high - low) / 2
        if self._ratio:
            spread = spread / np.maximum((high + low) / 2, np.finfo(np.float64).tiny)
        both = np.sqrt(spread[first] ** 2 + spread[second] ** 2)
        whole = np.where(both > 0, both, 1.0)
        paired = _ratios if self._ratio else _differences

        def of_pairs(z: float) -> tuple[Floats, Floats]:
            low, high = limits(z)
            of_first = (centres[first], low[first], high[first])
            return paired(of_first, (centres[second], low[second], high[second]))

        loads = (spread[first] / whole, -spread[second] / whole)
        self._families.append(_Family(of_pairs, first, second, loads, len(centres)))

    def _limits(self, z: float) -> tuple[Floats, Floats]:
        ends = [family.limits(z) for family in self._families]
        return np.concatenate([low for low, _ in ends]), np.concatenate([high for _, high in ends])

    @cached_property
    def _candidates(self) -> tuple[NDArray[np.bool_], Floats]:
        """Say which contrasts may be the extreme one, and draw how far the furthest of them strays."""
        if not self._families:
            return np.zeros(0, dtype=bool), np.zeros(0)
        low, high = self._limits(_APART)
        known = np.isfinite(low) & np.isfinite(high)
        if not known.any():
            return known, np.zeros(0)
        near = low <= high[known].min() if self._ratio else high >= low[known].max()
        return known & near, self._furthest(known & near)

    def _furthest(self, candidates: NDArray[np.bool_]) -> Floats:
        """Draw errors of all groups, and return the largest of any candidate in each draw, in standard deviations."""
        random = np.random.default_rng(0)
        furthest, start = np.zeros(max(_FEWEST_DRAWS, min(_DRAWS, _MOST_DRAWN // int(candidates.sum())))), 0
        for family in self._families:
            chosen = np.flatnonzero(candidates[start : start + len(family.first)])
            start += len(family.first)
            noise = random.standard_normal((len(furthest), family.sources))
            if not len(chosen):
                continue
            errors = (
                noise[:, family.first[chosen]] * family.loads[0][chosen]
                + noise[:, family.second[chosen]] * family.loads[1][chosen]
            )
            np.maximum(furthest, np.abs(errors).max(axis=1), out=furthest)
        return furthest


def _critical(furthest: Floats, contrasts: int, level: float) -> float:
    """Return how many standard deviations all contrasts keep within at a time, with probability ``level``."""
    tail = 1 - level
    # Beyond what the draws show, each contrast gets its part of the tail, which is a little too wide.
    if contrasts == 1 or tail * len(furthest) < _SEEN:
        return float(special.ndtri(1 - tail / (2 * contrasts)))
    return float(np.quantile(furthest, level))


def wilson(hits: Floats, base: Floats, z: float) -> tuple[Floats, Floats]:
    """Return the limits of shares (Wilson's score interval), ``z`` standard deviations to either side."""
    share, slack = hits / base, z * z / base
    middle = (share + slack / 2) / (1 + slack)
    half = np.sqrt(slack * share * (1 - share) + slack**2 / 4) / (1 + slack)
    # At the ends rounding would leave a limit a hair inside.
    low = np.where(hits == 0, 0.0, middle - half)
    high = np.where(hits == base, 1.0, middle + half)
    return np.minimum(low, share), np.maximum(high, share)


def student(means: Floats, errors: Floats, rows: Floats, z: float) -> tuple[Floats, Floats]:
    """Return the limits of means, as wide in Student's distribution as ``z`` is in the normal one."""
    reach = special.stdtrit(np.maximum(rows - 1, 1), special.ndtr(z)) * errors
    return means - reach, means + reach


_Shares: TypeAlias = tuple[Floats, Floats, Floats]


def _differences(first: _Shares, second: _Shares) -> tuple[Floats, Floats]:
    """Return the limits of absolute differences (Newcombe's method 10)."""
    (p, low_p, high_p), (q, low_q, high_q) = first, second
    low = p - q - np.sqrt((p - low_p) ** 2 + (high_q - q) ** 2)
    high = p - q + np.sqrt((high_p - p) ** 2 + (q - low_q) ** 2)
    # Adding zero turns -0.0 to 0.0.
    return np.maximum(np.maximum(low, -high), 0.0), np.maximum(high, -low) + 0.0


def _ratios(first: _Shares, second: _Shares) -> tuple[Floats, Floats]:
    """Return the limits of the smaller over the larger (Donner and Zou's method of variance estimates recovery)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = _quotients(first, second)
    swapped_low = np.where(high > 0, 1 / np.where(high > 0, high, 1.0), 0.0)
    swapped_high = np.where(low > 0, 1 / np.where(low > 0, low, 1.0), np.inf)
    level = (low <= 1) & (high >= 1)
    return np.minimum(low, swapped_low), np.where(level, 1.0, np.where(high < 1, high, swapped_high))


def _quotients(first: _Shares, second: _Shares) -> tuple[Floats, Floats]:
    (p, low_p, high_p), (q, low_q, high_q) = first, second
    product = p * q
    below = np.maximum(product**2 - low_p * (2 * p - low_p) * high_q * (2 * q - high_q), 0.0)
    above = np.maximum(product**2 - high_p * (2 * p - high_p) * low_q * (2 * q - low_q), 0.0)
    least, most = high_q * (2 * q - high_q), low_q * (2 * q - low_q)
    low = np.where(least > 0, (product - np.sqrt(below)) / np.where(least > 0, least, 1.0), 0.0)
    high = np.where(most > 0, (product + np.sqrt(above)) / np.where(most > 0, most, 1.0), np.inf)
    return np.maximum(low, 0.0), high
