"""Parameters given from outside: read by the type of the notebook's own value; several values make a grid."""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_LITERALS = (list, dict, tuple, set)
_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "'\""


def from_options(options: Iterable[str]) -> dict[str, str]:
    """Split ``name=value`` texts.

    Raises:
        UsageError: when there is no ``=``, or a name comes twice.
    """
    found: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"-p {option} is not name=value", hint="write -p seed=7")
        if name in found:
            raise UsageError(f"-p {name} is given twice", hint="give it once")
        found[name] = value
    return found


def expand(declared: Mapping[str, Any], given: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Return every combination of the values that texts name: one a run, in the order in which they are given.

    A comma parts values where each part is one for the parameter's type: ``lr=0.1,0.01``. A text in quotes is one
    value with whatever is in it: ``name="a,b"``.

    Raises:
        UsageError: for a name the notebook doesn't declare, or a value of another type.
    """
    _check_names(declared, given)
    values = {name: _values(name, declared[name], text) for name, text in given.items()}
    return tuple(dict(zip(values, point, strict=True)) for point in itertools.product(*values.values()))


def resolve(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the declared parameters with the given values in their place; texts are read by the declared type.

    Raises:
        UsageError: for a name the notebook doesn't declare, or a value of another type.
    """
    _check_names(declared, given)
    return {
        name: _value(name, value, given[name]) if name in given else value for name, value in declared.items()
    }


def _check_names(declared: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in declared:
            near = NotFoundError.of("parameter", name, declared)
            raise UsageError(
                near.message,
                hint=near.hint
                if declared
                else "the notebook has no params cell; tag one with %%mlops params",
            )


def _values(name: str, declared: Any, text: str) -> tuple[Any, ...]:
    """Return the values that a text names: several where each part between commas is one for the parameter's type."""
    parts = _parts(text)
    # Nothing between two commas is no value of a list, so the text is one text.
    if len(parts) > 1 and all(parts) and declared is not None:
        try:
            return tuple(_value(name, declared, _unquoted(declared, part)) for part in parts)
        except UsageError:
            # As one text it may be right: 1,2 for a tuple. If it isn't, the error names all of it.
            return (_value(name, declared, text),)
    return (_value(name, declared, _unquoted(declared, text)),)


def _parts(text: str) -> list[str]:
    """Cut a text at its commas, but not in quotes or brackets."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES and not parts[-1].strip():
            quote = letter
        elif letter in _OPEN:
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
        elif letter == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip() for part in parts] if len(parts) > 1 else parts


def _unquoted(declared: Any, text: str) -> str:
    """Take the quotes off a text that is written as a literal."""
    stripped = text.strip()
    if not isinstance(declared, str) or stripped[:1] not in _QUOTES:
        return text
    try:
        value = ast.literal_eval(stripped)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else text


def _value(name: str, declared: Any, given: Any) -> Any:
    if isinstance(given, str) and not isinstance(declared, str):
        return _from_text(name, declared, given)
    if declared is None or given is None or type(given) is type(declared):
        return given
    if isinstance(declared, float) and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if isinstance(declared, tuple) and isinstance(given, list):
        return tuple(given)
    raise _wrong(name, declared, given)


def _from_text(name: str, declared: Any, text: str) -> Any:
    if isinstance(declared, bool):
        word = text.strip().lower()
        if word in (*_TRUE, *_FALSE):
            return word in _TRUE
        raise _wrong(name, declared, text)
    if isinstance(declared, int | float):
        return _number(name, declared, text)
    if text.strip() in ("None", "null"):
        return None
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        if isinstance(declared, _LITERALS):
            raise _wrong(name, declared, text) from None
        return text
    wanted: type = type(declared)
    if wanted in _LITERALS and not isinstance(value, wanted):
        raise _wrong(name, declared, text)
    return value


def _number(name: str, declared: float, text: str) -> int | float:
    try:
        return type(declared)(text)
    except ValueError:
        raise _wrong(name, declared, text) from None


def _wrong(name: str, declared: Any, given: Any) -> UsageError:
    kind = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
    wanted = kind.get(type(declared).__name__, f"a {type(declared).__name__}")
    return UsageError(
        f"parameter {name} is {wanted}, not {given!r}", hint=f"the notebook has {name} = {declared!r}"
    )
