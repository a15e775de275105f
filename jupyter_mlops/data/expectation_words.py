"""What came of an expectation, in words that name column, expectation, how many rows, and examples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_mlops.records.expectation import ExpectationResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.records.expectation import ColumnExpectation, Limits

REPEATED = "repeat an earlier one"
_TYPES = {
    "integer": "aren't whole numbers",
    "number": "aren't numbers",
    "boolean": "are neither true nor false",
    "text": "aren't text",
    "date": "aren't dates",
}
_BREAKING = {
    "min": "are below {}",
    "max": "are above {}",
    "above": "are not above {}",
    "below": "are not below {}",
    "pattern": "don't match {!r}",
    "values": "are none of the values",
}
_LISTED = 3


def breaking(what: str, expected: ColumnExpectation, kind: str | None) -> str:
    """Return what values do that break an expectation: ``are above 99``."""
    if what == "type":
        return _TYPES[kind or "number"]
    if what == "length":
        return "don't have that length"
    return _BREAKING[what].format(getattr(expected, what, ""))


class Broken(NamedTuple):
    """Say how many rows ``of`` how many break an expectation, which are the first, and what stands there."""

    failing: int
    of: int
    rows: Sequence[int] = ()
    examples: Sequence[Any] = ()


def rows(
    column: str, expectation: str, what: str, broken: Broken, *, mostly: float = 1.0
) -> ExpectationResult:
    """Report an expectation that rows meet or break, as ``what`` says; up to ``1 - mostly`` of them may."""
    failing, of, places, examples = broken
    share = failing / of if of else 0.0
    # 0.95 is a little less than 95 of 100 are, in binary.
    enough = failing <= of * (1 - mostly) * (1 + 1e-12)
    reason = ""
    if failing:
        noun = "values" if column else "rows"
        reason = f"{failing:,} of {of:,} {noun} ({percent(share)}) {what}{_list(places, examples)}"
    return ExpectationResult(
        column=column,
        expectation=expectation,
        status="passed" if enough else "failed",
        reason=reason,
        failing=failing,
        share=share,
        rows=tuple(places),
        examples=tuple(examples),
    )


def missing(
    column: str, expectation: str, failing: int, of: int, most: float, places: Sequence[int]
) -> ExpectationResult:
    """Report how many values are missing."""
    share = failing / of if of else 0.0
    where = f", first in row{'s' if len(places) > 1 else ''} {', '.join(map(str, places[:_LISTED]))}"
    reason = f"{failing:,} of {of:,} values ({percent(share)}) are missing{where}" if failing else ""
    return ExpectationResult(
        column=column,
        expectation=expectation,
        status="passed" if share <= most else "failed",
        reason=reason,
        failing=failing,
        share=share,
        rows=tuple(places),
    )


def figure(column: str, expectation: str, limits: Limits, value: float, unit: str) -> ExpectationResult:
    """Report a figure of the whole column or table."""
    written = f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    ends = [
        f"{word} {each:,}"
        for word, each in (("at least", limits.min), ("at most", limits.max))
        if each is not None
    ]
    if limits.min is not None and limits.min == limits.max:
        ends = [f"{limits.min:,}"]
    holds = math.isfinite(value) and limits.hold(value)
    reason = f"{written} {unit}" + ("" if holds else f", expected {' and '.join(ends)}")
    return ExpectationResult(
        column=column, expectation=expectation, status="passed" if holds else "failed", reason=reason
    )


def other_columns(found: Sequence[str]) -> ExpectationResult:
    """Report columns that nobody expected."""
    named = ", ".join(found[:_LISTED]) + (f" and {len(found) - _LISTED} more" if len(found) > _LISTED else "")
    return ExpectationResult(
        column="",
        expectation="other_columns: refused",
        status="failed" if found else "passed",
        reason=f"there {'is' if len(found) == 1 else 'are'} also {named}" if found else "",
        examples=tuple(found[:_LISTED]),
    )


def absent(column: str, near: str) -> ExpectationResult:
    """Report a column that isn't there."""
    reason = "there is no such column" + (f" ({near})" if near else "")
    return ExpectationResult(column=column, expectation="is there", status="failed", reason=reason)


def untold(column: str, expectation: str, why: str) -> ExpectationResult:
    """Report an expectation that couldn't be evaluated."""
    return ExpectationResult(column=column, expectation=expectation, status="not evaluated", reason=why)


def percent(share: float) -> str:
    """Write a share for people; what is something isn't 0%, what isn't all isn't 100%."""
    if 0 < share < 0.0001:  # noqa: PLR2004 - below it two digits say nothing
        return "< 0.01%"
    if 0.9999 < share < 1:  # noqa: PLR2004 - likewise
        return "> 99.99%"
    return f"{share * 100:.3g}%"


def example(value: Any) -> str:
    """Write a value that was found."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {example(each)}" for name, each in value.items())
    if isinstance(value, float):
        # A column of whole numbers with one missing holds floats.
        return repr(value).removesuffix(".0")
    return "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)


def _list(places: Sequence[int], examples: Sequence[Any]) -> str:
    found = [f"{example(value)} in row {place}" for place, value in zip(places, examples, strict=True)]
    return f": {'; '.join(found[:_LISTED])}" if found else ""
