"""Profile a table column by column, in one pass a column: the baseline that drift is measured against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.data.frames import plain
from jupyter_mlops.records.dataset import Column, ColumnKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
TOP = 20
# A value this frequent is an atom: it gets a count of its own, since a bin around it would blur what is there.
ATOM_SHARE = 0.02
# Words up to this many different ones, or each met this often, are categories; more is free text.
CATEGORIES = 50
REPEATS = 10
LONGEST = 200


def columns_of(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Describe every column of a frame, in order."""
    return tuple(describe(str(name), frame.iloc[:, place]) for place, name in enumerate(frame.columns))


def describe(name: str, values: pd.Series[Any]) -> Column:
    """Describe one column: type, kind, missing values, profile."""
    kind = kind_of(values)
    present = values.dropna()
    profile: dict[str, Any] = {"count": len(present)}
    if kind == "numeric":
        profile |= numeric(present.to_numpy(dtype=np.float64))
    elif kind == "date":
        profile |= {"min": _time(present.min()), "max": _time(present.max())} if len(present) else {}
    elif kind == "text":
        profile |= _text(present)
    elif kind in ("categorical", "boolean"):
        profile |= categorical(present)
    return Column(
        name=name, dtype=str(values.dtype), kind=kind, missing=len(values) - len(present), profile=profile
    )


def kind_of(values: pd.Series[Any]) -> ColumnKind:
    """Say what kind of values a column holds."""
    types = pd.api.types
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "categorical"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "numeric"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if types.is_string_dtype(dtype) and all(isinstance(value, str) for value in values.dropna()):
        different = values.nunique()
        return "categorical" if different <= max(CATEGORIES, values.count() // REPEATS) else "text"
    return "other"


def numeric(values: NDArray[np.float64]) -> dict[str, Any]:
    """Profile numbers: moments, quantiles, and a histogram whose atoms have counts of their own.

    Args:
        values: shape (n,), without missing values; infinite ones are counted apart.
    """
    finite = np.sort(values[np.isfinite(values)])
    found: dict[str, Any] = {"infinite": len(values) - len(finite)}
    if not len(finite):
        return found
    return found | {
        "min": float(finite[0]),
        "max": float(finite[-1]),
        "mean": float(finite.mean()),
        "std": float(finite.std(ddof=1)) if len(finite) > 1 else 0.0,
        "quantiles": {
            str(q): float(v) for q, v in zip(QUANTILES, np.quantile(finite, QUANTILES), strict=True)
        },
        "histogram": _histogram(finite),
    }


def categorical(present: pd.Series[Any]) -> dict[str, Any]:
    """Profile categories: how many there are, the most frequent with their counts, and how many rows are left."""
    counts = present.value_counts()
    counts = counts[counts > 0]
    # Equal counts stand in the order of their names, so that a profile doesn't hang on the order of rows.
    ranked = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    top = [{"value": _shorten(value), "count": int(count)} for value, count in ranked[:TOP]]
    return {
        "unique": len(ranked),
        "top": top,
        "other": int(sum(int(count) for _, count in ranked[TOP:])),
    }


def _histogram(ordered: NDArray[np.float64]) -> dict[str, Any]:
    values, counts = np.unique(ordered, return_counts=True)
    if len(values) <= CATEGORIES:
        atoms = np.ones(len(values), dtype=bool)
    else:
        atoms = counts >= ATOM_SHARE * len(ordered)
    rest = np.repeat(values[~atoms], counts[~atoms])
    edges = np.unique(np.quantile(rest, np.linspace(0, 1, BINS + 1))) if len(rest) else np.empty(0)
    inside = np.histogram(rest, bins=edges)[0] if len(edges) > 1 else np.empty(0, dtype=np.int64)
    return {
        "atoms": [
            {"value": float(value), "count": int(count)}
            for value, count in zip(values[atoms], counts[atoms], strict=True)
        ],
        "edges": edges.tolist(),
        "counts": inside.tolist(),
    }


def _text(present: pd.Series[Any]) -> dict[str, Any]:
    lengths = present.str.len()
    return {
        "unique": int(present.nunique()),
        "mean_length": float(lengths.mean()),
        "max_length": int(lengths.max()),
    }


def _time(value: Any) -> str:
    return str(value.isoformat())


def _shorten(value: Any) -> Any:
    simple = plain(value)
    return simple[:LONGEST] if isinstance(simple, str) else simple
