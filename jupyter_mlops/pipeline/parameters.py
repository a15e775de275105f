"""Parameters given from outside: read by the type of the notebook's own value."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotAvailableYetError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_grid = re.compile(r"\s*[-+.\w]+(\s*,\s*[-+.\w]+)+\s*")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_LITERALS = (list, dict, tuple, set)


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


def resolve(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the declared parameters with the given values in their place; texts are read by the declared type.

    Raises:
        UsageError: for a name the notebook doesn't declare, or a value of another type.
        NotAvailableYetError: for a list of values where the notebook has one number.
    """
    for name in given:
        if name not in declared:
            near = NotFoundError.of("parameter", name, declared)
            raise UsageError(
                near.message,
                hint=near.hint
                if declared
                else "the notebook has no params cell; tag one with %%mlops params",
            )
    return {
        name: _value(name, value, given[name]) if name in given else value for name, value in declared.items()
    }


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
        if _grid.fullmatch(text):
            raise NotAvailableYetError(f"a grid of values (-p {name}={text})", hint="give one value")
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
