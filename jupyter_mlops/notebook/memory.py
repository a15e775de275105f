"""Objects that stand for the ones a notebook makes: which of them hold which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.notebook.events import Function

Objects = frozenset[object]
NO_OBJECTS: Objects = frozenset()


@dataclass(frozen=True, slots=True)
class Named:
    """The object that a variable stood for before the code at hand; ``inside`` for what that object held."""

    name: str
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Say what a value may be: objects, the functions that come along with it, and its kind where known."""

    objects: Objects
    functions: frozenset[Function] = frozenset()
    kind: str = ""

    def __or__(self, other: Found) -> Found:
        return Found(
            self.objects | other.objects,
            self.functions | other.functions,
            self.kind if self.kind == other.kind else "",
        )


@dataclass(slots=True)
class Memory:
    """Hold what objects hold, both ways; ``touched`` are those changed in place, ``plain`` hold constants only."""

    inside: dict[object, set[object]] = field(default_factory=dict)
    around: dict[object, set[object]] = field(default_factory=dict)
    touched: set[object] = field(default_factory=set)
    plain: set[object] = field(default_factory=set)
    made: int = 0

    def fresh(self, held: set[object] | Objects = NO_OBJECTS) -> Objects:
        """Return a new object that holds the given ones."""
        self.made += 1
        objects: Objects = frozenset({self.made})
        self.hold(objects, held)
        return objects

    def named(self, name: str) -> Objects:
        """Return the object a variable stands for that nothing is known of."""
        objects: Objects = frozenset({Named(name)})
        self.hold(objects, {Named(name, inside=True)})
        return objects

    def hold(self, containers: Objects, held: set[object] | Objects) -> None:
        """Make each container hold the given objects."""
        for container in containers:
            for item in held:
                if item != container:
                    self.inside.setdefault(container, set()).add(item)
                    self.around.setdefault(item, set()).add(container)

    def reach(self, objects: Objects) -> Objects:
        """Return objects and all that they hold, however deep."""
        return _closure(objects, self.inside)

    def holders(self, objects: Objects) -> Objects:
        """Return objects and all that hold them."""
        return _closure(objects, self.around)

    def touch(self, objects: Objects) -> None:
        """Note that objects were changed in place."""
        self.touched |= objects


def _closure(objects: Objects, edges: dict[object, set[object]]) -> Objects:
    if not any(item in edges for item in objects):
        return objects
    seen = set(objects)
    waiting = list(objects)
    while waiting:
        for item in edges.get(waiting.pop(), ()):
            if item not in seen:
                seen.add(item)
                waiting.append(item)
    return frozenset(seen)
