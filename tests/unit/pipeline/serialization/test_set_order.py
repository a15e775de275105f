"""A set made from a recipe goes through its items in the same order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from jupyter_mlops.pipeline.serialization import set_order

SIZES = (2, 3, 4, 5, 7, 10, 30, 100, 500)


def again(found: Any) -> Any:
    """Make a set again as the next stage does."""
    recipe = set_order.recipe(found)
    return type(found)(list(found)) if recipe is None else set_order.made(recipe)


@pytest.mark.parametrize("size", SIZES)
def test_sets_that_only_grew_keep_their_order(size: int) -> None:
    rng = random.Random(size)  # noqa: S311 - nothing secret
    changed = 0
    for _ in range(20):
        found = {rng.randrange(10**9) for _ in range(size)}
        changed += list(set(list(found))) != list(found)  # noqa: C414 - in another order
        made = again(found)
        assert (made, list(made)) == (found, list(found))
    assert changed or size < 10


@pytest.mark.parametrize("size", SIZES)
def test_sets_that_shrank_and_copies_keep_their_order(size: int) -> None:
    rng = random.Random(size)  # noqa: S311 - nothing secret
    for _ in range(20):
        found = {f"word {rng.randrange(10**9)}" for _ in range(size)}
        for item in list(found)[::3]:
            found.discard(item)
        for each in (found, set(found), found | {"more", "words"}):
            assert list(again(each)) == list(each)


def test_a_set_goes_on_growing_as_the_other_does() -> None:
    found = {number * 7919 % 100_003 for number in range(300)}
    made = again(found)
    for number in range(2000):
        found.add(number * 31)
        made.add(number * 31)
    assert list(made) == list(found)


def test_what_has_no_stable_order_is_left_alone() -> None:
    assert set_order.recipe({object() for _ in range(50)}) is None
    assert set_order.recipe({1}) is None
    assert set_order.recipe(frozenset()) is None


def test_tuples_of_stable_items_have_an_order() -> None:
    found = {(f"n{number % 7}", number) for number in range(100)}
    assert list(again(found)) == list(found)
    assert set_order.recipe({(object(), number) for number in range(100)}) is None
