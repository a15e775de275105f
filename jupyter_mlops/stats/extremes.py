"""Intervals of the worst of several: the largest gap between groups, the smallest ratio, the worst slice.

Resampling a maximum misleads. Its draws lie above it, and those of a gap never reach 0, so that a perfectly fair model
would never be covered. Here each contrast (a slice, or a pair of groups) has an interval of its own, and all contrasts that
may be the extreme one hold jointly: with one clear worst that is its own interval, with many alike it is as wide as
choosing among them asks for.
"""

from __future__ import annotations

from collections.abc import Callable
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


class _Family(NamedTuple):
    """Hold contrasts (of ``first`` against ``second``, or by itself), their limits, and how they hang together."""

    limits: Limits
    first: Codes
    second: Codes
    # What an error of one standard deviation in first and second does to the contrast.
    loads: tuple[Floats, Floats]
    sources: int


class Extreme:
    """Collect contrasts, and give the interval of the largest (of ratios: of the smallest)."""

    def __init__(self, *, ratio: bool = False, lowest: bool = False) -> None:
        """Start without contrasts; ``ratio`` for ratios of pairs, ``lowest`` for the lowest of figures."""
        self._ratio = ratio
        self._lowest = ratio or lowest
        self._families: list[_Family] = []

    def add_shares(self, hits: Floats, base: Floats) -> None:
        """Add all pairs of groups' shares ``hits / base``, counted apart from each other."""
        self._add_pairs(hits / base, lambda z: wilson(hits, base, z))

    def add_means(self, means: Floats, errors: Floats, rows: Floats) -> None:
        """Add all pairs of groups' means with their standard errors, over that many rows each."""
        self._add_pairs(means, lambda z: student(means, errors, rows, z))

    def add_figures(self, limits: Limits, figures: int) -> None:
        """Add figures that are compared as they are; ``limits`` gives their ends at so many standard deviations."""
        alone = np.arange(figures)
        self._families.append(_Family(limits, alone, alone, (np.ones(figures), np.zeros(figures)), figures))

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return the interval of the extreme contrast; None where no contrast has limits."""
        if not self._families:
            return None
        low, high = self._limits(_APART)
        candidates = np.isfinite(low) & np.isfinite(high)
        if not candidates.any():
            return None
        if self._lowest:
            candidates &= low <= high[candidates].min()
        else:
            candidates &= high >= low[candidates].max()
        low, high = self._limits(self._critical(candidates, level))
        ends = (low[candidates], high[candidates])
        return (
            (float(ends[0].min()), float(ends[1].min()))
            if self._lowest
            else (float(ends[0].max()), float(ends[1].max()))
        )

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

    def _critical(self, candidates: NDArray[np.bool_], level: float) -> float:
        """Return how many standard deviations all candidates keep within at a time, with probability ``level``."""
        if candidates.sum() == 1:
            return float(special.ndtri((1 + level) / 2))
        random = np.random.default_rng(0)
        draws = int(max(500, min(_DRAWS, _MOST_DRAWN // candidates.sum())))
        furthest, start = np.zeros(draws), 0
        for family in self._families:
            chosen = np.flatnonzero(candidates[start : start + len(family.first)])
            start += len(family.first)
            noise = random.standard_normal((draws, family.sources))
            if not len(chosen):
                continue
            errors = (
                noise[:, family.first[chosen]] * family.loads[0][chosen]
                + noise[:, family.second[chosen]] * family.loads[1][chosen]
            )
            np.maximum(furthest, np.abs(errors).max(axis=1), out=furthest)
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
