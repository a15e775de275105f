"""Write expectations as the body of an ``%%mlops expect`` cell, one line a column, as the cell's reader reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.records.expectation import ColumnExpectation, Limits

if TYPE_CHECKING:
    from jupyter_mlops.records.expectation import Expectations, Scalar

_FIELDS = {
    field.encode_name: field.name for field in msgspec.structs.fields(ColumnExpectation) if not field.required
}
_LIMITS = ("min", "max")
_RESERVED = ("true", "false", "null")
_plain = re.compile(r"[^\W\d](?:[\w .<=>+*/-]*[\w])?")


def write(expected: Expectations) -> str:
    """Write the body of a cell that means ``expected``: one line a column, as ``parse`` reads it."""
    lines = []
    if expected.rows:
        lines.append(written_rows(expected.rows))
    if expected.other_columns != "allowed":
        lines.append(f"other_columns: {expected.other_columns}")
    if expected.key:
        lines.append(written_key(expected.key))
    if expected.between:
        lines += ["between:", *(f"  - {_text(each)}" for each in expected.between)]
    if expected.columns:
        lines.append("columns:")
        lines += [f"  {_text(each.name)}: {_mapping(_fields_of(each))}" for each in expected.columns]
    return "\n".join(lines)


def described(expected: ColumnExpectation) -> dict[str, str]:
    """Return each thing that is expected of a column, as it is written: ``{"max": "max: 99"}``."""
    return {name: f"{name}: {value}" for name, value in _fields_of(expected).items()}


def written_rows(limits: Limits) -> str:
    """Return how many rows are expected, as it is written."""
    return f"rows: {_field('rows', limits)}"


def written_key(key: tuple[str, ...]) -> str:
    """Return the key, as it is written."""
    return f"key: {_list(key)}"


def _limits_of(limits: Limits) -> dict[str, str]:
    return {name: _value(getattr(limits, name)) for name in _LIMITS if getattr(limits, name) is not None}


def _fields_of(expected: ColumnExpectation) -> dict[str, str]:
    blank = ColumnExpectation(name=expected.name)
    given = {name: (getattr(expected, own), getattr(blank, own)) for name, own in _FIELDS.items()}
    return {name: _field(name, value) for name, (value, default) in given.items() if value != default}


def _field(name: str, value: Any) -> str:
    if isinstance(value, Limits):
        exactly = value.min is not None and value.min == value.max
        return _value(value.min) if exactly else _mapping(_limits_of(value))
    if isinstance(value, tuple):
        return _list(value)
    if name in ("missing", "mostly"):
        percent = f"{value * 100:.12g}"
        exact = "e" not in percent and float(percent) / 100 == value
        return f"{percent}%" if 0 < value < 1 and exact else f"{value!r}".removesuffix(".0")
    # A date stays a word without quotes: it is one here.
    return str(value) if name in ("min", "max", "above", "below", "type") else _value(value)


def _mapping(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"


def _list(values: tuple[Scalar, ...]) -> str:
    return "[" + ", ".join(_value(value) for value in values) + "]"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else str(value)


def _text(value: str) -> str:
    """Write a word; in quotes where it would be read as something else."""
    if _plain.fullmatch(value) and value not in _RESERVED and " #" not in value:
        return value
    escaped = msgspec.json.encode(value).decode()
    # JSON's escapes are YAML's as well, but for what JSON writes as it stands.
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in escaped)
