"""Axes of small pictures, and how figures are written beside them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mlops.evaluation.conditions import Operator

# Beyond these digits are hard to count.
_LARGE, _SMALL = 1e5, 1e-4
_ROOM = 0.12
_SURE = 0.001


class Bar(Value, frozen=True, kw_only=True):
    """Place a figure on its axis, each place as a share of the width; ``words`` say the same to a screen reader.

    ``ends`` are the interval's, ``mark`` is what the figure is held against, ``zero`` no difference, ``holds`` the stretch
    on which the condition holds, and ``base`` where the figure is drawn from, where it is an amount.
    """

    at: float
    ends: tuple[float, float] | None = None
    mark: float | None = None
    zero: float | None = None
    holds: tuple[float, float] | None = None
    base: float | None = None
    words: str = ""


class Axis(Value, frozen=True):
    """Span the figures from ``low`` to ``high``; ``in_shares`` says that they are written as shares."""

    low: float
    high: float
    in_shares: bool = False

    def place(self, figure: float) -> float:
        """Return where a figure stands; what is beyond an end stands at it."""
        return round(min(max((figure - self.low) / (self.high - self.low), 0.0), 1.0), 4)

    def bar(
        self,
        value: float,
        ends: tuple[float, float] | None,
        *,
        mark: float | None = None,
        zero: float | None = None,
        holds: Operator | None = None,
        base: float | None = None,
        words: str = "",
    ) -> Bar:
        """Place a figure with its interval; ``holds`` says on which side of ``mark`` its condition holds."""
        tick = None if mark is None else self.place(mark)
        stretch = None
        if tick is not None and holds is not None:
            stretch = (tick, 1.0) if holds.startswith(">") else (0.0, tick)
        return Bar(
            at=self.place(value),
            ends=None if ends is None else (self.place(ends[0]), self.place(ends[1])),
            mark=tick,
            zero=None if zero is None else self.place(zero),
            holds=stretch,
            base=None if base is None else self.place(base),
            words=words,
        )


def around(*figures: float) -> Axis | None:
    """Return an axis on which figures have room to both sides; None where they have no axis."""
    finite = [figure for figure in figures if math.isfinite(figure)]
    if not finite or any(math.isnan(figure) for figure in figures):
        return None
    low, high = min(finite), max(finite)
    room = (high - low) * _ROOM or abs(high) * _ROOM or 1.0
    low, high = low - room, high + room
    # What spans more than there are numbers for has no width.
    return Axis(low, high) if math.isfinite(high - low) else None


def of_shares(figures: Iterable[float]) -> Axis:
    """Return an axis in tenths between 0 and 1 for figures that are shares, so that several can be compared."""
    known = [figure for figure in figures if math.isfinite(figure)]
    low = math.floor(round(min(known, default=0.0) * 10, 6)) / 10
    high = math.ceil(round(max(known, default=1.0) * 10, 6)) / 10
    return Axis(max(0.0, min(low, 0.9)), min(1.0, max(high, low + 0.1)), in_shares=True)


def number(value: float, *, signed: bool = False, digits: int = 4) -> str:
    """Write a figure as people read it: that many digits, and all before the point."""
    sign = "+" if signed else ""
    size = abs(value)
    if math.isfinite(value) and (size >= _LARGE or 0 < size < _SMALL):
        return f"{value:{sign}.{digits - 1}e}"
    whole = size >= 10 ** (digits - 1) and math.isfinite(value)
    return f"{value:{sign},.0f}" if whole else f"{value:{sign}.{digits}g}"


def share(value: float) -> str:
    """Write a share, as exactly as the others of its chart."""
    return f"{value:.3f}"


def interval(ends: tuple[float, float], *, signed: bool = False) -> str:
    """Write an interval, both ends with the decimals that three digits of the larger one need."""
    words = [number(end, signed=signed, digits=3) for end in ends]
    largest = max(map(abs, ends))
    if all(math.isfinite(end) and "e" not in each for end, each in zip(ends, words, strict=True)) and largest:
        sign, decimals = "+" if signed else "", max(0, 2 - math.floor(math.log10(largest)))
        rounded = [f"{end:{sign},.{decimals}f}" for end in ends]
        while all("." in each and each[-1] in "0." for each in rounded):
            rounded = [each[:-1] for each in rounded]
        # What isn't nought isn't written so.
        words = [
            new if any(digit in new for digit in "123456789") else old
            for new, old in zip(rounded, words, strict=True)
        ]
    return " to ".join(words)


def p_value(value: float) -> str:
    """Write a p-value as people read it."""
    if value < _SURE:
        return f"p < {_SURE}"
    return f"p > {1 - _SURE}" if value > 1 - _SURE else f"p = {value:.3f}"
