"""Read the body of an ``%%mlops expect`` cell: what is expected of a dataset, in YAML; nothing in it is ever run."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.notebook.yaml_values import (
    bound,
    check_known,
    check_order,
    choice,
    compose,
    items,
    limits,
    pairs,
    scalar,
    share,
    texts,
    truth,
    wrong,
)
from jupyter_mlops.records import relation
from jupyter_mlops.records.expectation import ColumnExpectation, Expectations

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaml import Node

    from jupyter_mlops.errors import UsageError
    from jupyter_mlops.records.expectation import Scalar

TABLE = ("rows", "columns", "other_columns", "key", "between")
# How a cell calls what is expected of a column, and how the record does.
COLUMN = {
    field.encode_name: field.name for field in msgspec.structs.fields(ColumnExpectation) if not field.required
}
TYPES = ("integer", "number", "boolean", "text", "date")
_EXAMPLE = "columns: {age: {type: integer, min: 0}}"
_DATE = "write 2026-01-31"


def parse(dataset: str, body: str, *, source: str = "") -> Expectations:
    """Read what a cell expects of ``dataset``; nothing where its body is empty.

    Raises:
        UsageError: when it can't be understood; ``details["line"]`` is the line in the body, from 1.
    """
    node = compose(body, _EXAMPLE)
    fields: dict[str, Any] = {}
    for key, value in pairs(node, "the cell", _EXAMPLE) if node is not None else ():
        check_known(key, "expectation of the table", TABLE, value, hint="columns stand below columns:")
        fields[key] = _TABLE[key](value)
    return Expectations(name=dataset, source=source, **fields)


def _values(node: Node) -> tuple[Scalar, ...]:
    found = [scalar(item) for item in items(node)]
    if not found or any(value is None for value in found):
        raise wrong(node, "a value is missing", "say how many may be missing: missing: 5%")
    # True is 1 for a dict; here they are two.
    apart = {(type(value) is bool, value): value for value in found if value is not None}
    return tuple(apart.values())


def _pattern(node: Node) -> str:
    (text,) = texts(node) if len(items(node)) == 1 else ("",)
    if not text:
        raise wrong(node, "pattern is no single word", "write a regular expression in quotes")
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise wrong(node, f"pattern {text!r} is no regular expression: {error}", "mend it") from None
    return text


def _between(node: Node) -> tuple[str, ...]:
    found = texts(node)
    for each in items(node):
        try:
            relation.parse(each.value)
        except ValueError as error:
            raise wrong(each, f"between {each.value!r}: {error}", "write start <= end") from None
    return found


def _columns(node: Node) -> tuple[ColumnExpectation, ...]:
    return tuple(_column(name, value) for name, value in pairs(node, "columns", _EXAMPLE))


def _column(name: str, node: Node) -> ColumnExpectation:
    if _is_empty(node):
        return ColumnExpectation(name=name)
    fields: dict[str, Any] = {}
    for key, value in pairs(node, f"column {name}", "{type: integer, min: 0}"):
        check_known(key, "expectation of a column", tuple(COLUMN), value)
        fields[COLUMN[key]] = _COLUMN[key](value)
    found = ColumnExpectation(name=name, **fields)
    problem = _problem(node, found)
    if problem is not None:
        problem.message = f"column {name}: {problem.message}"
        raise problem
    return found


def _is_empty(node: Node) -> bool:
    """Say whether nothing stands behind a column's name: it must be there, whatever it holds."""
    return not isinstance(node.value, list) and not node.value


def _problem(node: Node, found: ColumnExpectation) -> UsageError | None:
    """Say what no column can meet, or what belongs to another type."""
    bounds = [each for each in (found.min, found.max, found.above, found.below) if each is not None]
    words = [each for each in bounds if isinstance(each, str)]
    kind = found.type or ("date" if words else None)
    message = hint = ""
    if kind in ("text", "boolean") and bounds:
        message, hint = f"{kind} has no {_named(found, bounds[0])}", "use values, pattern or length"
    elif kind == "date" and len(words) < len(bounds):
        message, hint = "a number is no date", _DATE
    elif kind != "date" and words:
        message, hint = f"{words[0]!r} is no number", "write a number; of dates type: date"
    elif not all(map(_is_date, words)):
        message, hint = f"{words[0]!r} is neither a number nor a date", _DATE
    elif (found.pattern or found.length) and (kind or "text") != "text":
        message, hint = "pattern and length are of text", f"leave them out, or the type {kind}"
    elif found.mean and kind in ("text", "date", "boolean"):
        message, hint = f"{kind} has no mean", "leave it out"
    check_order(node, found.min, found.max)
    return wrong(node, message, hint) if message else None


def _named(found: ColumnExpectation, value: Any) -> str:
    return next(name for name in ("min", "max", "above", "below") if getattr(found, name) == value)


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_TABLE: dict[str, Callable[[Node], Any]] = {
    "rows": limits,
    "columns": _columns,
    "other_columns": choice("refused", "allowed"),
    "key": texts,
    "between": _between,
}
_COLUMN: dict[str, Callable[[Node], Any]] = {
    "type": choice(*TYPES),
    "min": bound,
    "max": bound,
    "above": bound,
    "below": bound,
    "values": _values,
    "pattern": _pattern,
    "length": limits,
    "missing": share,
    "unique": truth,
    "distinct": limits,
    "mean": limits,
    "mostly": share,
    "optional": truth,
}
