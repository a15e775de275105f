"""What lru_cache keeps can be read, and put into another cache."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from jupyter_mlops.pipeline.serialization import caches

KINDS: dict[str, Any] = {
    "cache": functools.cache,
    "lru_cache": functools.lru_cache,
    "typed": functools.lru_cache(typed=True),
    "small": functools.lru_cache(maxsize=2),
    "none": functools.lru_cache(maxsize=0),
}


def function(seen: list[Any]) -> Any:
    """Make a function with a closure that tells when it runs."""

    def double(x: Any, y: Any = 1) -> list[Any]:
        seen.append(x)
        return [x, y]

    return double


@pytest.mark.parametrize("kind", KINDS)
def test_a_filled_cache_answers_and_counts_as_the_other_did(kind: str) -> None:
    one: Any = KINDS[kind](function([]))
    for arguments, named in (
        ((1,), {}), (("a",), {}), ((2,), {"y": 3}), ((1,), {}), ((2.5,), {}), (((1, 2),), {}), ((), {"x": 3, "y": 4}),
        (("a",), {}),
    ):  # fmt: skip
        one(*arguments, **named)
    seen: list[Any] = []
    other: Any = KINDS[kind](function(seen))
    caches.fill(other, caches.contents(one))
    assert not seen
    assert other.cache_info() == one.cache_info()
    assert caches.contents(other) == caches.contents(one)
    if kind != "none":
        assert other("a") is one("a")
        assert not seen
    other("new")
    assert seen == (["new"])


def test_calls_that_left_nothing_are_counted() -> None:
    @functools.cache
    def fails(x: int) -> int:
        return 1 // x

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fails(0)
    fails(1)
    other = functools.cache(function([]))
    caches.fill(other, caches.contents(fails))
    assert other.cache_info() == fails.cache_info()


def test_what_cannot_be_put_back_is_nothing() -> None:
    cached = functools.lru_cache(len)
    cached("abc")
    assert caches.contents(cached) == caches.Contents()
