"""Read YAML without making anything of it: mappings, lists and scalars, each with its line for whoever wrote it.

Words are words here (``no``, ``on`` and ``2026-01-01`` too): only ``true``, ``false``, ``null`` and numbers are more.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.records.expectation import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.records.expectation import Scalar

_LIMITS = ("min", "max")
_whole = re.compile(r"[-+]?[0-9]+")
_float = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_percent = re.compile(r"([0-9]+(?:\.[0-9]*)?)\s*%")
_words: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
# Longer ones aren't even read; whole numbers of 64 bits are kept to the last digit, larger ones as floats.
_MOST_DIGITS = 21
_WHOLE = range(-(2**63), 2**64)


def compose(text: str, example: str) -> Node | None:
    """Return the uppermost node, None where there is nothing but comments.

    Raises:
        UsageError: when it is no YAML, or has anchors; ``details["line"]`` says where, from 1.
    """
    try:
        node: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or "it can't be read"
        line = mark.line + 1 if mark is not None else 1
        raise UsageError(f"it is no YAML: {why}", hint=f"write {example}", line=line) from None
    except RecursionError:
        raise UsageError("it is nested too deeply", hint=f"write {example}", line=1) from None
    if node is not None:
        _refuse_aliases(node, set())
    return node


def wrong(node: Node, message: str, hint: str) -> UsageError:
    """Return the error that says what is wrong at ``node``."""
    return UsageError(message, hint=hint, line=node.start_mark.line + 1)


def pairs(node: Node, what: str, example: str) -> list[tuple[str, Node]]:
    """Return the entries of a mapping; keys are always text.

    Raises:
        UsageError: when it is none, or a key is there twice.
    """
    if not isinstance(node, MappingNode):
        raise wrong(node, f"{what} is no mapping", f"write {example}")
    found: dict[str, Node] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise wrong(key, "a name is no text", "put it in quotes")
        if key.value in found:
            raise wrong(key, f"{key.value!r} is there twice", "leave one of them out")
        found[key.value] = value
    return list(found.items())


def check_known(key: str, what: str, allowed: tuple[str, ...], node: Node, hint: str = "") -> None:
    """Refuse a key that isn't ``allowed``; say which comes near, or else ``hint``.

    Raises:
        UsageError: when it isn't one.
    """
    if key not in allowed:
        near = NotFoundError.of(what, key, allowed)
        if not near.hint.startswith("did you mean"):
            near.hint = f"there are: {', '.join(allowed)}" + (f"; {hint}" if hint else "")
        raise wrong(node, near.message, near.hint)


def scalar(node: Node) -> Scalar | None:
    """Return a number, truth value or word; None for ``null``.

    Raises:
        UsageError: when it is no single value, or too large a number.
    """
    if not isinstance(node, ScalarNode):
        raise wrong(node, "a single value belongs here", "write a number or a word")
    text: str = node.value
    if node.style is not None:
        return text
    if text in _words:
        return _words[text]
    if _whole.fullmatch(text) and len(text) <= _MOST_DIGITS and int(text) in _WHOLE:
        return int(text)
    if not _float.fullmatch(text):
        return text
    # On record an infinite number would be none.
    if not math.isfinite(float(text)):
        raise wrong(node, f"{text!r} is too large a number", "write a smaller one, or put it in quotes")
    return float(text)


def number(node: Node) -> int | float:
    """Return a finite number.

    Raises:
        UsageError: when it is none.
    """
    value = scalar(node)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise wrong(node, f"{node.value!r} is no number", "write a number")
    return value


def bound(node: Node) -> int | float | str:
    """Return a number, or the word that stands there: a date.

    Raises:
        UsageError: when it is neither.
    """
    value = scalar(node)
    return value if isinstance(value, str) and value else number(node)


def share(node: Node) -> float:
    """Return a share, written as 0.05 or 5%.

    Raises:
        UsageError: when it isn't between 0 and 1.
    """
    value = scalar(node)
    percent = _percent.fullmatch(value.strip()) if isinstance(value, str) else None
    found = float(percent[1]) / 100 if percent else value
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise wrong(node, f"{node.value!r} is no share", "write 0.05 or 5%")
    return float(found)


def limits(node: Node) -> Limits:
    """Return limits: ``{min: 1, max: 9}``, or one number that it must be.

    Raises:
        UsageError: when they are none, or the wrong way round.
    """
    if isinstance(node, ScalarNode):
        exactly = number(node)
        return Limits(min=exactly, max=exactly)
    found = {}
    for key, value in pairs(node, "this", "{min: 1, max: 9}"):
        check_known(key, "limit", _LIMITS, value)
        found[key] = number(value)
    if not found:
        raise wrong(node, "there is no limit", "write {min: 1, max: 9}")
    check_order(node, found.get("min"), found.get("max"))
    return Limits(**found)


def check_order(node: Node, low: Any, high: Any) -> None:
    """Refuse a lower limit above the upper one.

    Raises:
        UsageError: when it is.
    """
    if low is not None and high is not None and isinstance(low, str) == isinstance(high, str) and low > high:
        raise wrong(node, f"min {low} is above max {high}", "swap them")


def items(node: Node) -> list[Node]:
    """Return the entries of a list; of what is none, itself."""
    return list(node.value) if isinstance(node, SequenceNode) else [node]


def texts(node: Node) -> tuple[str, ...]:
    """Return a list of words, or the only one.

    Raises:
        UsageError: when it is none.
    """
    found = items(node)
    if not found or any(not isinstance(item, ScalarNode) or not item.value for item in found):
        raise wrong(node, "a list of words belongs here", "write [a, b]")
    return tuple(dict.fromkeys(item.value for item in found))


def choice(*choices: str) -> Callable[[Node], str]:
    """Return a reader of one of some words."""

    def chosen(node: Node) -> str:
        if not isinstance(node, ScalarNode) or node.value not in choices:
            shown = repr(node.value) if isinstance(node, ScalarNode) else "this"
            raise wrong(node, f"{shown} is none of {', '.join(choices)}", f"write {choices[0]}")
        text: str = node.value
        return text

    return chosen


def truth(node: Node) -> bool:
    """Return true or false.

    Raises:
        UsageError: when it is neither.
    """
    value = scalar(node)
    if not isinstance(value, bool):
        raise wrong(node, f"{node.value!r} is neither true nor false", "write true or false")
    return value


def _refuse_aliases(node: Node, seen: set[int]) -> None:
    if id(node) in seen:
        raise wrong(node, "& and * have no meaning here", "write it out")
    seen.add(id(node))
    if isinstance(node, MappingNode):
        for key, value in node.value:
            _refuse_aliases(key, seen)
            _refuse_aliases(value, seen)
    elif isinstance(node, SequenceNode):
        for each in node.value:
            _refuse_aliases(each, seen)
