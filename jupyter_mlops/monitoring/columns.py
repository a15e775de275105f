"""What kind of column it is, the same for both samples, and its values in the form that the tests take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jupyter_mlops.stats.two_sample import tidy

if TYPE_CHECKING:
    from collections.abc import Hashable

Floats: TypeAlias = NDArray[np.float64]
Series: TypeAlias = "pd.Series[Any]"

# Whole numbers with so few different values are codes or counts of something: categories.
MOST_CODES = 20
# Text with more different values than this share of its rows is a name or a key, not a category.
UNIQUE_SHARE = 0.5
FEWEST_UNIQUE = 100

NUMERIC, DATE, CATEGORICAL, BOOLEAN, TEXT, OTHER = (
    "numeric",
    "date",
    "categorical",
    "boolean",
    "text",
    "other",
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Hold a numeric column: sorted values without missing ones, and how many of how many rows are missing."""

    ordered: Floats
    missing: int
    rows: int


@dataclass(frozen=True, slots=True)
class Categories:
    """Hold a categorical column: how often each category occurs, in one order for both samples."""

    labels: tuple[str, ...]
    counts: Floats
    missing: int
    rows: int


def basic_kind(values: Series) -> str:
    """Say what a column holds by its type alone: numeric, date, boolean, categorical, other; empty: nothing in it."""
    types, dtype = pd.api.types, values.dtype
    by_type = (
        (isinstance(dtype, pd.CategoricalDtype), CATEGORICAL),
        (types.is_bool_dtype(dtype), BOOLEAN),
        (types.is_datetime64_any_dtype(dtype), DATE),
        (types.is_complex_dtype(dtype), OTHER),
        (not values.notna().any(), ""),
        (types.is_numeric_dtype(dtype) or types.is_timedelta64_dtype(dtype), NUMERIC),
    )
    for is_so, kind in by_type:
        if is_so:
            return kind
    # A truth value beside missing ones comes as a column of objects.
    truths = isinstance(values.dropna().iloc[0], bool) and set(values.dropna()) <= {True, False}
    return BOOLEAN if truths else CATEGORICAL


def are_codes(*columns: Series) -> bool:
    """Say whether numeric columns hold few whole numbers, so that they are categories."""
    # The first rows settle it for most columns, without a pass over all of them.
    for count in (1_000, None):
        values = np.unique(np.concatenate([numbers(column.iloc[:count]).ordered for column in columns]))
        finite = values[np.isfinite(values)]
        if (
            len(values) > MOST_CODES
            or len(finite) < len(values)
            or not np.array_equal(finite, np.round(finite))
        ):
            return False
    return True


def are_unique(*columns: Series) -> bool:
    """Say whether nearly every row has a text of its own, so that shares of categories say nothing."""
    for column in columns:
        present = column.dropna()
        if len(present) >= FEWEST_UNIQUE and present.astype(str).nunique() > UNIQUE_SHARE * len(present):
            return True
    return False


def numbers(values: Series) -> Numbers:
    """Sort a numeric or date column; dates become seconds since 1970, spans seconds."""
    types = pd.api.types
    if types.is_datetime64_any_dtype(values.dtype):
        moment = values.dt.tz_convert("UTC").dt.tz_localize(None) if values.dt.tz is not None else values
        raw = _seconds(moment.to_numpy(dtype="datetime64[us]"))
    elif types.is_timedelta64_dtype(values.dtype):
        raw = _seconds(values.to_numpy(dtype="timedelta64[us]"))
    else:
        raw = values.to_numpy(dtype=np.float64, na_value=np.nan)
    ordered = tidy(raw)
    return Numbers(ordered, len(raw) - len(ordered), len(raw))


def categories(reference: Series, current: Series) -> tuple[Categories, Categories]:
    """Count the categories of both samples; those of the reference come first, most frequent first."""
    counted = [_counts(column) for column in (reference, current)]
    keys = dict.fromkeys([*counted[0], *counted[1]])
    labels = tuple(label_of(key) for key in keys)
    first, second = (
        Categories(
            labels,
            np.array([counts.get(key, 0) for key in keys], dtype=np.float64),
            int(column.isna().sum()),
            len(column),
        )
        for counts, column in zip(counted, (reference, current), strict=True)
    )
    return first, second


def _counts(column: Series) -> dict[Hashable, int]:
    try:
        return {key: int(count) for key, count in column.value_counts().items() if count}
    except TypeError:  # lists and dicts have no hash: their text stands for them
        counts = column.dropna().map(str).value_counts()
        return {key: int(count) for key, count in counts.items()}


def label_of(key: Hashable) -> str:
    """Return a category's text; 1 and 1.0 are one category, since a missing value makes floats of whole numbers."""
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return str(key)


def _seconds(moments: NDArray[Any]) -> Floats:
    missing = np.isnat(moments)
    seconds = moments.astype(np.int64) / 1e6
    seconds[missing] = np.nan
    return seconds
