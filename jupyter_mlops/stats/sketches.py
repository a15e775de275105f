"""Small summaries of many values that can be merged: what two parts say together is what the whole says.

``of(a).merge(of(b))`` is ``of(a + b)``: exactly as long as little was seen, within a stated error afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Hashes: TypeAlias = NDArray[np.uint64]

# Values a level of the quantile sketch holds; up to so many in all, it is exact.
LEVEL = 4096
# Values that are counted apart; each count is short by at most one part in so many of all.
COUNTED = 1024
# Hashes that are kept to estimate how many different values there are; the standard error is 1/sqrt of it, 3 %.
HASHES = 1024
_HASH_RANGE = float(1 << 64)


@dataclass(frozen=True)
class Moments:
    """Count, mean, sum of squared differences from the mean, smallest and largest value."""

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Summarise finite values."""
        if not len(values):
            return cls()
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(values.mean())
            m2 = float(np.square(values - mean).sum())
        return cls(len(values), mean, m2, float(values.min()), float(values.max()))

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both together (Chan, Golub and LeVeque's update)."""
        count = self.count + other.count
        if not (self.count and other.count):
            return self if self.count else other
        gap = other.mean - self.mean
        return Moments(
            count,
            self.mean + gap * (other.count / count),
            self.m2 + other.m2 + gap * gap * (self.count * other.count / count),
            min(self.low, other.low),
            max(self.high, other.high),
        )

    @property
    def std(self) -> float:
        """The sample standard deviation; 0 for less than two values."""
        return float(np.sqrt(self.m2 / (self.count - 1))) if self.count > 1 else 0.0


@dataclass(frozen=True)
class Quantiles:
    """Values in levels, as KLL keeps them: one on level h stands for 2**h.

    A full level is sorted and every other value goes one level up, so that a rank is wrong by at most
    ``len(levels) / LEVEL`` of the count; offsets alternate, and it is far less.
    """

    levels: tuple[Floats, ...] = ()

    @classmethod
    def of(cls, values: Floats) -> Quantiles:
        """Summarise finite values."""
        return cls(_compressed([values]))

    def merge(self, other: Quantiles) -> Quantiles:
        """Return the quantiles of both together."""
        height = max(len(self.levels), len(other.levels))
        return Quantiles(
            _compressed([np.concatenate([_at(self.levels, h), _at(other.levels, h)]) for h in range(height)])
        )

    @property
    def exact(self) -> bool:
        """Whether every value stands for itself."""
        return len(self.levels) <= 1

    def weighted(self) -> tuple[Floats, NDArray[np.int64]]:
        """Return the values, sorted, and how many each stands for."""
        if not self.levels:
            return np.empty(0), np.empty(0, dtype=np.int64)
        values = np.concatenate(self.levels)
        weights = np.repeat(1 << np.arange(len(self.levels)), [len(level) for level in self.levels])
        order = np.argsort(values, kind="stable")
        return values[order], weights[order]


@dataclass(frozen=True)
class Frequent:
    """The most frequent values with their counts (Misra and Gries); each may be ``short`` by so much, and no more."""

    counts: dict[Any, int] = field(default_factory=dict)
    short: int = 0

    @classmethod
    def of(cls, values: NDArray[Any], counts: NDArray[np.int64]) -> Frequent:
        """Summarise different values that were counted."""
        cut = _cut(counts)
        if not cut:
            return cls(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        stay = np.flatnonzero(counts > cut)
        return cls(dict(zip(values[stay].tolist(), (counts[stay] - cut).tolist(), strict=True)), cut)

    def merge(self, other: Frequent) -> Frequent:
        """Return the most frequent values of both together."""
        counts = dict(self.counts)
        for value, count in other.counts.items():
            counts[value] = counts.get(value, 0) + count
        cut = _cut(np.fromiter(counts.values(), dtype=np.int64, count=len(counts)))
        left = {value: count - cut for value, count in counts.items() if count > cut}
        return Frequent(left, self.short + other.short + cut)


@dataclass(frozen=True)
class Distinct:
    """How many different values there are, from the smallest hashes of them."""

    smallest: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    @classmethod
    def of(cls, hashes: Hashes) -> Distinct:
        """Summarise the hashes of values; equal values have equal hashes."""
        return cls(np.unique(hashes)[:HASHES])

    def merge(self, other: Distinct) -> Distinct:
        """Return the count of both together."""
        return Distinct.of(np.concatenate([self.smallest, other.smallest]))

    @property
    def exact(self) -> bool:
        """Whether every different value's hash is still here."""
        return len(self.smallest) < HASHES

    @property
    def count(self) -> int:
        """The number of different values; an estimate where it isn't ``exact``."""
        if self.exact:
            return len(self.smallest)
        return round((HASHES - 1) / ((float(self.smallest[-1]) + 1.0) / _HASH_RANGE))


def weighted_quantiles(values: Floats, weights: NDArray[np.int64], at: Floats) -> Floats:
    """Return the quantiles of sorted values that stand for so many each, interpolated linearly between neighbours."""
    ends = np.cumsum(weights)
    place = at * (ends[-1] - 1)
    below = np.floor(place)
    low, high = (
        values[np.minimum(np.searchsorted(ends, index, side="right"), len(values) - 1)]
        for index in (below, np.ceil(place))
    )
    with np.errstate(over="ignore", invalid="ignore"):
        between = low + (high - low) * (place - below)
    found: Floats = np.where(low == high, low, between)
    return found


def _at(levels: tuple[Floats, ...], height: int) -> Floats:
    return levels[height] if height < len(levels) else np.empty(0)


def _compressed(levels: list[Floats]) -> tuple[Floats, ...]:
    seen = sum(len(level) << height for height, level in enumerate(levels))
    height = 0
    while height < len(levels):
        if len(levels[height]) > LEVEL:
            ordered = np.sort(levels[height])
            # With an odd one out, that stays; which of two goes up alternates with what was seen.
            odd = len(ordered) % 2
            offset = odd + ((seen >> height) & 1)
            if height + 1 == len(levels):
                levels.append(np.empty(0))
            levels[height + 1] = np.concatenate([levels[height + 1], ordered[offset::2]])
            levels[height] = ordered[:odd]
        height += 1
    return tuple(levels)


def _cut(counts: NDArray[np.int64]) -> int:
    """Return what must be taken from each count so that few enough are left."""
    if len(counts) <= COUNTED:
        return 0
    return int(np.partition(counts, len(counts) - COUNTED - 1)[len(counts) - COUNTED - 1])
