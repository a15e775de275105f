"""What expectations say of single values and rows, as a pandera schema."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError, SchemaErrors

from jupyter_mlops.data.column_types import allowed, moment
from jupyter_mlops.records import relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from jupyter_mlops.records.expectation import ColumnExpectation, Expectations, Limits
    from jupyter_mlops.records.relation import Relation, Term

Series: TypeAlias = "pd.Series[Any]"
# How many failing values pandera is to write down itself; how many there are is counted in its answers.
_FEW = 1
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
# What pandas calls columns with texts or lists in them.
_NO_NUMBERS = ("string", "bytes", "mixed", "mixed-integer")
# Sums of floats are equal where they agree to so many parts.
_CLOSE = 1e-9


def build(expected: Expectations) -> pa.DataFrameSchema:
    """Return the schema that a part of the table, typed as expected, is checked by."""
    columns = {each.name: _column(each) for each in expected.columns}
    relations = [relation.parse(text) for text in expected.between]
    checks = [pa.Check(_relation(one), name=one.text, n_failure_cases=_FEW) for one in relations]
    return pa.DataFrameSchema(columns, checks=checks)


def broken(
    schema: pa.DataFrameSchema, part: pd.DataFrame
) -> Iterator[tuple[str, str, NDArray[np.int64] | str]]:
    """Check a part: give column (empty for the table), what it breaks, and in which rows (by its index); or why that couldn't be told."""
    try:
        schema.validate(part, lazy=True, inplace=True)
    except SchemaErrors as found:
        for error in found.schema_errors:
            if not isinstance(error.check, pa.Check):
                continue  # pragma: no cover - the schema asks for nothing but checks
            column = "" if isinstance(error.schema, pa.DataFrameSchema) else str(error.schema.name)
            answer = error.check_output
            if isinstance(answer, pd.Series):
                # Missing values aren't in it: its index says which rows they are about.
                failing = ~answer.to_numpy(dtype=bool)
                yield column, str(error.check.name), answer.index.to_numpy(dtype=np.int64)[failing]
            else:
                yield column, str(error.check.name), _why(error)


def _column(expected: ColumnExpectation) -> pa.Column:
    bounds: dict[str, Callable[..., pa.Check]] = {
        "min": pa.Check.ge,
        "max": pa.Check.le,
        "above": pa.Check.gt,
        "below": pa.Check.lt,
    }
    checks = [
        check(moment(getattr(expected, name)), name=name, n_failure_cases=_FEW)
        for name, check in bounds.items()
        if getattr(expected, name) is not None
    ]
    if expected.one_of:
        checks.append(pa.Check.isin(allowed(expected), name="values", n_failure_cases=_FEW))
    if expected.pattern:
        checks.append(pa.Check(_matches(expected.pattern), name="pattern", n_failure_cases=_FEW))
    if expected.length:
        checks.append(pa.Check(_has_length(expected.length), name="length", n_failure_cases=_FEW))
    return pa.Column(checks=checks, nullable=True, required=False)


def _matches(pattern: str) -> Callable[[Series], Series]:
    return lambda values: values.str.fullmatch(pattern)


def _has_length(limits: Limits) -> Callable[[Series], Series]:
    low = 0 if limits.min is None else limits.min
    high = np.inf if limits.max is None else limits.max
    return lambda values: values.str.len().between(low, high)


def _relation(one: Relation) -> Callable[[pd.DataFrame], Series]:
    def holds(frame: pd.DataFrame) -> Series:
        left, right = _value(one.left, frame), _value(one.right, frame)
        if one.operator in _COMPARE:
            found = _COMPARE[one.operator](left, right)
        else:
            found = _equal(left, right)
            found = ~found if one.operator == "!=" else found
        # Where a value is missing there is nothing to compare.
        missing = frame[list(one.columns)].isna().any(axis=1)
        return pd.Series(found, index=frame.index).fillna(True).astype(bool) | missing

    return holds


def _value(term: Term, frame: pd.DataFrame) -> Any:
    if term.column:
        return frame[term.column]
    if term.operator is None:
        return term.value
    left, right = (_value(part, frame) for part in term.parts)
    # A billion times a text is a text of so many gigabytes.
    if term.operator == "*" and not (_is_number(left) and _is_number(right)):
        raise TypeError("only numbers have multiples")
    return _ARITHMETIC[term.operator](left, right)


def _is_number(side: Any) -> bool:
    values = side if isinstance(side, pd.Series) else [side]
    return pd.api.types.infer_dtype(values, skipna=True) not in _NO_NUMBERS


def _equal(left: Any, right: Any) -> Any:
    numbers = all(pd.api.types.is_numeric_dtype(getattr(side, "dtype", type(side))) for side in (left, right))
    if not numbers:
        return left == right
    gap, size = abs(left - right), np.maximum(abs(left), abs(right))
    return (left == right) | (gap <= _CLOSE * size)


def _why(error: SchemaError) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
