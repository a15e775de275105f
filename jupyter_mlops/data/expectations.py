"""Hold a table against what is expected of it, part by part: memory doesn't grow with the table."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.data import expectation_schema
from jupyter_mlops.data import expectation_text as text_of
from jupyter_mlops.data import expectation_words as words
from jupyter_mlops.data.column_types import as_type, hashes, kind_of
from jupyter_mlops.data.frames import plain
from jupyter_mlops.data.repeats import Repeats
from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.records import relation
from jupyter_mlops.records.expectation import ExpectationResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from jupyter_mlops.data.column_types import Series
    from jupyter_mlops.records.expectation import ColumnExpectation, Expectations

# Of the rows that break an expectation so many are named, with what was found in them.
SHOWN = 5
# Rows that are checked at a time: pandera keeps what it has seen of a table until it is through.
AT_A_TIME = 32_768
_LONGEST = 60
PRESENT = "is there"
_OF_ROWS = ("type", "min", "max", "above", "below", "values", "pattern", "length")


@dataclass
class _Tally:
    """Count the rows that break one expectation, and remember the first."""

    failing: int = 0
    rows: list[int] = field(default_factory=list)
    examples: list[Any] = field(default_factory=list)
    problem: str = ""

    def add(self, places: NDArray[np.int64], start: int, shown: Callable[[int], Any]) -> None:
        self.failing += len(places)
        for place in places[: SHOWN - len(self.rows)].tolist():
            self.rows.append(start + place)
            self.examples.append(shown(place))

    def broken(self, of: int) -> words.Broken:
        return words.Broken(self.failing, of, self.rows, self.examples)


@dataclass
class _Column:
    """What was seen of one column."""

    present: int = 0
    missing: int = 0
    typed: int = 0
    total: float = 0.0
    different: set[int] = field(default_factory=set)
    found: bool = False


def words_of(expected: Expectations) -> set[str]:
    """Return the columns that a text file must be read as words for: ``007`` is not 7 there."""
    return {each.name for each in expected.columns if kind_of(each) == "text"}


def check(
    parts: Callable[[], Iterable[pd.DataFrame]], expected: Expectations, *, from_text: bool
) -> tuple[int, tuple[ExpectationResult, ...]]:
    """Check a table.

    Args:
        parts: gives the table's parts, from the first; asked a second time where repeated rows are to be shown.
        expected: what is expected.
        from_text: whether the file has no types of its own, as CSV.

    Returns:
        How many rows it has, and what came of each expectation, in the order in which they are written.
    """
    with ExitStack() as stack:
        checking = _Checking(expected, stack, from_text=from_text)
        for part in parts():
            # An empty part has columns all the same.
            for start in range(0, max(1, len(part)), AT_A_TIME):
                checking.see(part.iloc[start : start + AT_A_TIME])
        return checking.rows, tuple(checking.results(parts))


class _Checking:
    def __init__(self, expected: Expectations, stack: ExitStack, *, from_text: bool) -> None:
        self.rows = 0
        self._expected = expected
        self._from_text = from_text
        self._schema = expectation_schema.build(expected)
        self._names: list[str] = []
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._columns = {each.name: _Column() for each in expected.columns}
        self._together = {
            each.name: stack.enter_context(Repeats()) for each in expected.columns if each.unique
        }
        self._key = stack.enter_context(Repeats()) if expected.key else None

    def see(self, part: pd.DataFrame) -> None:
        """Look at the next part of the table."""
        raw = {str(name): part.iloc[:, place] for place, name in reversed(list(enumerate(part.columns)))}
        self._names = [str(name) for name in part.columns]
        index = pd.RangeIndex(len(part))
        raw = {name: column.set_axis(index) for name, column in raw.items()}
        typed = {
            each.name: self._typed(each, raw[each.name])
            for each in self._expected.columns
            if each.name in raw
        }
        self._by_rows(raw, typed, index)
        if self._key is not None and set(self._expected.key) <= raw.keys():
            columns = [typed.get(name, raw[name]) for name in self._expected.key]
            self._key.add(hashes(columns), np.arange(self.rows, self.rows + len(part)))
        self.rows += len(part)

    def _typed(self, expected: ColumnExpectation, values: Series) -> Series:
        """Count what a column has, and return it as the type that it should have."""
        name = expected.name
        seen = self._columns[name]
        seen.found = True
        kind = kind_of(expected)
        typed, wrong = as_type(values, kind, from_text=self._from_text)
        missing = values.isna().to_numpy()
        seen.missing += int(missing.sum())
        seen.present += int((~missing).sum())
        self._tally(name, "type").add(np.flatnonzero(wrong), self.rows, lambda at: _shown(values.iloc[at]))
        self._tally(name, "missing").add(np.flatnonzero(missing), self.rows, lambda _at: None)
        right = typed.notna().to_numpy()
        seen.typed += int(right.sum())
        if expected.mean is not None:
            seen.total += float(typed[right].astype("float64").sum())
        if expected.unique:
            self._together[name].add(hashes([typed[right]]), self.rows + np.flatnonzero(right))
        if expected.distinct is not None:
            most = max(expected.distinct.min or 0, expected.distinct.max or 0)
            if len(seen.different) <= most:
                seen.different |= set(hashes([typed[right].drop_duplicates()]).tolist())
        return typed

    def _by_rows(self, raw: dict[str, Series], typed: dict[str, Series], index: pd.RangeIndex) -> None:
        """Check single values and rows."""
        others = {
            name: raw[name]
            for text in self._expected.between
            for name in relation.parse(text).columns
            if name in raw and name not in typed
        }
        frame = pd.DataFrame({**typed, **others}, index=index)
        for column, what, failing in expectation_schema.broken(self._schema, frame):
            tally = self._tally(column, what)
            if isinstance(failing, str):
                tally.problem = failing
            else:
                names = (column,) if column else relation.parse(what).columns
                tally.add(failing, self.rows, partial(_row, [raw[name] for name in names], names, column))

    def _tally(self, column: str, what: str) -> _Tally:
        return self._tallies.setdefault((column, what), _Tally())

    def results(self, parts: Callable[[], Iterable[pd.DataFrame]]) -> Iterator[ExpectationResult]:
        """Say what came of each expectation."""
        expected = self._expected
        if expected.rows is not None:
            yield words.figure("", text_of.written_rows(expected.rows), expected.rows, self.rows, "rows")
        if expected.other_columns == "refused":
            named = {
                *(each.name for each in expected.columns),
                *expected.key,
                *(n for t in expected.between for n in relation.parse(t).columns),
            }
            yield words.other_columns([name for name in self._names if name not in named])
        if self._key is not None:
            yield self._of_key(self._key, parts)
        for text in expected.between:
            yield self._of_relation(text)
        for each in expected.columns:
            yield from self._of_column(each, parts)

    def _of_key(self, key: Repeats, parts: Callable[[], Iterable[pd.DataFrame]]) -> ExpectationResult:
        names, text = self._expected.key, text_of.written_key(self._expected.key)
        gone = [name for name in names if name not in self._names]
        if gone:
            return words.untold("", text, f"there is no column {gone[0]}")
        count, rows = key.found(SHOWN)
        examples = _at(parts, names, rows)
        return words.rows(
            "", text, "have the key of an earlier row", words.Broken(count, self.rows, rows, examples)
        )

    def _of_relation(self, text: str) -> ExpectationResult:
        gone = [name for name in relation.parse(text).columns if name not in self._names]
        if gone:
            return words.untold("", text, f"there is no column {gone[0]}")
        tally = self._tally("", text)
        if tally.problem:
            return words.untold("", text, f"they can't be compared: {tally.problem}")
        return words.rows("", text, "don't", tally.broken(self.rows))

    def _of_column(
        self, expected: ColumnExpectation, parts: Callable[[], Iterable[pd.DataFrame]]
    ) -> Iterator[ExpectationResult]:
        name = expected.name
        seen = self._columns[name]
        written = text_of.described(expected)
        if not seen.found:
            if not expected.optional:
                near = NotFoundError.of("column", name, self._names)
                yield words.absent(name, near.hint if near.hint.startswith("did you mean") else "")
            return
        if not written:
            yield ExpectationResult(column=name, expectation=PRESENT, status="passed")
        for what in _OF_ROWS:
            if what in written or (what == "type" and self._tally(name, what).failing):
                text = written.get(what, f"type: {kind_of(expected)}")
                yield self._of_values(what, text, expected)
        if expected.missing is not None:
            tally = self._tally(name, "missing")
            yield words.missing(
                name, written["missing"], tally.failing, self.rows, expected.missing, tally.rows
            )
        if expected.unique:
            count, rows = self._together[name].found(SHOWN)
            examples = [each[name] for each in _at(parts, (name,), rows)]
            yield words.rows(
                name, "unique: true", words.REPEATED, words.Broken(count, seen.present, rows, examples)
            )
        if expected.distinct is not None:
            yield words.figure(
                name, written["distinct"], expected.distinct, len(seen.different), "different values"
            )
        if expected.mean is not None and seen.typed:
            yield words.figure(name, written["mean"], expected.mean, seen.total / seen.typed, "on average")

    def _of_values(self, what: str, text: str, expected: ColumnExpectation) -> ExpectationResult:
        name = expected.name
        tally = self._tally(name, what)
        if tally.problem:
            return words.untold(name, text, tally.problem)
        how = words.breaking(what, expected, kind_of(expected))
        return words.rows(name, text, how, tally.broken(self._columns[name].present), mostly=expected.mostly)


def _at(
    parts: Callable[[], Iterable[pd.DataFrame]], names: tuple[str, ...], rows: list[int]
) -> list[dict[str, Any]]:
    """Return what stands in some rows."""
    found: dict[int, dict[str, Any]] = {}
    start = 0
    for part in parts() if rows else ():
        for row in rows:
            if start <= row < start + len(part):
                found[row] = {name: _shown(part[name].iloc[row - start]) for name in names}
        start += len(part)
        if len(found) == len(rows):
            break
    return [found[row] for row in rows]


def _row(columns: list[Series], names: tuple[str, ...], only: str, place: int) -> Any:
    found = {name: _shown(column.iloc[place]) for name, column in zip(names, columns, strict=True)}
    return found[only] if only else found


def _shown(value: Any) -> Any:
    simple = plain(value)
    if isinstance(simple, str) and len(simple) > _LONGEST:
        return f"{simple[: _LONGEST - 1]}…"
    return simple
