"""Make a set that goes through its items in the order in which another does.

A set's order depends on the size of its table and on who came first where two want one place, so that a set that is
made of another's items is in another order as often as not. Here the table is looked at, and a new one filled so
that each item finds the place it had. That it came out right is checked; where it didn't, the set is made as usual.
"""

from __future__ import annotations

import array
import ctypes
import operator
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# Their hashes are the same in each process (those of texts where PYTHONHASHSEED is).
_STABLE = frozenset({str, bytes, int, float, bool, complex})
# For more it takes too long to be worth it.
MOST = 100_000
_SMALLEST = 8
# How CPython looks for a place: some in a row, then one elsewhere.
_IN_A_ROW, _SHIFT, _BITS = 9, 5, (1 << 64) - 1
_HEAD = object.__basicsize__
_LAYOUT_SIZE = _HEAD + 6 * 8 + _SMALLEST * 16 + 8


@dataclass(frozen=True)
class Recipe:
    """Say how to make a set: the places of its table, numbers that come first and go again, the items in order."""

    places: int
    fillers: tuple[int, ...]
    items: tuple[Any, ...]
    is_frozen: bool


def recipe(found: Any) -> Recipe | None:
    """Return how to make a set with this one's order; None where its items, one by one, give it, or nothing does."""
    if len(found) < 2 or len(found) > MOST or not _is_stable(found):  # noqa: PLR2004 - one has no order
        return None
    items = list(found)
    kind = type(found)
    if _is_order(kind(items), items):
        return None
    table = _table(found)
    if table is None:
        return None
    plan = _plan(items, *table, is_frozen=kind is frozenset)
    return plan if plan is not None and _is_order(made(plan), items) else None


def made(how: Recipe) -> Any:
    """Return a new set."""
    each: tuple[Any, ...] = (*how.fillers, *how.items)
    first, *rest = each
    found = {first}
    if how.places > _SMALLEST:
        _make_room(found, first, how.places)
    found.update(rest)
    for filler in how.fillers:  # one by one: a set makes itself smaller where many go at once
        found.discard(filler)
    return frozenset(found) if how.is_frozen else found


class _Stop(Exception):  # noqa: N818 - it ends an update, and is no error
    pass


class _Brake:
    """Look like an item until the set compares them, and stop it there."""

    __slots__ = ("_hash",)

    def __init__(self, item: Any) -> None:
        self._hash = hash(item)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        raise _Stop


def _make_room(found: set[Any], first: Any, places: int) -> None:
    """Let a set of one item have a table for many: it makes room for a whole dict before it takes the first key."""
    count = max(5, places // 4) - 1
    start = 0 if not 0 <= hash(first) <= count else hash(first) + 1
    many: dict[Any, None] = {_Brake(first): None, **dict.fromkeys(range(start, start + count - 1))}
    try:
        found.update(many)
    except _Stop:
        return


def _is_stable(items: Iterable[Any]) -> bool:
    kinds = set(map(type, items))
    if kinds <= _STABLE:
        return True
    return kinds <= _STABLE | {tuple} and all(type(item) is not tuple or _is_stable(item) for item in items)


def _is_order(found: Iterable[Any], items: Sequence[Any]) -> bool:
    return all(map(operator.is_, found, items))


def _table(found: Any) -> tuple[int, list[int], list[int]] | None:
    """Return how many places a set has, those that are taken, and those that were; None where it isn't as expected."""
    if type(found).__basicsize__ != _LAYOUT_SIZE or ctypes.sizeof(ctypes.c_void_p) != 8:  # noqa: PLR2004 - bytes
        return None
    fill, used, mask, place = (ctypes.c_ssize_t * 4).from_address(id(found) + _HEAD)
    size = (sys.getsizeof(found) - sys.getsizeof(type(found)())) // 16 or _SMALLEST
    if used != len(found) or mask + 1 != size or not used <= fill <= mask:
        return None
    entries = array.array("q", ctypes.string_at(place, size * 16))
    hashes = entries[1::2]
    keys = [at for at, key in enumerate(entries[::2]) if key]
    taken = [at for at in keys if hashes[at] != -1]
    return size, taken, [at for at in keys if hashes[at] == -1]


def _plan(
    items: list[Any], places: int, taken: list[int], gone: list[int], *, is_frozen: bool
) -> Recipe | None:
    """Return the order in which each item finds the place that it has."""
    if len(taken) != len(items):
        return None
    held = dict(zip(taken, range(len(items)), strict=True))
    mask = places - 1
    first: dict[int, set[int]] = {}
    for number, (item, place) in enumerate(zip(items, taken, strict=True)):
        if hash(item) & mask != place:
            first[number] = {held[at] for at in _on_the_way(hash(item), mask, place) if at in held}
    order = _in_order(len(items), first)
    if order is None:
        return None
    known = set(items)
    fillers = tuple(next(n for n in range(at, sys.maxsize, places) if n not in known) for at in gone)
    return Recipe(places, fillers, tuple(items[number] for number in order), is_frozen)


def _in_order(count: int, first: dict[int, set[int]]) -> list[int] | None:
    """Return the numbers up to ``count``, each after those that have to come first; None where that can't be."""
    order: dict[int, None] = {}
    for number in range(count):
        pending = [number]
        while pending:
            missing = [each for each in first.get(pending[-1], ()) if each not in order]
            if not missing:
                order[pending.pop()] = None
            elif len(pending) > count:
                return None
            else:
                pending.append(missing[0])
    return list(order)


def _on_the_way(hashed: int, mask: int, end: int) -> Iterator[int]:
    """Yield the places where an item looks before it comes to ``end``."""
    place, rest = hashed & mask, hashed & _BITS
    for _ in range(mask + 64):
        row = _IN_A_ROW if place + _IN_A_ROW <= mask else 0
        for at in range(place, place + row + 1):
            if at == end:
                return
            yield at
        rest >>= _SHIFT
        place = (place * 5 + 1 + rest) & mask
