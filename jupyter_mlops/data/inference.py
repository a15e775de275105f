"""Infer what to expect of a dataset from one version of it: what the next may look like, and what would be a fault.

What is inferred holds for that version. How much room it leaves is measured by ``benchmarks/expectations.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.data.column_types import as_type, hashes
from jupyter_mlops.data.frames import plain
from jupyter_mlops.data.repeats import Repeats
from jupyter_mlops.data.shapes import Shapes
from jupyter_mlops.records.expectation import ColumnExpectation, Expectations, Limits
from jupyter_mlops.stats.sketches import Quantiles, weighted_quantiles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from jupyter_mlops.data.column_types import Series
    from jupyter_mlops.records.expectation import ColumnType

# Up to so many different values are listed.
LISTED = 50
# Beside a rule on their form, words get one on their length; with so much room.
_LONGER = 2
_LEAST = 20
# Values are all there are where each came so often: counts of things thin out to their largest, codes don't.
_OFTEN = 20
# The tail that tells how far values may reach: the outermost hundredth, or ten values.
_TAIL = 0.01
_TAIL_VALUES = 10
_WIDEST_TAIL = 0.1
_ROOM = 0.25
_HEAVIEST = 5.0
_EXACT = 1 << 53
_LONGEST_VALUE = 60
# Of so many different numbers in one part of a table a tenth is expected.
_MANY = 1000
# Of numbers drawn at random so many repeats are neither sure to come nor sure to stay away.
_PERHAPS = (0.01, 5.0)
_STRICT = (0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)


@dataclass
class _Seen:
    """What was seen of one column; ``kinds`` are the types that its parts had."""

    kinds: set[str] = field(default_factory=set)
    rows: int = 0
    present: int = 0
    numbers: tuple[Any, Any] | None = None
    dated: tuple[Any, Any] | None = None
    infinite: bool = False
    counts: dict[Any, int] | None = field(default_factory=dict)
    different: int = 0
    quantiles: Quantiles = field(default_factory=Quantiles)
    longest: int = 0
    shapes: Shapes = field(default_factory=Shapes)
    dates: bool = True
    repeats: Repeats | None = field(default_factory=Repeats)

    def see(self, values: Series, *, from_text: bool) -> None:
        """Look at the next part."""
        start, self.rows = self.rows, self.rows + len(values)
        kind = type_of(values)
        present = values.dropna()
        if kind is None or present.empty:
            self.kinds |= {"other"} if len(present) else set()
            self.present += len(present)
            return
        self.kinds.add(kind)
        self.present += len(present)
        typed, _ = as_type(present, kind, from_text=from_text)
        if kind in ("text", "integer"):
            self._count(typed, start)
        if kind == "text":
            self._words(typed)
        elif kind != "boolean":
            self._range(typed, kind)

    def _count(self, values: Series, start: int) -> None:
        if self.repeats is not None:
            own = hashes([values])
            self.repeats.add(own, start + np.arange(len(own)))
            if len(np.unique(own)) < len(own):
                self.repeats.close()
                self.repeats = None
        if self.counts is not None:
            for value, count in values.value_counts().items():
                self.counts[value] = self.counts.get(value, 0) + int(count)
                if len(self.counts) > LISTED:
                    self.counts = None
                    break

    def _words(self, values: Series) -> None:
        words = values.unique()
        self.longest = max(self.longest, *map(len, words))
        self.shapes.add(words)
        if self.dates:
            # A file without types has dates as words.
            self.dates = _is_date(words[0])
            found, wrong = as_type(
                pd.Series(words if self.dates else [], dtype=object), "date", from_text=True
            )
            self.dates = self.dates and not wrong.any()
            if self.dates:
                self.dated = _wider(self.dated, found)

    def _range(self, values: Series, kind: ColumnType) -> None:
        if kind == "number":
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
            self.infinite = self.infinite or not np.isfinite(numbers).all()
            values = values[np.isfinite(numbers)]
            if values.empty:
                return
        if self.different <= _MANY:
            self.different = max(self.different, values.nunique())
        if kind != "date":
            self.quantiles = self.quantiles.merge(Quantiles.of(values.to_numpy(dtype=np.float64)))
        if kind == "date":
            self.dated = _wider(self.dated, values)
        else:
            self.numbers = _wider(self.numbers, values)


def _wider(before: tuple[Any, Any] | None, values: Series) -> tuple[Any, Any]:
    """Return the smallest and the largest value of what was seen before and of these."""
    low, high = values.min(), values.max()
    return (low, high) if before is None else (min(before[0], low), max(before[1], high))


def infer(
    name: str, parts: Callable[[Collection[str]], Iterable[pd.DataFrame]], *, from_text: bool
) -> Expectations:
    """Return what to expect of the next versions of a dataset.

    Args:
        name: the dataset's.
        parts: gives a version's parts, in which some columns were read as words.
        from_text: whether the file has no types of its own, as CSV.
    """
    words: set[str] = set()
    while True:
        seen: dict[str, _Seen] = {}
        rows = 0
        for part in parts(words):
            rows += len(part)
            for place, column in enumerate(part.columns):
                one = seen.setdefault(str(column), _Seen())
                one.see(part.iloc[:, place].reset_index(drop=True), from_text=from_text)
        # A column that begins with numbers and goes on with words is words, and is read again.
        mixed = {column for column, one in seen.items() if "text" in one.kinds and len(one.kinds) > 1}
        if not from_text or mixed <= words:
            break
        words |= mixed
    columns = tuple(_expectation(column, one) for column, one in seen.items())
    least = _rounded_down(rows / 2)
    return Expectations(
        name=name,
        rows=Limits(min=least) if least else None,
        columns=columns,
        other_columns="refused",
    )


def type_of(values: Series) -> ColumnType | None:
    """Return the type that all values of a column have; None where they have several, or one that has no name here."""
    present = values.dropna()
    if isinstance(present.dtype, pd.StringDtype):
        return "text"
    if isinstance(present.dtype, pd.CategoricalDtype):
        present = present.astype(present.dtype.categories.dtype)
    kinds: tuple[ColumnType, ...] = ("boolean", "integer", "number", "text", "date")
    return next((kind for kind in kinds if not as_type(present, kind, from_text=False)[1].any()), None)


def _is_date(word: str) -> bool:
    one = pd.Series([word], dtype=object)
    return len(word) >= len("2026-01-31") and not as_type(one, "date", from_text=True)[1].any()


def _expectation(name: str, seen: _Seen) -> ColumnExpectation:
    missing = _missing(seen)
    kind = _kind(seen)
    if kind is None:
        return ColumnExpectation(name=name, missing=missing)
    fields: dict[str, Any] = {"type": kind, "missing": missing}
    unique = _is_key(seen)
    if kind in ("text", "integer") and unique:
        fields["unique"] = True
    listed = _listed(seen, kind)
    if listed:
        fields |= listed
    elif kind == "text":
        fields |= _form(seen)
    elif kind == "date":
        fields |= _since(seen)
    elif kind == "integer" and unique:
        # Keys go on, and the next version's may all be others.
        fields |= {"min": 0} if seen.numbers is not None and seen.numbers[0] >= 0 else {}
    elif kind != "boolean":
        fields |= _between(seen, kind)
    return ColumnExpectation(name=name, **fields)


def _is_key(seen: _Seen) -> bool:
    """Say whether no value came twice, and whole numbers not by mere luck: five digits at random often don't."""
    if seen.repeats is None or seen.present < _LEAST or seen.repeats.found(1)[0]:
        return False
    if seen.numbers is None:
        return True
    low, high = map(int, seen.numbers)
    repeats = seen.present * (seen.present - 1) / 2 / (high - low + 1)
    return not _PERHAPS[0] < repeats < _PERHAPS[1]


