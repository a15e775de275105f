"""What calling each function of a notebook does to variables, its parameters and its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import files, resources
from jupyter_mlops.notebook.events import (
    Bind,
    Branch,
    Call,
    Define,
    Event,
    Function,
    is_local,
)
from jupyter_mlops.notebook.machine import Machine
from jupyter_mlops.notebook.memory import Named, Objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyter_mlops.notebook.resources import Effect

ROUNDS = 10
_USUAL = {"np": "numpy", "nn": "torch.nn"}  # where a star import or %pylab brought them


@dataclass(frozen=True, slots=True)
class Summary:
    """Say what a call does: variables it reads (True where surely) and sets, objects it changes, holds and returns.

    Objects are ``Named`` after parameters and variables; ``new`` when the result is (also) an object of its own,
    which ``holds`` those; ``keeps`` are pairs of an object and one that it holds afterwards.
    """

    reads: dict[str, bool] = field(default_factory=dict)
    sets: frozenset[str] = frozenset()
    changes: frozenset[Named] = frozenset()
    keeps: frozenset[tuple[Named, Named]] = frozenset()
    returns: frozenset[Named] = frozenset()
    holds: frozenset[Named] = frozenset()
    functions: frozenset[Function] = frozenset()
    kind: str = ""


EMPTY = Summary()


class Summaries:
    """Find, to a fixed point, what the functions of a notebook do when they are called."""

    def __init__(
        self, cells: Iterable[tuple[Event, ...]], constants: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.modules: dict[str, str] = {}
        self.seeded: set[str] = set()
        self._constants = dict(constants)
        self._bound: set[str] = set()
        self._by_name: dict[str, set[Function]] = {}
        self._methods: dict[str, list[Function]] = {}
        self._found: dict[Function, Summary] = {}
        functions: list[Function] = []
        for events in cells:
            for event in _walk(events):
                if isinstance(event, Define):
                    functions.append(event.function)
                elif isinstance(event, Bind):
                    self._note(event)
                elif isinstance(event, Call) and event.path[0]:
                    given = [name for name, _ in event.keywords]
                    found = resources.random_effects(self.dotted(event.path), given)
                    self.seeded.update(effect.name for effect in found if not effect.reads)
        for _ in range(ROUNDS):
            if not self._improve(functions):
                break
        self._methods = {name: self._distinct(methods) for name, methods in self._methods.items()}

    def of(self, function: Function) -> Summary:
        """Return what is known of a function."""
        return self._found.get(function, EMPTY)

    def named(self, name: str) -> frozenset[Function]:
        """Return the functions that a variable stands for at one time or another."""
        return frozenset(self._by_name.get(name, ()))

    def methods(self, name: str) -> list[Function]:
        """Return the methods of that name of all the notebook's classes."""
        return self._methods.get(name, [])

    def _distinct(self, methods: list[Function]) -> list[Function]:
        """Return one method of those that do the same to whatever they are given."""
        kept: dict[object, Function] = {}
        for method in methods:
            kept.setdefault(_shape(method, self.of(method)), method)
        return list(kept.values())

    def dotted(self, path: tuple[str, ...]) -> str:
        """Return the full name of what is called, as far as the notebook's imports tell."""
        first = self.modules.get(path[0]) or _USUAL.get(path[0], path[0])
        return ".".join((first, *path[1:]))

    def effects(self, event: Call) -> Iterator[Effect]:
        """Yield what a call reads and writes that no variable holds."""
        if event.path[0]:
            yield from resources.random_effects(self.dotted(event.path), [name for name, _ in event.keywords])
        for use, expressions in event.files:
            texts = (files.text_of(expression, self._constants) for expression in expressions)
            for text in texts:
                if text:
                    yield from files.effects(use, text, event.path[-1])
                    break

    def _note(self, event: Bind) -> None:
        if event.value.module:
            self.modules.setdefault(event.name.partition("#")[0], event.value.module)
        if not is_local(event.name):
            text = files.text_of(event.text, self._constants) if event.text is not None else None
            if event.name in self._bound:
                self._constants.pop(event.name, None)
            elif text is not None:
                self._constants[event.name] = text
            self._bound.add(event.name)
        if not event.value.functions:
            return
        if not is_local(event.name):
            self._by_name.setdefault(event.name, set()).update(event.value.functions)
        for function in event.value.functions:
            for name, method in function.methods.items():
                self._methods.setdefault(name, []).append(method)

    def _improve(self, functions: list[Function]) -> bool:
        changed = False
        for function in functions:
            summary = self._summarise(function)
            if summary != self._found.get(function):
                self._found[function] = summary
                changed = True
        return changed

    def _summarise(self, function: Function) -> Summary:
        notes = _Notes()
        machine = Machine(notes, self, inside=True)
        notes.machine = machine
        machine.run(function.events)
        memory = machine.memory
        result: set[object] = set()
        functions: set[Function] = set()
        for found in machine.returned:
            result |= found.objects
            functions |= found.functions
        reached: Objects = memory.reach(frozenset(result))
        new = {item for item in result if not isinstance(item, Named)}
        inside = memory.reach(frozenset(new)) if new else frozenset()
        kinds = {found.kind for found in machine.returned}
        return Summary(
            reads=notes.reads,
            sets=frozenset(notes.sets),
            changes=_named(memory.touched),
            keeps=frozenset(
                (container, item)
                for container, items in memory.inside.items()
                if isinstance(container, Named)
                for item in _named(items)
                if item != Named(container.name, inside=True)
            ),
            returns=_named(result),
            holds=_named(inside or reached) - _named(result),
            functions=frozenset(functions),
            kind="generator" if function.is_generator else (kinds.pop() if len(kinds) == 1 else ""),
        )


class _Notes:
    """Hear what a function's body does to the notebook's variables."""

    def __init__(self) -> None:
        self.reads: dict[str, bool] = {}
        self.sets: set[str] = set()
        self.machine: object = None

    def used(self, name: str, _line: int, *, soft: bool, sure: bool = False) -> None:
        del sure
        optional = getattr(self.machine, "optional", 0) > 0
        self.reads[name] = self.reads.get(name, False) or not (soft or optional)

    def bound(self, name: str, _line: int, *, sure: bool, kind: str) -> None:
        del sure, kind
        self.sets.add(name)

    def changed(self, names: list[str], line: int) -> None:
        """Objects tell it already."""

    def deleted(self, name: str, line: int) -> None:
        """Rare enough to leave out."""

    def opened(self, line: int) -> None:
        """What ``exec`` sets in a function stays there."""


def _shape(function: Function, summary: Summary) -> object:
    """Return what a summary says with parameters by their place, so that two functions can be compared."""
    places = {name: f"#{place}" for place, name in enumerate(function.parameters)}

    def general(item: Named) -> tuple[str, bool]:
        return places.get(item.name, item.name), item.inside

    return (
        tuple(name.partition("#")[0] for name in function.parameters),
        frozenset(summary.reads.items()),
        summary.sets,
        frozenset(map(general, summary.changes)),
        frozenset((general(container), general(item)) for container, item in summary.keeps),
        frozenset(map(general, summary.returns)),
        frozenset(map(general, summary.holds)),
        summary.functions,
        summary.kind,
    )


def _named(items: Iterable[object]) -> frozenset[Named]:
    return frozenset(item for item in items if isinstance(item, Named))


def _walk(events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        yield event
        if isinstance(event, Branch):
            for arm in event.arms:
                yield from _walk(arm)
        elif isinstance(event, Define):
            yield from _walk(event.function.events)
