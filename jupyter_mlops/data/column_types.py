"""A column's values as the type they are expected to have, and which of them aren't of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from jupyter_mlops.records.expectation import ColumnExpectation, ColumnType

Series: TypeAlias = "pd.Series[Any]"
_TRUTHS = {"true": True, "false": False}


def kind_of(expected: ColumnExpectation) -> ColumnType | None:
    """Return the type that a column is expected to have: the one named, or the one that the rest makes sense for."""
    if expected.type is not None:
        return expected.type
    bounds = [
        each for each in (expected.min, expected.max, expected.above, expected.below) if each is not None
    ]
    if bounds:
        return "date" if isinstance(bounds[0], str) else "number"
    if expected.pattern or expected.length or any(isinstance(each, str) for each in expected.one_of):
        return "text"
    if expected.one_of:
        return "boolean" if all(isinstance(each, bool) for each in expected.one_of) else "number"
    return "number" if expected.mean else None


def allowed(expected: ColumnExpectation) -> list[Any]:
    """Return the values that a column may have, in the form that ``as_type`` gives them."""
    kind = kind_of(expected)
    if kind == "text":
        return [str(value) for value in expected.one_of]
    return [moment(value) for value in expected.one_of] if kind == "date" else list(expected.one_of)


def moment(value: Any) -> Any:
    """Return a date's text as a time without zone, in UTC; anything else as it is."""
    if not isinstance(value, str):
        return value
    found = pd.Timestamp(value)
    return found if found.tzinfo is None else found.tz_convert(None)


def as_type(values: Series, kind: ColumnType | None, *, from_text: bool) -> tuple[Series, NDArray[np.bool_]]:
    """Return a column as values of a type, missing where they aren't, and which aren't.

    Args:
        values: the column.
        kind: the type; None leaves all as it is.
        from_text: whether the file has no types of its own: words that spell a number are one then.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.dtype.categories.dtype)
    present = values.notna().to_numpy()
    if kind is None or not present.any():
        return values, np.zeros(len(values), dtype=bool)
    found = _CONVERT[kind](values, from_text)
    return found, present & found.isna().to_numpy()


def _numbers(values: Series, from_text: bool) -> Series:
    types = pd.api.types
    if types.is_bool_dtype(values.dtype) or types.is_complex_dtype(values.dtype):
        return _none_of(values)
    if types.is_numeric_dtype(values.dtype):
        return values
    if not _is_words(values.dtype):
        return _none_of(values)
    wanted: tuple[type, ...] = (int, float, Decimal, str) if from_text else (int, float, Decimal)
    right = [isinstance(value, wanted) and not isinstance(value, bool) for value in values]
    return pd.to_numeric(values.where(pd.Series(right, index=values.index)), errors="coerce")


def _whole(values: Series, from_text: bool) -> Series:
    numbers = _numbers(values, from_text)
    if pd.api.types.is_integer_dtype(numbers.dtype):
        return numbers
    floats = numbers.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(floats) & (floats == np.floor(floats))
    return numbers.where(pd.Series(whole, index=values.index))


def _booleans(values: Series, from_text: bool) -> Series:
    if pd.api.types.is_bool_dtype(values.dtype):
        return values
    if not _is_words(values.dtype):
        return _none_of(values)
    return _mapped(values, lambda value: _truth(value, from_text))


def _truth(value: Any, from_text: bool) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return _TRUTHS.get(value.lower()) if from_text and isinstance(value, str) else None


def _texts(values: Series, _from_text: bool) -> Series:
    # As Python's own strings: patterns are Python's, which Arrow's engine reads otherwise.
    if isinstance(values.dtype, pd.StringDtype):
        return values.astype(object)
    return _mapped(values, lambda value: value if isinstance(value, str) else None)


def _dates(values: Series, _from_text: bool) -> Series:
    types = pd.api.types
    if types.is_datetime64_any_dtype(values.dtype):
        found = values
    elif _is_words(values.dtype):
        # A number is no date, though pandas would take it for nanoseconds.
        dated = _mapped(
            values, lambda value: value if isinstance(value, str) or hasattr(value, "year") else None
        )
        found = pd.to_datetime(dated, errors="coerce", format="ISO8601", utc=True)
    else:
        return _none_of(values)
    return found.dt.tz_convert(None) if found.dt.tz is not None else found


_CONVERT = {"integer": _whole, "number": _numbers, "boolean": _booleans, "text": _texts, "date": _dates}


def _is_words(dtype: Any) -> bool:
    return pd.api.types.is_object_dtype(dtype) or isinstance(dtype, pd.StringDtype)


def _mapped(values: Series, what: Any) -> Series:
    found = [what(value) for value in values.to_numpy(dtype=object)]
    return pd.Series(found, index=values.index, dtype=object)


def _none_of(values: Series) -> Series:
    return pd.Series(np.full(len(values), np.nan), index=values.index)


def hashes(columns: Iterable[Series]) -> NDArray[np.uint64]:
    """Return a hash of each row; rows with the same values have the same, whatever types hold them."""
    total: NDArray[np.uint64] | None = None
    for column in columns:
        own = _hashes_of(column)
        # As a tuple's hash is put together: the order of the columns counts.
        total = own if total is None else total * np.uint64(1_000_003) ^ own
    return np.empty(0, dtype=np.uint64) if total is None else total


def _hashes_of(column: Series) -> NDArray[np.uint64]:
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return _hashes_of_numbers(column)
    if not _is_words(column.dtype):
        return np.asarray(pd.util.hash_pandas_object(column, index=False), dtype=np.uint64)
    words = column.to_numpy(dtype=object)
    plain = [each if isinstance(each, str) else repr(each) for each in words]
    return _hash(np.array(plain, dtype=object))


def _hashes_of_numbers(column: Series) -> NDArray[np.uint64]:
    """Hash 1 and 1.0 alike: a column may be whole in one part of a file only."""
    if pd.api.types.is_integer_dtype(column.dtype) and not column.isna().any():
        return _hash(column.to_numpy(dtype=np.int64, na_value=0))
    floats = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        whole = (floats == np.floor(floats)) & (np.abs(floats) < 2.0**63)
    found = _hash(floats)
    found[whole] = _hash(floats[whole].astype(np.int64))
    return found


def _hash(values: NDArray[Any]) -> NDArray[np.uint64]:
    return pd.util.hash_array(values, categorize=False).astype(np.uint64, copy=False)
