"""What a dataset's versions are expected to look like, and whether one did."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jupyter_mlops.records.base import Record, Value, digest_of
from jupyter_mlops.records.ref import Ref

ColumnType = Literal["integer", "number", "boolean", "text", "date"]
OtherColumns = Literal["allowed", "refused"]
ResultStatus = Literal["passed", "failed", "not evaluated"]
Scalar = bool | int | float | str
# The digest of what is expected of a dataset that nothing is expected of.
NOTHING = "nothing"


class Limits(Value, frozen=True, kw_only=True):
    """Hold the smallest and the largest figure that will do; None where there is no such limit."""

    min: int | float | None = None
    max: int | float | None = None

    def hold(self, figure: float) -> bool:
        """Say whether a figure lies within."""
        return (self.min is None or figure >= self.min) and (self.max is None or figure <= self.max)


class ColumnExpectation(Value, frozen=True, kw_only=True):
    """Say what the values of column ``name`` are; those that are missing count for ``missing`` alone.

    ``min`` and ``max`` may be reached, ``above`` and ``below`` not; of dates they are ISO 8601 text. ``one_of`` are all values
    that there may be (``values`` in JSON). ``missing`` is the largest share of missing values. ``pattern`` is a regular expression for the whole of a text, ``length`` in
    characters. ``mostly`` is the share of the values that must meet type, limits, values, pattern and length.
    """

    name: str
    type: ColumnType | None = None
    min: int | float | str | None = None
    max: int | float | str | None = None
    above: int | float | str | None = None
    below: int | float | str | None = None
    one_of: tuple[Scalar, ...] = msgspec.field(default=(), name="values")
    pattern: str = ""
    length: Limits | None = None
    missing: float | None = None
    unique: bool = False
    distinct: Limits | None = None
    mean: Limits | None = None
    mostly: float = 1.0
    optional: bool = False


class Expectations(Record, frozen=True, kw_only=True):
    """Record what is expected of the versions of dataset ``name``; without any field nothing is, not any more.

    ``key`` are columns that no two rows have the same values in; ``between`` are comparisons between columns.
    ``source`` is the notebook that says so.
    """

    name: str
    rows: Limits | None = None
    columns: tuple[ColumnExpectation, ...] = ()
    other_columns: OtherColumns = "allowed"
    key: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    source: str = ""

    @property
    def ref(self) -> Ref:
        """``expectations/<dataset>@<time>``."""
        return Ref("expectations", self.name, self.created_at)

    @property
    def said(self) -> str:
        """The digest of what is expected, whoever said so and when; ``nothing`` where nothing is."""
        if not (self.rows or self.columns or self.key or self.between):
            return NOTHING
        return digest_of([self.rows, self.columns, self.other_columns, self.key, self.between])


class ExpectationResult(Value, frozen=True, kw_only=True):
    """Report one expectation: ``column`` is empty where it is about the table, ``expectation`` as it is written.

    Where rows broke it: how many, their share, the first of them (counted from 0) and values found there.
    """

    column: str
    expectation: str
    status: ResultStatus
    reason: str = ""
    failing: int = 0
    share: float = 0.0
    rows: tuple[int, ...] = ()
    examples: tuple[Any, ...] = ()


class Validation(Record, frozen=True, kw_only=True):
    """Report whether a dataset version is as expected; ``version`` its SHA-256, ``said`` what it was held against."""

    name: str
    version: str
    passed: bool
    rows: int
    results: tuple[ExpectationResult, ...]
    said: str = ""

    @property
    def ref(self) -> Ref:
        """``validation/<dataset>.<first 12 digits>@<time>``."""
        return Ref("validation", f"{self.name}.{self.version[:12]}", self.created_at)

    @property
    def lookup(self) -> str:
        """The version."""
        return self.version

    @property
    def failed(self) -> tuple[ExpectationResult, ...]:
        """The expectations that it breaks, or that couldn't be evaluated."""
        return tuple(result for result in self.results if result.status != "passed")
