"""Profile a table column by column, in one pass and part by part: the baseline that drift is measured against."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from jupyter_mlops.data.frames import plain
from jupyter_mlops.errors import DataError
from jupyter_mlops.records.dataset import Column, ColumnKind
from jupyter_mlops.stats.sketches import Distinct, Frequent, Moments, Quantiles, weighted_quantiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Series: TypeAlias = "pd.Series[Any]"

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
TOP = 20
# A value this frequent is an atom: it gets a count of its own, since a bin around it would blur what is there.
ATOM_SHARE = 0.02
# Words up to this many different ones, or each met this often, are categories; more is free text.
CATEGORIES = 50
REPEATS = 10
LONGEST = 200
_WORDS = ("string", "categorical", "boolean")


@dataclass(frozen=True)
class Sketch:
    """What was seen of a column so far; ``of(a).merge(of(b))`` is what ``of(a + b)`` would be.

    ``family`` is what its values are: ``numeric``, ``boolean``, ``date``, ``string``, ``categorical`` or ``other``.
    """

    dtype: Any
    family: str
    rows: int
    missing: int
    infinite: int = 0
    moments: Moments = field(default_factory=Moments)
    quantiles: Quantiles = field(default_factory=Quantiles)
    frequent: Frequent = field(default_factory=Frequent)
    distinct: Distinct = field(default_factory=Distinct)
    characters: int = 0
    longest: int = 0
    span: tuple[Any, ...] = ()

    @classmethod
    def of(cls, values: Series) -> Sketch:
        """Look at the values of a column, or of a part of it."""
        present = values.dropna()
        seen = cls(
            dtype=values.dtype,
            family=_family(values.dtype, present),
            rows=len(values),
            missing=len(values) - len(present),
        )
        if seen.family == "numeric":
            return _with_numbers(seen, present.to_numpy(dtype=np.float64))
        if seen.family == "date" and len(present):
            return replace(seen, span=(present.min(), present.max()))
        return _with_words(seen, present) if seen.family in _WORDS else seen

    def merge(self, other: Sketch) -> Sketch:
        """Return what was seen of two parts of one column."""
        return Sketch(
            dtype=_common_type(self, other),
            family=_common_family(self, other),
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            infinite=self.infinite + other.infinite,
            moments=self.moments.merge(other.moments),
            quantiles=self.quantiles.merge(other.quantiles),
            frequent=self.frequent.merge(other.frequent),
            distinct=self.distinct.merge(other.distinct),
            characters=self.characters + other.characters,
            longest=max(self.longest, other.longest),
            span=_common_span(self.span, other.span),
        )

    @property
    def present(self) -> int:
        """How many values aren't missing."""
        return self.rows - self.missing

    @property
    def different(self) -> int:
        """How many different values there are; an estimate is never more than there are values."""
        return min(self.distinct.count, self.present)

    def column(self, name: str) -> Column:
        """Return the column as a record describes it."""
        kind = self._kind()
        profile: dict[str, Any] = {"count": self.present}
        if kind == "numeric":
            profile |= self._numeric()
        elif kind == "date" and self.span:
            profile |= {"min": self.span[0].isoformat(), "max": self.span[1].isoformat()}
        elif kind == "text":
            profile |= {
                "unique": self.different,
                "mean_length": self.characters / self.present,
                "max_length": self.longest,
            }
        elif kind in ("categorical", "boolean"):
            profile |= self._categorical()
        if not (self.quantiles.exact and self.distinct.exact):
            profile["approximate"] = True
        return Column(name=name, dtype=str(self.dtype), kind=kind, missing=self.missing, profile=profile)

    def _kind(self) -> ColumnKind:
        kinds: dict[str, ColumnKind] = {"numeric": "numeric", "boolean": "boolean", "date": "date"}
        if self.family == "string":
            most = max(CATEGORIES, self.present // REPEATS)
            return "categorical" if self.different <= most else "text"
        return "categorical" if self.family == "categorical" else kinds.get(self.family, "other")

    def _numeric(self) -> dict[str, Any]:
        found: dict[str, Any] = {"infinite": self.infinite}
        if not self.moments.count:
            return found
        values, weights = self.quantiles.weighted()
        quantiles = weighted_quantiles(values, weights, np.array(QUANTILES))
        return found | {
            "min": self.moments.low,
            "max": self.moments.high,
            "mean": self.moments.mean,
            "std": self.moments.std,
            "quantiles": {str(q): float(v) for q, v in zip(QUANTILES, quantiles, strict=True)},
            "histogram": self._histogram(values, weights),
        }

    def _histogram(self, values: NDArray[np.float64], weights: NDArray[np.int64]) -> dict[str, Any]:
        """Return bins with about as many values each, and the frequent values with counts of their own."""
        counts = self.frequent.counts
        few = self.frequent.short == 0 and len(counts) <= CATEGORIES
        least = 0 if few else ATOM_SHARE * self.moments.count
        atoms = {value: count for value, count in counts.items() if count >= least}
        rest = ~np.isin(values, list(atoms))
        values, weights = values[rest], weights[rest]
        if len(values) and values[0] == values[-1]:
            atoms[float(values[0])] = self.moments.count - sum(atoms.values())
            values, weights = values[:0], weights[:0]
        edges = np.empty(0)
        if len(values):
            edges = np.unique(weighted_quantiles(values, weights, np.linspace(0, 1, BINS + 1)))
        inside = np.histogram(values, bins=edges, weights=weights)[0] if len(edges) else np.empty(0)
        return {
            "atoms": [{"value": value, "count": atoms[value]} for value in sorted(atoms)],
            "edges": edges.tolist(),
            "counts": _scaled(inside, self.moments.count - sum(atoms.values())),
        }

    def _categorical(self) -> dict[str, Any]:
        # Equal counts stand in the order of their names, so that a profile doesn't hang on the order of rows.
        ranked = sorted(self.frequent.counts.items(), key=lambda item: (-item[1], str(item[0])))[:TOP]
        return {
            "unique": self.different,
            "top": [{"value": _shorten(value), "count": count} for value, count in ranked],
            "other": self.present - sum(count for _, count in ranked),
        }


def describe(name: str, values: Series) -> Column:
    """Describe one column: type, kind, missing values, profile."""
    return Sketch.of(values).column(name)


def columns_of(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Describe every column of a frame, in order."""
    return tuple(describe(str(name), frame.iloc[:, place]) for place, name in enumerate(frame.columns))


class Profile:
    """Describe a table that comes in parts, each of which is seen once."""

    def __init__(self) -> None:
        self.rows = 0
        self._names: list[str] = []
        self._sketches: list[Sketch] = []

    @classmethod
    def of(cls, frames: Iterable[pd.DataFrame]) -> Profile:
        """Look at all parts of a table.

        Raises:
            DataError: when one has other columns than the first.
        """
        profile = cls()
        for frame in frames:
            profile.add(frame)
        return profile

    def add(self, frame: pd.DataFrame) -> None:
        """Look at one part more.

        Raises:
            ValueError: when it has other columns than the first.
        """
        names = [str(name) for name in frame.columns]
        seen = [Sketch.of(frame.iloc[:, place]) for place in range(len(names))]
        if self._sketches and names != self._names:
            raise DataError("the parts of the table have different columns", hint="give all the same columns")
        self._sketches = (
            [reduce(Sketch.merge, pair) for pair in zip(self._sketches, seen, strict=True)]
            if self._sketches
            else seen
        )
        self._names = names
        self.rows += len(frame)

    def columns(self) -> tuple[Column, ...]:
        """Return the description of each column."""
        return tuple(sketch.column(name) for name, sketch in zip(self._names, self._sketches, strict=True))

    @property
    def mixed(self) -> list[str]:
        """Return the columns whose parts held values of different families, as numbers here and words there."""
        return [
            name for name, sketch in zip(self._names, self._sketches, strict=True) if sketch.family == "mixed"
        ]


def _family(dtype: Any, present: Series) -> str:
    types = pd.api.types
    if isinstance(dtype, pd.CategoricalDtype):
        return "categorical"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "numeric"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if isinstance(dtype, pd.StringDtype) or types.is_object_dtype(dtype):
        seen = {type(value) for value in present} if types.is_object_dtype(dtype) else {str}
        return "string" if seen <= {str} else "boolean" if seen == {bool} else "other"
    return "other"


def _with_numbers(seen: Sketch, values: NDArray[np.float64]) -> Sketch:
    finite = np.sort(values[np.isfinite(values)])
    starts = np.flatnonzero(np.append(True, finite[1:] != finite[:-1])[: len(finite)])
    counts = np.diff(np.append(starts, len(finite))).astype(np.int64)
    return replace(
        seen,
        infinite=len(values) - len(finite),
        moments=Moments.of(finite),
        quantiles=Quantiles.of(finite),
        frequent=Frequent.of(finite[starts], counts),
    )


def _with_words(seen: Sketch, present: Series) -> Sketch:
    counts = present.value_counts()
    counts = counts[counts > 0]
    words = counts.index.to_numpy(dtype=object)
    hashes = pd.util.hash_array(np.array([str(word) for word in words], dtype=object), categorize=False)
    found = replace(
        seen,
        frequent=Frequent.of(words, np.asarray(counts, dtype=np.int64)),
        distinct=Distinct.of(hashes),
    )
    if seen.family != "string" or not len(counts):
        return found
    lengths = np.array([len(word) for word in words])
    return replace(
        found,
        characters=int(np.dot(lengths, counts.to_numpy(dtype=np.int64))),
        longest=int(lengths.max()),
    )


def _common_type(one: Sketch, two: Sketch) -> Any:
    if one.dtype == two.dtype:
        return one.dtype
    # A part without values says nothing of the type that the column has as a whole.
    if one.family != two.family and not (one.present and two.present):
        return one.dtype if one.present else two.dtype
    return pd.concat([pd.Series(dtype=one.dtype), pd.Series(dtype=two.dtype)]).dtype


def _common_family(one: Sketch, two: Sketch) -> str:
    if one.family == two.family:
        return one.family
    if not (one.present and two.present):
        return one.family if one.present else two.family
    return "mixed"


def _common_span(one: tuple[Any, ...], two: tuple[Any, ...]) -> tuple[Any, ...]:
    return (min(one[0], two[0]), max(one[1], two[1])) if one and two else one or two


def _scaled(counts: NDArray[Any], total: int) -> list[int]:
    """Return whole counts in the same proportions that add up to ``total``."""
    sums = np.cumsum(counts)
    if not len(sums):
        return []
    ends = np.rint(sums * (total / sums[-1])).astype(np.int64)
    return [int(count) for count in np.diff(ends, prepend=0)]


def _shorten(value: Any) -> Any:
    simple = plain(value)
    return simple[:LONGEST] if isinstance(simple, str) else simple