def _kind(seen: _Seen) -> ColumnType | None:
    if seen.kinds == {"text"} and seen.dates and seen.present:
        return "date"
    if len(seen.kinds) == 1:
        (kind,) = seen.kinds
        return kind if kind != "other" else None  # type: ignore[return-value]  # one of type_of's
    return "number" if seen.kinds == {"integer", "number"} else None


def _missing(seen: _Seen) -> float | None:
    share = 1 - seen.present / seen.rows if seen.rows else 0.0
    if not 0 < share < 1:
        return None if share else 0.0
    room = max(1.5 * share, share + 4 * math.sqrt(share * (1 - share) / seen.rows))
    return next((limit for limit in _nice_shares() if limit >= room), None)


def _nice_shares() -> list[float]:
    return [
        *(tenth / 10_000 for tenth in (1, 2, 5, 10, 20, 50)),
        *(percent / 100 for percent in (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90)),
    ]


def _listed(seen: _Seen, kind: ColumnType) -> dict[str, Any]:
    """Return the values as a list, where they are all of a few; new ones may come as often as seldom ones came."""
    counts = seen.counts
    if not counts or kind not in ("text", "integer") or seen.present < _LEAST:
        return {}
    if any(
        isinstance(value, str) and (len(value) > _LONGEST_VALUE or not value.isprintable())
        for value in counts
    ):
        return {}
    # A missing value makes floats of whole numbers.
    values = tuple(sorted(int(value) if kind == "integer" else plain(value) for value in counts))
    if min(counts.values()) >= _OFTEN:
        return {"one_of": values}
    if kind == "integer":
        return {}
    # Good and Turing: new values come about as often as those did that came once; with room for a few more.
    once = sum(1 for count in counts.values() if count == 1)
    share = 1 - (_TAIL_VALUES + 2 * once) / seen.present
    mostly = next((limit for limit in _STRICT if limit <= share), None)
    return {"one_of": values, "mostly": mostly} if mostly else {}


