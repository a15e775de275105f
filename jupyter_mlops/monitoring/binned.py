"""Samples of any length in constant memory: counted in bins that the reference sets, merged by adding.

What is counted in one process, day or machine adds up with what is counted in another, in any order, to what one pass
over all of it gives. Profiles are values with a JSON form, so they can be kept and sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.data.column_types import as_type
from jupyter_mlops.errors import DataError
from jupyter_mlops.monitoring.columns import (
    BOOLEAN,
    CATEGORICAL,
    DATE,
    EMBEDDING,
    NUMERIC,
    OTHER,
    TEXT,
    Side,
    basic_kind,
    have_codes,
    label_of,
    plain,
)
from jupyter_mlops.records.base import Value
from jupyter_mlops.stats import binning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mlops.monitoring.columns import Floats, Series

# Rows of the reference that bins and vocabularies are taken from.
SAMPLED = 100_000
# Categories counted by name; the rest is counted together.
VOCABULARY = 1_000
_EXAMPLES = 3
_IN_WORDS = (CATEGORICAL, BOOLEAN)


class ColumnBins(Value, frozen=True, kw_only=True):
    """Say how a column is counted: numbers, dates and lengths of texts between ``cuts``, categories by ``labels``."""

    kind: str
    cuts: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


class ColumnProfile(Value, frozen=True, kw_only=True):
    """Hold what was counted of a column; ``strange`` are values of another type than the reference's.

    ``other`` counts categories that aren't in the vocabulary, ``examples`` names some of them.
    """

    bins: ColumnBins
    rows: int = 0
    missing: int = 0
    strange: int = 0
    counts: tuple[int, ...] = ()
    sums: tuple[float, ...] = ()
    other: int = 0
    examples: tuple[str, ...] = ()

    def merge(self, more: ColumnProfile) -> ColumnProfile:
        """Add what was counted elsewhere."""
        return ColumnProfile(
            bins=self.bins,
            rows=self.rows + more.rows,
            missing=self.missing + more.missing,
            strange=self.strange + more.strange,
            counts=tuple(map(sum, zip(self.counts, more.counts, strict=True))),
            sums=tuple(map(sum, zip(self.sums, more.sums, strict=True))),
            other=self.other + more.other,
            examples=tuple(sorted({*self.examples, *more.examples})[:_EXAMPLES]),
        )

    def counted(self) -> binning.Counted:
        """Return the counts of a column that is counted between cuts."""
        return binning.Counted(np.array(self.counts, dtype=np.int64), np.array(self.sums), self.missing)


class Profile(Value, frozen=True, kw_only=True):
    """Hold what was counted of a sample: ``rows`` in all, and its columns by name."""

    schema_version: int = 1
    rows: int = 0
    columns: dict[str, ColumnProfile]

    def merge(self, more: Profile) -> Profile:
        """Add what was counted elsewhere, in the same bins.

        Raises:
            DataError: when it was counted in other bins.
        """
        if self.bins != more.bins:
            raise DataError(
                "these profiles were counted in different bins",
                hint="count both against the same reference",
            )
        columns = {name: column.merge(more.columns[name]) for name, column in self.columns.items()}
        return Profile(rows=self.rows + more.rows, columns=columns)

    @property
    def bins(self) -> dict[str, ColumnBins]:
        """How each column is counted."""
        return {name: column.bins for name, column in self.columns.items()}


def bins_of(sample: pd.DataFrame) -> dict[str, ColumnBins]:
    """Set the bins that a reference and all that is compared with it are counted in.

    Args:
        sample: rows that stand for the reference; 100,000 are plenty.
    """
    return {str(name): _bins(sample.iloc[:, place]) for place, name in enumerate(sample.columns)}


def empty(bins: dict[str, ColumnBins]) -> Profile:
    """Return the profile of no rows."""
    return Profile(columns={name: _nothing(each) for name, each in bins.items()})


def profile(part: pd.DataFrame, bins: dict[str, ColumnBins], *, compiled: bool = False) -> Profile:
    """Count rows; a column that the reference has and these rows don't stays at no rows.

    Args:
        part: the rows.
        bins: the reference's.
        compiled: for parts of so many values in all that loading compiled code pays.
    """
    names = {str(name): place for place, name in enumerate(part.columns)}
    columns = {
        name: _counted(part.iloc[:, names[name]], each, compiled=compiled)
        if name in names
        else _nothing(each)
        for name, each in bins.items()
    }
    return Profile(rows=len(part), columns=columns)


def total(parts: Iterable[pd.DataFrame], bins: dict[str, ColumnBins], *, compiled: bool = False) -> Profile:
    """Count all parts of a sample, one after the other."""
    whole = empty(bins)
    for part in parts:
        whole = whole.merge(profile(part, bins, compiled=compiled))
    return whole


class Drawn:
    """Draw rows at random from parts of a sample, the same number whatever its length."""

    def __init__(self, most: int, seed: int = 0) -> None:
        """Keep up to ``most`` rows."""
        self._most, self._random = most, np.random.default_rng(seed)
        self._parts: list[pd.DataFrame] = []
        self._keys: list[Floats] = []
        self._bound = 1.0
        self._held = 0

    def add(self, part: pd.DataFrame) -> None:
        """Look at more rows."""
        # Every row draws a number; the rows with the smallest ones stay.
        keys = self._random.random(len(part))
        low = keys < self._bound
        self._parts.append(part.loc[low] if not low.all() else part)
        self._keys.append(keys[low])
        self._held += int(low.sum())
        if self._held > 2 * self._most:
            self._shrink()

    def frame(self) -> pd.DataFrame:
        """Return the rows drawn, in their own order."""
        self._shrink()
        return self._parts[0]

    def _shrink(self) -> None:
        rows, keys = pd.concat(self._parts, ignore_index=True), np.concatenate(self._keys)
        if len(keys) > self._most:
            self._bound = float(np.partition(keys, self._most)[self._most])
            rows, keys = rows[keys < self._bound].reset_index(drop=True), keys[keys < self._bound]
        self._parts, self._keys, self._held = [rows], [keys], len(keys)


def _bins(values: Series) -> ColumnBins:
    side = Side(values)
    kind = side.kind or OTHER
    if kind == NUMERIC and have_codes(side):
        kind = CATEGORICAL
    if kind == CATEGORICAL and side.is_free_text:
        kind = TEXT
    if kind in (NUMERIC, DATE):
        return ColumnBins(kind=kind, cuts=tuple(binning.cuts(side.numbers.ordered).tolist()))
    if kind == TEXT:
        return ColumnBins(kind=kind, cuts=tuple(binning.cuts(np.sort(_lengths(values.dropna()))).tolist()))
    if kind in _IN_WORDS:
        return ColumnBins(kind=kind, labels=tuple(label_of(key) for key in list(side.counts)[:VOCABULARY]))
    return ColumnBins(kind=kind)


def _nothing(bins: ColumnBins) -> ColumnProfile:
    places = len(bins.labels) if bins.kind in _IN_WORDS else len(bins.cuts) + 1
    sums = () if bins.kind in _IN_WORDS else (0.0,) * places
    return ColumnProfile(bins=bins, counts=(0,) * places, sums=sums)


def _counted(values: Series, bins: ColumnBins, *, compiled: bool) -> ColumnProfile:
    if bins.kind in (OTHER, EMBEDDING):
        missing = int(values.isna().sum())
        return ColumnProfile(bins=bins, rows=len(values), missing=missing, counts=(0,), sums=(0.0,))
    if bins.kind in _IN_WORDS:
        return _named(values, bins)
    numbers, strange = _numbers(values, bins.kind)
    found = binning.count(numbers, np.array(bins.cuts), compiled=compiled)
    return ColumnProfile(
        bins=bins,
        rows=len(values),
        missing=len(values) - strange - int(found.counts.sum()),
        strange=strange,
        counts=tuple(found.counts.tolist()),
        sums=tuple(found.sums.tolist()),
    )


def _numbers(values: Series, kind: str) -> tuple[Floats, int]:
    """Return what can be counted as numbers, and how many values can't."""
    if kind == TEXT:
        return _lengths(values.dropna()), 0
    if basic_kind(values) in (kind, ""):
        return (plain(values), 0) if basic_kind(values) else (np.zeros(0), 0)
    if kind == DATE and basic_kind(values) == CATEGORICAL:
        dates, wrong = as_type(values, "date", from_text=True)
        return plain(dates), int(wrong.sum())
    if kind == NUMERIC and not pd.api.types.is_datetime64_any_dtype(values.dtype):
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers, int(np.isnan(numbers).sum() - values.isna().sum())
    return np.zeros(0), int(values.notna().sum())


def _named(values: Series, bins: ColumnBins) -> ColumnProfile:
    missing = int(values.isna().sum())
    places = {label: place for place, label in enumerate(bins.labels)}
    counts, other, examples = [0] * len(places), 0, []
    for key, times in _value_counts(values).items():
        label = label_of(key)
        if label in places:
            counts[places[label]] += int(times)
        elif times:
            other += int(times)
            examples.append(label)
    return ColumnProfile(
        bins=bins,
        rows=len(values),
        missing=missing,
        counts=tuple(counts),
        other=other,
        examples=tuple(sorted(examples)[:_EXAMPLES]),
    )


def _value_counts(values: Series) -> dict[Any, int]:
    try:
        return dict(values.value_counts())
    except TypeError:  # lists and dicts have no hash: their text stands for them
        return dict(values.dropna().map(str).value_counts())


def _lengths(present: Series) -> Floats:
    return np.array([len(str(value)) for value in present], dtype=np.float64)
