"""Which variables belong together: those that share a mutable object or memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.pipeline.serialization.memory import sharing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.pipeline.serialization.pickling import Pickled


def is_shared(one: Pickled, other: Pickled) -> bool:
    """Say whether two values share a mutable object or memory."""
    return not one.objects.keys().isdisjoint(other.objects) or any(
        first != second for first, second in sharing([one.memory, other.memory])
    )


def components(found: Mapping[str, Pickled]) -> list[tuple[str, ...]]:
    """Return the variables in groups, each sorted, the groups in the order of their first members.

    Args:
        found: each variable's own pickle, and what was met on the way.
    """
    names = list(found)
    leader = list(range(len(names)))

    def head(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    def join(one: int, other: int) -> None:
        first, second = sorted((head(one), head(other)))
        leader[second] = first

    holder: dict[int, int] = {}
    for place, name in enumerate(names):
        for key in found[name].objects:
            join(holder.setdefault(key, place), place)
    for one, other in sharing([found[name].memory for name in names]):
        join(one, other)
    groups: dict[int, list[str]] = {}
    for place, name in enumerate(names):
        groups.setdefault(head(place), []).append(name)
    return [tuple(sorted(group)) for group in groups.values()]
