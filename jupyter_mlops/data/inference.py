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
from jupyter_mlops.stats.sketches import Distinct, Quantiles, weighted_quantiles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from jupyter_mlops.data.column_types import Series
    from jupyter_mlops.records.expectation import ColumnType

# Up to so many different values are listed; whole numbers are codes up to so many.
LISTED = 50
CODES = 12
# Beside a rule on their form, words get one on their length; with so much room.
_LONGER = 2
_LEAST = 20
_OFTEN = 3
_TAIL = 0.01
_ROOM = 0.1
_BEYOND = 3
_EXACT = 1 << 53
_LONGEST_VALUE = 60
_STRICT = (0.99, 0.98, 0.95, 0.9)


@dataclass
class _Seen:
    """What was seen of one column; ``kinds`` are the types that its parts had."""

    kinds: set[str] = field(default_factory=set)
    rows: int = 0
    present: int = 0
    low: Any = None
    high: Any = None
    infinite: bool = False
    counts: dict[Any, int] | None = field(default_factory=dict)
    different: Distinct = field(default_factory=Distinct)
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
        self._count(typed, start)
        if kind == "text":
            self._words(typed)
        elif kind != "boolean":
            self._range(typed, kind)

    def _count(self, values: Series, start: int) -> None:
        own = hashes([values])
        self.different = self.different.merge(Distinct.of(own))
        if self.repeats is not None:
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
            found, wrong = as_type(pd.Series(words, dtype=object), "date", from_text=True)
            self.dates = len(words[0]) >= len("2026-01-31") and not wrong.any()
            if self.dates:
                self._widen(found.min(), found.max())

    def _range(self, values: Series, kind: ColumnType) -> None:
        if kind == "number":
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
            self.infinite = self.infinite or not np.isfinite(numbers).all()
            values = values[np.isfinite(numbers)]
            if values.empty:
                return
        if kind != "date":
            self.quantiles = self.quantiles.merge(Quantiles.of(values.to_numpy(dtype=np.float64)))
        self._widen(values.min(), values.max())

    def _widen(self, low: Any, high: Any) -> None:
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)


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
    columns = {column: _expectation(one) for column, one in seen.items()}
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
    if isinstance(present.dtype, pd.CategoricalDtype):
        present = present.astype(present.dtype.categories.dtype)
    kinds: tuple[ColumnType, ...] = ("boolean", "integer", "number", "text", "date")
    return next((kind for kind in kinds if not as_type(present, kind, from_text=False)[1].any()), None)


def _expectation(seen: _Seen) -> ColumnExpectation:
    missing = _missing(seen)
    kind = _kind(seen)
    if kind is None:
        return ColumnExpectation(missing=missing)
    fields: dict[str, Any] = {"type": kind, "missing": missing}
    unique = seen.repeats is not None and seen.repeats.found(1)[0] == 0 and seen.present >= _LEAST
    if kind in ("text", "integer") and unique:
        fields["unique"] = True
    listed = _listed(seen, kind)
    if listed:
        fields |= listed
    elif kind == "text":
        fields |= _form(seen)
    elif kind == "date":
        fields |= _since(seen)
    elif kind != "boolean":
        fields |= _between(seen, kind, unique=unique)
    return ColumnExpectation(**fields)


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
    seldom = sum(1 for count in counts.values() if count < _OFTEN)
    most = CODES if kind == "integer" else LISTED
    if len(counts) > most or seen.present < 5 * len(counts):
        return {}
    values = tuple(sorted(plain(value) for value in counts))
    if not seldom:
        return {"one_of": values}
    # Good and Turing: new values come about as often as those did that came once; with as much room again.
    share = 1 - 5 * (seldom + 1) / seen.present
    mostly = next((limit for limit in _STRICT if limit <= share), None)
    return {"one_of": values, "mostly": mostly} if mostly and kind == "text" else {}


def _form(seen: _Seen) -> dict[str, Any]:
    pattern = seen.shapes.pattern() if seen.present >= _LEAST else ""
    if pattern:
        return {"pattern": pattern}
    return {"length": Limits(max=_rounded_up(max(_LONGER * seen.longest, 1)))}


def _since(seen: _Seen) -> dict[str, Any]:
    """Dates go on: only how far back they reach is told."""
    if seen.low is None:
        return {}
    low = pd.Timestamp(seen.low)
    try:
        return {"min": str((low - (pd.Timestamp(seen.high) - low)).date())}
    except (ValueError, OverflowError):
        return {}


def _between(seen: _Seen, kind: ColumnType, *, unique: bool) -> dict[str, Any]:
    if seen.low is None or max(abs(int(seen.low)), abs(int(seen.high))) > _EXACT:
        return {}
    low, high = float(seen.low), float(seen.high)
    q_low, q_high = weighted_quantiles(*seen.quantiles.weighted(), np.array([_TAIL, 1 - _TAIL]))
    room = _ROOM * (high - low)
    least, most = low - max(room, _BEYOND * (q_low - low)), high + max(room, _BEYOND * (high - q_high))
    # What was never below zero, or never a share above one, had a reason for it.
    least = max(least, 0.0) if low >= 0 else least
    most = min(most, 0.0) if high <= 0 else most
    most = min(most, 1.0) if kind == "number" and low >= 0 and high <= 1 else most
    step = 10.0 ** (math.floor(math.log10(most - least)) - 1) if most > least else 1.0
    step = max(step, 1.0) if kind == "integer" else step
    found: dict[str, Any] = {"min": _plain(math.floor(least / step) * step, low, min)}
    if not (unique and kind == "integer"):
        found["max"] = _plain(math.ceil(most / step) * step, high, max)
    if seen.infinite:
        found.pop("min"), found.pop("max", None)
    if kind == "number" and seen.different.count > LISTED:
        found["distinct"] = Limits(min=_rounded_down(min(seen.different.count / 10, 100)))
    return found


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
