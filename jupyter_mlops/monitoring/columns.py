"""What kind of column it is, the same for both samples, and its values in the form that the tests take."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jupyter_mlops.data.column_types import as_type
from jupyter_mlops.stats import sorted_gaps, two_sample

if TYPE_CHECKING:
    from collections.abc import Hashable

    from jupyter_mlops.stats.sorted_gaps import Blocks

Floats: TypeAlias = NDArray[np.float64]
Series: TypeAlias = "pd.Series[Any]"

# Whole numbers with so few different values are codes or counts of something: categories.
MOST_CODES = 20
# Text with more different values than this share of its rows is free text, a name or a key, not a category.
UNIQUE_SHARE = 0.5
FEWEST_UNIQUE = 100
# So many rows settle what kind of values most columns hold.
_FIRST = 1_000
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

NUMERIC, DATE, CATEGORICAL, BOOLEAN, TEXT, EMBEDDING, OTHER = (
    "numeric",
    "date",
    "categorical",
    "boolean",
    "text",
    "embedding",
    "other",
)


class Known(NamedTuple):
    """Hold what a pass over a sorted column tells: its standard deviation, and its blocks where it is long."""

    spread: float
    blocks: Blocks | None


@dataclass(frozen=True)
class Numbers:
    """Hold a numeric column: sorted values without missing ones, and how many of how many rows are missing.

    ``known`` was worked out before, of a reference that many samples are compared with.
    """

    ordered: Floats
    missing: int
    rows: int
    known: Known | None = None

    @cached_property
    def spread(self) -> float:
        """The standard deviation of the finite values."""
        return self.known.spread if self.known else two_sample.deviation(self.ordered)

    @property
    def blocks(self) -> Blocks | None:
        """The sums of its blocks, where they are known."""
        return self.known.blocks if self.known else None

    @cached_property
    def codes(self) -> dict[float, int] | None:
        """How often each value occurs, where the values are few and whole numbers; else None."""
        found: dict[float, int] = {}
        place, ordered = 0, self.ordered
        while place < len(ordered):
            value = float(ordered[place])
            if len(found) == MOST_CODES or not value.is_integer():
                return None
            beyond = int(np.searchsorted(ordered, value, side="right"))
            found[value] = beyond - place
            place = beyond
        return found


@dataclass(frozen=True, slots=True)
class Categories:
    """Hold a categorical column: how often each category occurs, in one order for both samples."""

    labels: tuple[str, ...]
    counts: Floats
    missing: int
    rows: int


class Side:
    """One sample's values of a column, with all that the tests ask of them, worked out once and kept."""

    def __init__(self, values: Series, room: Floats | None = None) -> None:
        self.values = dated(values)
        self.rows = len(values)
        self._room = room

    @classmethod
    def of_kept(
        cls,
        some: Series,
        rows: int,
        kind: str,
        *,
        missing: int,
        numbers: Numbers | None = None,
        counts: dict[Hashable, int] | None = None,
    ) -> Side:
        """Put a column together from what was worked out about it before; ``some`` are the rows that stand for all."""
        side = cls(some)
        side.rows, side.kind, side.missing = rows, kind, missing
        if numbers is not None:
            side.numbers = numbers
        if counts is not None:
            side.counts = counts
        return side

    @cached_property
    def kind(self) -> str:
        """What the column holds by its type alone; empty: nothing is in it."""
        return basic_kind(self.values)

    @cached_property
    def numbers(self) -> Numbers:
        """The values in order, of a column of numbers or dates."""
        return numbers(self.values, self._room)

    @cached_property
    def missing(self) -> int:
        """How many values are missing."""
        return self.numbers.missing if self.kind in (NUMERIC, DATE) else int(self.values.isna().sum())

    @cached_property
    def counts(self) -> dict[Hashable, int]:
        """How often each value occurs, most frequent first."""
        codes = self.numbers.codes if self.kind == NUMERIC else None
        if codes is not None:
            return dict(sorted(codes.items(), key=lambda item: -item[1]))
        return _counts(self.values)

    def settle(self, rows: NDArray[np.int64]) -> None:
        """Work out what tests ask for, and keep of the values themselves only ``rows``, which stand for all."""
        if self.kind in (NUMERIC, DATE):
            blocks = sorted_gaps.blocks_of(self.numbers.ordered)
            self.numbers = replace(self.numbers, known=Known(self.numbers.spread, blocks))
            _ = self.numbers.codes
        elif self.kind in (CATEGORICAL, BOOLEAN):
            _ = self.counts
        _ = self.missing
        if len(rows) < self.rows:
            self.values = self.values.iloc[rows].copy()

    @property
    def is_free_text(self) -> bool:
        """Whether nearly every row has a text of its own, so that shares of categories say nothing."""
        present = self.rows - self.missing
        return (
            present >= FEWEST_UNIQUE
            and len(self.counts) > UNIQUE_SHARE * present
            and not pd.api.types.is_numeric_dtype(self.values.dtype)
        )


