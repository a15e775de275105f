"""What ``functools.lru_cache`` keeps: read it, and put it into a cache that was made anew.

A cache says how much it holds, not what. The garbage collector knows, and it is checked against what the cache says.
A new cache is filled by calling it, while its function answers with what it had answered then.
"""

from __future__ import annotations

import functools
import gc
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Cached = type(functools.lru_cache(len))
# Counting up to a number of calls takes as many calls.
MOST_CALLS = 1_000_000


@dataclass(frozen=True)
class Contents:
    """Hold calls and their results, the one that was asked for longest ago first, and the cache's counts."""

    calls: tuple[tuple[tuple[Any, ...], dict[str, Any], Any], ...] = ()
    hits: int = 0
    misses: int = 0


class Kept:
    """Stand in a pickle for what a cached function keeps."""

    __slots__ = ("cached",)

    def __init__(self, cached: Any) -> None:
        self.cached = cached


def contents(cached: Any) -> Contents:
    """Return what a cached function keeps; nothing where it can't be told or couldn't be put back."""
    info = cached.cache_info()
    referents = gc.get_referents(cached)
    function = getattr(cached, "__wrapped__", None)
    if type(function) is not types.FunctionType or not any(each is function for each in referents):
        return Contents()
    marks = [each for each in referents if type(each) is object]
    pairs = _pairs(referents, info)
    if pairs is None or len(marks) != 1:
        return Contents()
    is_typed = cached.cache_parameters()["typed"]
    calls = tuple((*_arguments(key, marks[0], is_typed=is_typed), result) for key, result in pairs)
    return Contents(calls, info.hits, info.misses)


def _pairs(referents: list[Any], info: Any) -> list[tuple[Any, Any]] | None:
    if not info.currsize:
        return []
    if info.maxsize is None:
        found = [dict(each) for each in referents if type(each) is dict and "__wrapped__" not in each]
        pairs = list(found[0].items()) if found else []
    else:
        start = 1 if referents[0] is Cached else 0
        links = referents[start : start + 3 * info.currsize]
        if any(getattr(kind, "__name__", "") != "_lru_list_elem" for kind in links[2::3]):
            return None
        pairs = list(zip(links[::3], links[1::3], strict=True))
    return pairs if len(pairs) == info.currsize else None


def _arguments(key: Any, mark: object, *, is_typed: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the call that a key stands for: arguments, mark, names and values, then their types where these count."""
    if type(key) is not tuple:
        return (key,), {}
    place = next((place for place, part in enumerate(key) if part is mark), None)
    if place is None:
        return (key[: len(key) // 2] if is_typed else key), {}
    named = key[place + 1 :]
    if is_typed:
        named = named[: 2 * (len(named) - place) // 3]
    return key[:place], dict(zip(named[::2], named[1::2], strict=True))


def fill(cached: Any, kept: Contents | None) -> None:
    """Put into a new cache what another kept, with the other's counts."""
    if kept is None or not kept.misses:
        return
    function = cached.__wrapped__
    code, answers = function.__code__, list[Any]()
    function.__code__ = _answering(code, answers)
    try:
        for _ in range(min(kept.misses - len(kept.calls), MOST_CALLS)):
            _miss(cached)
        for arguments, named, result in kept.calls:
            answers.append(result)
            cached(*arguments, **named)
        for _ in range(min(kept.hits, MOST_CALLS) if kept.calls else 0):
            cached(*arguments, **named)
    finally:
        function.__code__ = code


def _miss(cached: Any) -> None:
    try:
        cached(object())
    except IndexError:  # there was no answer, so nothing is kept
        return


def _answering(code: types.CodeType, answers: list[Any]) -> types.CodeType:
    """Return code that gives one of ``answers`` to any call, fit for a function that has ``code``."""
    give: Callable[..., Any] = lambda *_, **__: "answers".pop()  # type: ignore[attr-defined]  # noqa: E731 - see below
    plain = give.__code__
    constants = tuple(answers if each == "answers" else each for each in plain.co_consts)
    return plain.replace(co_consts=constants, co_freevars=code.co_freevars)