def _form(seen: _Seen) -> dict[str, Any]:
    pattern = seen.shapes.pattern() if seen.present >= _LEAST else ""
    if pattern:
        return {"pattern": pattern}
    return {"length": Limits(max=_rounded_up(max(_LONGER * seen.longest, 1)))}


def _since(seen: _Seen) -> dict[str, Any]:
    """Dates go on: only how far back they reach is told."""
    if seen.dated is None:
        return {}
    low, high = map(pd.Timestamp, seen.dated)
    try:
        return {"min": str((low - (high - low)).date())}
    except (ValueError, OverflowError):
        return {}


def _between(seen: _Seen, kind: ColumnType) -> dict[str, Any]:
    if seen.numbers is None or max(abs(int(each)) for each in seen.numbers) > _EXACT:
        return {}
    low, high = map(float, seen.numbers)
    tail = min(max(_TAIL, _TAIL_VALUES / seen.present), _WIDEST_TAIL)
    at = np.array([5 * tail, tail, 1 - tail, 1 - 5 * tail])
    inner_low, outer_low, outer_high, inner_high = weighted_quantiles(*seen.quantiles.weighted(), at)
    room = _ROOM * (high - low)
    least = low - max(room, _reach(outer_low - low, inner_low - outer_low))
    most = high + max(room, _reach(high - outer_high, outer_high - inner_high))
    # What was never below zero, or never a share above one, had a reason for it.
    least = max(least, 0.0) if low >= 0 else least
    most = min(most, 0.0) if high <= 0 else most
    most = min(most, 1.0) if kind == "number" and low >= 0 and high <= 1 else most
    step = 10.0 ** (math.floor(math.log10(most - least)) - 1) if most > least else 1.0
    step = max(step, 1.0) if kind == "integer" else step
    found: dict[str, Any] = {}
    if not seen.infinite:
        found["min"] = _plain(math.floor(least / step) * step if step else least, low, min)
        found["max"] = _plain(math.ceil(most / step) * step if step else most, high, max)
    if kind == "number" and seen.different > LISTED:
        found["distinct"] = Limits(min=_rounded_down(min(seen.different, _MANY) / 10))
    return found


def _reach(beyond: float, within: float) -> float:
    """Return how far past the outermost value another may lie: the further, the heavier the tail.

    Args:
        beyond: from the outer quantile to the outermost value.
        within: from the inner quantile to the outer one.
    """
    heaviness = min(beyond / within, _HEAVIEST) if within > 0 else 1.0
    return beyond * (1 + 3 * heaviness)


def _plain(value: float, seen: float, outer: Callable[[float, float], float]) -> int | float:
    """Return a bound in few digits, which never cuts off what was seen."""
    short = outer(float(f"{value:.12g}"), seen)
    return int(short) if short == int(short) else short


def _rounded_down(value: float) -> int:
    """Return a whole number of two digits and zeros that is no larger."""
    step: int = 10 ** max(0, len(str(int(value))) - 2)
    return int(value) // step * step


def _rounded_up(value: float) -> int:
    step: int = 10 ** max(0, len(str(math.ceil(value))) - 2)
    return -(-math.ceil(value) // step) * step
