"""The largest or smallest of several figures: a gap between groups, a worst slice.

The figure that looks most extreme owes a part of that to chance, and the more so the more figures were looked at. So the
end of the interval that lies beyond the others is corrected for all figures that may be the most extreme one. The other
end needs no correction: the true extreme is one of the figures, and that one's interval covers it.
"""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mlops.stats.intervals import LEVEL, Interval, Law, by_widening

# The part of a tail's error that is spent on telling which figures may be the most extreme.
_SPENT = 0.1


@dataclass(frozen=True, slots=True)
class Worst:
    """The largest (``highest``) or smallest of the figures with these laws."""

    laws: tuple[Law, ...]
    highest: bool

    @property
    def method(self) -> str:
        """The method's name."""
        kinds = sorted({law.method for law in self.laws})
        return f"{', '.join(kinds)}; the {'largest' if self.highest else 'smallest'} of {len(self.laws)}"

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the interval; it covers at least as often as ``level`` says."""
        tail = (1 - level) / 2
        ends = [law.interval(level) for law in self.laws]
        wide = [law.interval(1 - 2 * tail * _SPENT) for law in self.laws]
        if self.highest:
            border = max(low for low, _ in wide)
            near = [law for law, (_, high) in zip(self.laws, wide, strict=True) if high >= border]
        else:
            border = min(high for _, high in wide)
            near = [law for law, (low, _) in zip(self.laws, wide, strict=True) if low <= border]
        corrected = 1 - 2 * tail * (1 - _SPENT if len(near) < len(self.laws) else 1.0) / len(near)
        inner = [law.interval(corrected) for law in near]
        if self.highest:
            return max(low for low, _ in inner), max(high for _, high in ends)
        return min(low for low, _ in ends), min(high for _, high in inner)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the level at which the interval ends at the bound."""
        return by_widening(self, bound, above=above)


@dataclass(frozen=True, slots=True)
class Apart:
    """One such figure less another of the same rows times a ``factor``; their errors have a ``correlation``.

    Neither varies like a normal figure, so their own intervals are set against each other: the distances to the ends,
    squared and added, less what both share (Zou's and Donner's variance estimates recovered, 2008).
    """

    values: tuple[float, float]
    laws: tuple[Law, Law]
    correlation: float
    factor: float = 1.0

    @property
    def method(self) -> str:
        """The method's name."""
        return f"{self.laws[0].method}, set against each other"

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the interval of the first less so many times the second."""
        (low1, high1), other = (law.interval(level) for law in self.laws)
        first, (second, low2, high2) = (
            self.values[0],
            (self.factor * each for each in (self.values[1], *other)),
        )
        below = self._distance(first - low1, high2 - second)
        return first - second - below, first - second + self._distance(high1 - first, second - low2)

    def p_value(self, bound: float, *, above: bool) -> float:
        """Return the level at which the interval ends at the bound."""
        return by_widening(self, bound, above=above)

    def _distance(self, one: float, other: float) -> float:
        one, other = max(0.0, one), max(0.0, other)
        return float((one * one + other * other - 2 * self.correlation * one * other) ** 0.5)
