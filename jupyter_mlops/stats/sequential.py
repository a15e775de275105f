"""Detectors of change in a stream of numbers, for instance a model's errors: ADWIN, Page-Hinkley, DDM.

Each is told one value after the other and says ``True`` where it sees a change; after that it starts anew. They hold a
few numbers each (ADWIN: a few for each doubling of its window), so they can watch a stream for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, log, sqrt
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class Detector(Protocol):
    """Look at a stream for a change."""

    def update(self, value: float) -> bool:
        """Take in the next value; return whether there has been a change."""


@dataclass
class PageHinkley:
    """See a lasting change of the mean, by how far sums of deviations have left their extremes (Page, 1954).

    ``tolerated`` is the deviation that counts for nothing, ``threshold`` how far the sums may go, ``forgetting`` what is
    kept of them at each step; nothing is said before ``fewest`` values.
    """

    fewest: int = 30
    tolerated: float = 0.005
    threshold: float = 50.0
    forgetting: float = 0.9999
    _count: int = 0
    _mean: float = 0.0
    _up: float = 0.0
    _down: float = 0.0
    _lowest: float = inf
    _highest: float = -inf

    def update(self, value: float) -> bool:
        """Take in the next value; return whether the mean has changed."""
        self._count += 1
        self._mean += (value - self._mean) / self._count
        away = value - self._mean
        self._up = self.forgetting * self._up + away - self.tolerated
        self._down = self.forgetting * self._down + away + self.tolerated
        self._lowest = min(self._lowest, self._up)
        self._highest = max(self._highest, self._down)
        farthest = max(self._up - self._lowest, self._highest - self._down)
        changed = self._count >= self.fewest and farthest > self.threshold
        if changed:
            self._count, self._mean, self._up, self._down = 0, 0.0, 0.0, 0.0
            self._lowest, self._highest = inf, -inf
        return changed


@dataclass
class DDM:
    """See errors (1, else 0) become more frequent than they were at best (Gama and others, 2004).

    ``warning`` is true while the rate is beyond 2 standard deviations of the best; 3 are a change.
    """

    fewest: int = 30
    warning_at: float = 2.0
    change_at: float = 3.0
    warning: bool = False
    _count: int = 0
    _rate: float = 0.0
    _best: tuple[float, float] = (inf, inf)

    def update(self, value: float) -> bool:
        """Take in whether the next prediction was wrong; return whether errors have become more frequent."""
        self._count += 1
        self._rate += (value - self._rate) / self._count
        if self._count <= self.fewest:
            return False
        # A rate of 0 by rounding may come out just below it.
        spread = sqrt(max(self._rate * (1 - self._rate), 0.0) / self._count)
        level = self._rate + spread
        if level <= sum(self._best):
            self._best = (self._rate, spread)
        lowest, of_lowest = self._best
        self.warning = level > lowest + self.warning_at * of_lowest
        changed = level > lowest + self.change_at * of_lowest
        if changed:
            self._count, self._rate, self._best, self.warning = 0, 0.0, (inf, inf), False
        return changed


@dataclass
class _Bucket:
    total: float
    squares: float


@dataclass
class ADWIN:
    """Keep a window of the latest values that is as long as its mean has not changed (Bifet and Gavaldà, 2007).

    Where two parts of the window differ in mean by more than chance allows (``level``), the older part goes, and a change
    is said. Values are kept summed up in buckets of 1, 2, 4, ... values, five of each size.
    """

    level: float = 0.002
    every: int = 32
    fewest: int = 10
    shortest: int = 5
    most: int = 5
    width: int = 0
    total: float = 0.0
    squares: float = 0.0
    _seen: int = 0
    _changed: bool = False
    _rows: list[list[_Bucket]] = field(default_factory=lambda: [[]])

    @property
    def mean(self) -> float:
        """The mean of the window."""
        return self.total / self.width if self.width else 0.0

    def update(self, value: float) -> bool:
        """Take in the next value; return whether the mean has changed: then the window is its latest part only."""
        if self._changed:
            # Anew, or what is left of the old part would be told as further changes.
            self._seen, self.width, self.total, self.squares, self._rows = 0, 0, 0.0, 0.0, [[]]
        self._seen += 1
        self._changed = False
        self._insert(value)
        if self._seen % self.every or self.width <= self.fewest:
            return False
        while self._cut():
            self._changed = True
        return self._changed

    def _insert(self, value: float) -> None:
        # ``squares`` are squared deviations from the mean, which two parts join to those of the whole.
        if self.width:
            self.squares += self.width * (value - self.mean) ** 2 / (self.width + 1)
        self.width += 1
        self.total += value
        self._rows[0].append(_Bucket(value, 0.0))
        for exponent, row in enumerate(self._rows):
            if len(row) <= self.most:
                break
            if exponent + 1 == len(self._rows):
                self._rows.append([])
            first, second = row.pop(0), row.pop(0)
            size = 1 << exponent
            apart = (first.total - second.total) / size
            joined = first.squares + second.squares + apart * apart * size / 2
            self._rows[exponent + 1].append(_Bucket(first.total + second.total, joined))

    def _cut(self) -> bool:
        """Drop the oldest bucket where some split of the window shows a change."""
        before, sum_before = 0, 0.0
        for exponent in range(len(self._rows) - 1, -1, -1):
            for bucket in self._rows[exponent]:
                before += 1 << exponent
                sum_before += bucket.total
                after = self.width - before
                if after < self.shortest:
                    return False
                if before >= self.shortest and self._differ(before, sum_before, after):
                    self._drop()
                    return True
        return False

    def _differ(self, before: int, sum_before: float, after: int) -> bool:
        gap = abs(sum_before / before - (self.total - sum_before) / after)
        chance = log(2 * log(self.width) / self.level)
        parts = 1 / (before - self.shortest + 1) + 1 / (after - self.shortest + 1)
        return gap > sqrt(2 * parts * self.squares / self.width * chance) + 2 / 3 * chance * parts

    def _drop(self) -> None:
        exponent = len(self._rows) - 1
        oldest = self._rows[exponent].pop(0)
        size = 1 << exponent
        self.width -= size
        self.total -= oldest.total
        if self.width:
            apart = oldest.total / size - self.mean
            self.squares -= oldest.squares + size * self.width * apart * apart / (size + self.width)
            self.squares = max(self.squares, 0.0)
        while len(self._rows) > 1 and not self._rows[-1]:
            self._rows.pop()


def changes(detector: Detector, values: Iterable[float]) -> list[int]:
    """Return where in a stream a detector sees changes: the places of the values at which it says so."""
    return [place for place, value in enumerate(values) if detector.update(float(value))]
