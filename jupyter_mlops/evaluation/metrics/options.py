"""What may stand in a metric's brackets, as in ``f1(average="macro")``: which keywords, and which values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Setting: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Option:
    """Say which values a keyword takes; ``what`` is that in words."""

    what: str
    accepts: Callable[[Setting], bool]


def _is_number(value: Setting) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def between(low: float, high: float) -> Option:
    """Take a number between two, neither of which it may be."""
    return Option(
        f"a number between {low:g} and {high:g}",
        lambda value: _is_number(value) and low < float(value) < high,
    )


def positive() -> Option:
    """Take a number greater than zero."""
    return Option("a number greater than 0", lambda value: _is_number(value) and float(value) > 0)


def number(but: str = "", refused: Callable[[float], bool] = lambda _: False) -> Option:
    """Take any number, but those that ``refused`` says; ``but`` is that in words."""
    return Option(f"a number{but}", lambda value: _is_number(value) and not refused(float(value)))


def whole(low: int = 1) -> Option:
    """Take a whole number of at least ``low``."""
    return Option(
        f"a whole number of at least {low}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= low,
    )


def one_of(*words: str) -> Option:
    """Take one of a few words."""
    return Option(f"one of {', '.join(words)}", lambda value: value in words and isinstance(value, str))


def flag() -> Option:
    """Take True or False."""
    return Option("True or False", lambda value: isinstance(value, bool))


def text(what: str) -> Option:
    """Take a text."""
    return Option(f"{what} in quotes", lambda value: isinstance(value, str) and bool(value))


def label() -> Option:
    """Take a class as the target has it: a text, a number, a truth value."""
    return Option("a class", lambda value: isinstance(value, str | bool) or _is_number(value))