def basic_kind(values: Series) -> str:
    """Say what a column holds by its type alone: numeric, date, boolean, categorical, embedding, other; empty: nothing."""
    types, dtype = pd.api.types, values.dtype
    by_type = (
        (isinstance(dtype, pd.CategoricalDtype), CATEGORICAL),
        (types.is_bool_dtype(dtype), BOOLEAN),
        (types.is_datetime64_any_dtype(dtype), DATE),
        (types.is_complex_dtype(dtype), OTHER),
        (not (values.iloc[:_FIRST].notna().any() or values.notna().any()), ""),
        (types.is_numeric_dtype(dtype) or types.is_timedelta64_dtype(dtype), NUMERIC),
    )
    for is_so, kind in by_type:
        if is_so:
            return kind
    if not types.is_object_dtype(dtype):
        return CATEGORICAL
    present = values.dropna()
    # A truth value beside missing ones comes as a column of objects.
    if isinstance(present.iloc[0], bool) and set(present) <= {True, False}:
        return BOOLEAN
    return EMBEDDING if _are_vectors(present) else CATEGORICAL


def dated(values: Series) -> Series:
    """Return a column of nothing but dates in words (ISO 8601: CSV files have no others) as dates, any other as it is."""
    types = pd.api.types
    if not (types.is_object_dtype(values.dtype) or isinstance(values.dtype, pd.StringDtype)):
        return values
    first = values.iloc[:_FIRST].dropna()
    if first.empty or not all(_DAY.match(str(value)) for value in first):
        return values
    for part in (first, values):
        found, wrong = as_type(part, "date", from_text=True)
        if wrong.any():
            return values
    return found


def have_codes(*sides: Side) -> bool:
    """Say whether numeric columns hold few whole numbers, so that they are categories."""
    codes = [side.numbers.codes for side in sides if side.kind]
    found: set[float] = set()
    for each in codes:
        if each is None:
            return False
        found |= set(each)
    return len(found) <= MOST_CODES


def numbers(values: Series, room: Floats | None = None) -> Numbers:
    """Sort a numeric or date column, in ``room`` where given; dates become seconds since 1970, spans seconds."""
    ordered = two_sample.tidy(plain(values), room)
    return Numbers(ordered, len(values) - len(ordered), len(values))


def plain(values: Series) -> Floats:
    """Return a numeric or date column as floats in its own order; missing is NaN, dates and spans are seconds."""
    types = pd.api.types
    if types.is_datetime64_any_dtype(values.dtype):
        moment = values.dt.tz_convert("UTC").dt.tz_localize(None) if values.dt.tz is not None else values
        return _seconds(moment.to_numpy(dtype="datetime64[us]"))
    if types.is_timedelta64_dtype(values.dtype):
        return _seconds(values.to_numpy(dtype="timedelta64[us]"))
    if isinstance(values.dtype, np.dtype):
        return values.to_numpy().astype(np.float64, copy=False)
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def categories(reference: Side, current: Side) -> tuple[Categories, Categories]:
    """Count the categories of both samples; those of the reference come first, most frequent first."""
    counted = [side.counts for side in (reference, current)]
    keys = dict.fromkeys([*counted[0], *counted[1]])
    labels = tuple(label_of(key) for key in keys)
    first, second = (
        Categories(
            labels, np.array([counts.get(key, 0) for key in keys], dtype=np.float64), side.missing, side.rows
        )
        for counts, side in zip(counted, (reference, current), strict=True)
    )
    return first, second


def label_of(key: Hashable) -> str:
    """Return a category's text; 1 and 1.0 are one category, since a missing value makes floats of whole numbers."""
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return str(key)


def _counts(column: Series) -> dict[Hashable, int]:
    try:
        return {key: int(count) for key, count in column.value_counts().items() if count}
    except TypeError:  # lists and dicts have no hash: their text stands for them
        counts = column.dropna().map(str).value_counts()
        return {key: int(count) for key, count in counts.items()}


def _are_vectors(present: Series) -> bool:
    """Say whether a column of objects holds vectors of numbers, all of one length; the first rows speak for all."""
    first = present.iloc[:_FIRST]
    if not all(isinstance(value, list | tuple | np.ndarray) and len(value) > 1 for value in first):
        return False
    try:
        stacked = np.asarray([*first])
    except ValueError:
        return False
    return stacked.ndim == 2 and stacked.dtype.kind in "fiu"  # noqa: PLR2004 - rows of vectors


def _seconds(moments: NDArray[Any]) -> Floats:
    missing = np.isnat(moments)
    seconds = moments.astype(np.int64) / 1e6
    seconds[missing] = np.nan
    return seconds
