"""Whether a value that pickles to other bytes than before is the same all the same.

Only pandas does that: it regroups a frame's columns when they are read. So there is a second look at frames and at
what holds them; of all else other bytes are a change, for ``==`` sees neither an order nor a type nor an alias.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_ATOMS = (str, bytes, int, float, complex, bool, type(None))


class Sameness:
    """Compare two values, frames by what is in them.

    Args:
        digest: gives a value's fingerprint.
    """

    def __init__(self, digest: Callable[[Any], str]) -> None:
        self._digest = digest
        self._partners: dict[int, int] = {}
        self._taken: set[int] = set()

    def __call__(self, before: Any, now: Any) -> bool:
        """Say whether ``now`` is what ``before`` was, its parts shared in the same places."""
        if type(before) is not type(now):
            return False
        if isinstance(before, _ATOMS):
            return self._digest(before) == self._digest(now)
        if id(before) in self._partners:
            return self._partners[id(before)] == id(now)
        if id(now) in self._taken:
            return False
        self._partners[id(before)] = id(now)
        self._taken.add(id(now))
        try:
            return self._parts(before, now)
        except Exception:  # noqa: BLE001 - a value's own code runs, and may raise anything
            return False

    def _parts(self, before: Any, now: Any) -> bool:
        kind = type(before)
        if kind in (list, tuple):
            return len(before) == len(now) and all(map(self, before, now))
        if kind is dict:
            return self(tuple(before), tuple(now)) and self(tuple(before.values()), tuple(now.values()))
        if _is_frame(before):
            return self._frames(before, now)
        if _has_only_attributes(kind):
            return self(vars(before), vars(now))
        return self._digest(before) == self._digest(now)

    def _frames(self, before: Any, now: Any) -> bool:
        if not before.equals(now) or _labels(before) != _labels(now):
            return False
        if before.ndim == 1:
            return self._digest(before.array) == self._digest(now.array)
        places = range(before.shape[1])
        return all(
            self._digest(before.iloc[:, place].array) == self._digest(now.iloc[:, place].array)
            for place in places
        )


def _is_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series)


def _has_only_attributes(kind: type) -> bool:
    """Say whether pickle takes of a class's instances their attributes, and nothing else."""
    own = ("__reduce__", "__reduce_ex__", "__getstate__")
    plain = all(getattr(kind, name, None) is getattr(object, name, None) for name in own)
    return plain and kind.__base__ is object and kind.__dictoffset__ != 0 and not hasattr(kind, "__slots__")


def _labels(value: Any) -> Any:
    """Return what ``equals`` of pandas passes over: names, attributes, flags."""
    axes = [(type(axis), tuple(axis.names), str(axis.dtype)) for axis in value.axes]
    return axes, getattr(value, "name", None), value.attrs, str(value.flags)
