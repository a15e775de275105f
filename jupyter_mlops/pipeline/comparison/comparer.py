"""Compare two values that should be the same: by content, whatever process, class object or memory they are from.

Libraries are known by the names of types, so none is imported that the values don't bring. Floats are compared bit
for bit (any NaN is NaN) or within a tolerance; sets and dicts without order; objects field by field.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jupyter_mlops.pipeline.comparison import arrays, objects
from jupyter_mlops.pipeline.comparison.values import (
    Found,
    Tolerance,
    is_clock,
    kind_of,
    number_differs,
    shown,
)

__all__ = ["Comparer", "Found", "Tolerance", "compare"]

_SCALARS = (int, str, bytes, bytearray, bool, type(None), type(...), type(NotImplemented))
_MOST_UNORDERED = 500


def compare(left: Any, right: Any, *, rtol: float = 0.0, atol: float = 0.0) -> Found | None:
    """Return the first difference between the notebook's value and the pipeline's, None where they are the same.

    Args:
        left: the notebook's value.
        right: the pipeline's.
        rtol: the difference that floats may have, relative to the notebook's.
        atol: the difference that they may have besides.
    """
    return Comparer(Tolerance(rtol=rtol, atol=atol)).compare(left, right)


@dataclass
class Comparer:
    """Compare values and note in ``skipped`` the places of what has no content to compare (a generator, a lock)."""

    tolerance: Tolerance = field(default_factory=Tolerance)
    skipped: list[str] = field(default_factory=list)
    drawn: dict[tuple[int, int], tuple[Any, bool]] = field(default_factory=dict)
    _seen: dict[tuple[int, int], tuple[Any, Any]] = field(default_factory=dict)

    def compare(self, left: Any, right: Any, path: str = "") -> Found | None:
        """Return the first difference; ``path`` is the place in the variable, as Python would write it."""
        try:
            return self._compare(left, right, path)
        except RecursionError:
            self.skipped.append(f"{path[:60]}… (nested too deeply)")
            return None

    def _compare(self, left: Any, right: Any, path: str) -> Found | None:
        if left is right:
            return None
        kinds = kind_of(left), kind_of(right)
        if kinds[0] != kinds[1]:
            return Found(path, f"the type differs: {kinds[0]} in the notebook, {kinds[1]} in the pipeline")
        if isinstance(left, float | complex) and type(left) in (float, complex):
            differs = number_differs(left, right, self.tolerance)
            return Found(path, differs) if differs else None
        if type(left) in _SCALARS:
            return None if left == right else Found(path, unequal(left, right))
        key = id(left), id(right)
        if key in self._seen:
            return None
        # Held, so that no other object gets its id meanwhile.
        self._seen[key] = left, right
        return self._by_type(left, right, path)

    def _by_type(self, left: Any, right: Any, path: str) -> Found | None:
        for special in (arrays.compare_known, objects.compare_known):
            known, found = special(self, left, right, path)
            if known:
                return found
        if isinstance(left, dict | types.MappingProxyType):
            return self._dicts(left, right, path) or self.fields(left, right, path)
        if isinstance(left, set | frozenset):
            return self._sets(left, right, path) or self.fields(left, right, path)
        if isinstance(left, list | tuple | deque):
            return self.sequences(left, right, path) or self.fields(left, right, path)
        if isinstance(left, int | str | bytes | float | complex) and left != right and left == left:  # noqa: PLR0124 - NaN
            return Found(path, unequal(left, right))
        return self.fields(left, right, path)

    def sequences(self, left: Sequence[Any], right: Sequence[Any], path: str) -> Found | None:
        """Compare two sequences item by item."""
        if len(left) != len(right):
            return Found(
                path, f"the length differs: {len(left)} in the notebook, {len(right)} in the pipeline"
            )
        names = getattr(type(left), "_fields", None)
        named = isinstance(names, tuple) and len(names) == len(left)
        for index, (mine, other) in enumerate(zip(left, right, strict=True)):
            place = f"{path}.{names[index]}" if named and names else f"{path}[{index}]"
            found = self.compare(mine, other, place)
            if found:
                return found
        return None

    def fields(self, left: Any, right: Any, path: str) -> Found | None:
        """Compare the fields of two objects of one type, or what they would be pickled as."""
        mine, other = objects.state_of(left), objects.state_of(right)
        if mine is None or other is None:
            reduced = objects.reduced(left), objects.reduced(right)
            if reduced[0] is None or reduced[1] is None:
                if not objects.is_builtin_container(left):
                    self.skipped.append(path)
                return None
            return self.compare(reduced[0], reduced[1], path)
        for name in [*mine, *(name for name in other if name not in mine)]:
            if is_clock(name):
                continue
            place = f"{path}.{name}"
            if name not in mine or name not in other:
                return Found(place, f"only the {'pipeline' if name in other else 'notebook'} has it")
            found = self.compare(mine[name], other[name], place)
            if found:
                return found
        return None

    def _dicts(self, left: Mapping[Any, Any], right: Mapping[Any, Any], path: str) -> Found | None:
        if len(left) != len(right):
            return Found(path, _keys_differ(left, right))
        rest = dict(right)
        odd = []
        for key, value in left.items():
            if not _has(rest, key):
                odd.append((key, value))
                continue
            other = rest.pop(key)
            if isinstance(key, str) and is_clock(key):
                continue
            found = self.compare(value, other, f"{path}[{shown(key, 30)}]")
            if found:
                return found
        return self._odd_items(odd, list(rest.items()), path)

    def _odd_items(self, odd: list[Any], rest: list[Any], path: str) -> Found | None:
        """Match what equality doesn't: keys that are equal only to themselves, NaN among them."""
        if odd and isinstance(odd[0][0], str | int | bytes):
            return Found(path, _keys_differ(dict(odd), dict(rest)))
        for place, (mine, other) in enumerate(zip(odd, rest, strict=True)):
            found = self.compare(mine[0], other[0], f"{path}.keys()[{place}]")
            found = found or self.compare(mine[1], other[1], f"{path}[{shown(mine[0], 30)}]")
            if found:
                return found
        return None

    def _sets(self, left: Any, right: Any, path: str) -> Found | None:
        mine = [item for item in left if not _has(right, item)]
        rest = [item for item in right if not _has(left, item)]
        if len(left) == len(right) and len(mine) <= _MOST_UNORDERED:
            unmatched = []
            for item in mine:
                match = next((i for i, other in enumerate(rest) if not self._differ(item, other)), None)
                if match is None:
                    unmatched.append(item)
                else:
                    rest.pop(match)
            mine = unmatched
        if not mine and not rest:
            return None
        only = [f"only in the notebook: {shown(mine[0])}"] if mine else []
        only += [f"only in the pipeline: {shown(rest[0])}"] if rest else []
        return Found(path, f"{len(mine) + len(rest)} items differ; {'; '.join(only)}")

    def _differ(self, left: Any, right: Any) -> bool:
        return Comparer(self.tolerance).compare(left, right) is not None


def unequal(left: Any, right: Any) -> str:
    """Say that two values differ."""
    return f"{shown(left)} in the notebook, {shown(right)} in the pipeline"


def _has(container: Any, item: Any) -> bool:
    try:
        return item in container
    except Exception:  # noqa: BLE001 - an item's own comparison may raise anything
        return False


def _keys_differ(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> str:
    mine = [key for key in left if not _has(right, key)]
    rest = [key for key in right if not _has(left, key)]
    only = [f"only the notebook has {', '.join(map(partial(shown, width=30), mine[:3]))}"] if mine else []
    only += [f"only the pipeline has {', '.join(map(partial(shown, width=30), rest[:3]))}"] if rest else []
    return f"the keys differ ({len(left)} and {len(right)}): {'; '.join(only)}"
