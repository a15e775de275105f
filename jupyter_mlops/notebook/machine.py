"""Follow events through a model of memory: which variables share which objects, and which of them change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from jupyter_mlops.notebook import known
from jupyter_mlops.notebook.calls import Calls
from jupyter_mlops.notebook.events import (
    Bind,
    Branch,
    Call,
    Define,
    Delete,
    Event,
    Function,
    Hold,
    Mutate,
    Opaque,
    Return,
    Touch,
    Use,
    Value,
    is_local,
)
from jupyter_mlops.notebook.memory import NO_OBJECTS, Found, Memory, Objects
from jupyter_mlops.notebook.resources import Effect, is_resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mlops.notebook.summaries import Summaries


class Listener(Protocol):
    """Hear what happens to the notebook's variables."""

    def used(self, name: str, line: int, *, soft: bool, sure: bool = False) -> None:
        """Take note that a variable is read that this cell hasn't surely set; ``sure`` where no other course is likely."""

    def bound(self, name: str, line: int, *, sure: bool, kind: str) -> None:
        """Take note that a variable gets a value."""

    def changed(self, names: list[str], line: int) -> None:
        """Take note that an object is changed in place that these variables are or hold."""

    def deleted(self, name: str, line: int) -> None:
        """Take note that a variable is gone."""

    def opened(self, line: int) -> None:
        """Take note that any variable may have been set."""


@dataclass(slots=True)
class Machine(Calls):
    """Run events; ``bindings`` is what the variables stand for, ``set_here`` those surely set since ``start``.

    ``names`` leads from an object to every variable that ever stood for it; ``undo`` holds what variables stood for
    before the branch that is being followed.
    """

    listener: Listener
    summaries: Summaries
    memory: Memory = field(default_factory=Memory)
    bindings: dict[str, Found] = field(default_factory=dict)
    names: dict[object, dict[str, None]] = field(default_factory=dict)
    undo: dict[str, Found | None] | None = None
    results: dict[int, Found] = field(default_factory=dict)
    set_here: set[str] = field(default_factory=set)
    returned: list[Found] = field(default_factory=list)
    late: list[Function] = field(default_factory=list)
    inside: bool = False
    optional: int = 0
    guarded: int = 0
    unlikely: int = 0

    def start(self) -> None:
        """Forget what was surely set, and the numbers of calls: a new cell begins."""
        self.results, self.late = {}, []
        self.set_here = set()

    def run(self, events: Iterable[Event]) -> None:
        """Follow events in order."""
        for event in events:
            self._step(event)

    def _step(self, event: Event) -> None:  # noqa: C901 - a line a kind of event
        match event:
            case Use():
                self.use(event.name, event.line, soft=event.soft)
            case Bind():
                self._bind(event)
            case Mutate():
                target = self.find(event.target)
                self.change(self.memory.reach(target.objects) if event.deep else target.objects, event.line)
            case Hold():
                self.memory.hold(self.find(event.container).objects, self.find(event.held).objects)
            case Call():
                self.results[event.number] = self.call(event)
            case Branch():
                self._branch(event)
            case Define():
                self._define(event.function)
            case Return():
                self.returned.append(self.find(event.value))
            case Delete():
                self._delete(event)
            case Opaque():
                self.listener.opened(event.line)
            case Touch():
                self.touch(event, event.line)

    def use(self, name: str, line: int, *, soft: bool = False) -> None:
        """Read a variable, and whatever the functions in it read."""
        if not is_local(name) and name not in self.set_here:
            self.listener.used(name, line, soft=soft or self.guarded > 0, sure=not (soft or self.unlikely))
        for function in self.lookup(name).functions:
            self.may_call(function, line)

    def touch(self, effect: Touch | Effect, line: int) -> None:
        """Read or write what no variable holds."""
        if effect.reads and effect.name not in self.set_here:
            self.listener.used(effect.name, line, soft=True)
        if effect.writes:
            self.listener.bound(effect.name, line, sure=self.optional == 0, kind="")
            self.set_here.add(effect.name)

    def use_quietly(self, name: str, line: int) -> None:
        """Read a variable from inside of a function; what its own functions read is known there already."""
        if not is_local(name) and name not in self.set_here:
            self.listener.used(name, line, soft=True)

    def surely_call(self, function: Function, line: int) -> None:
        """Read what a function needs whatever course it takes."""
        for name, sure in self.summaries.of(function).reads.items():
            if sure and name not in self.set_here:
                self.listener.used(name, line, soft=self.guarded > 0, sure=not self.unlikely)

    def set_from_within(self, name: str, line: int) -> None:
        """Take note that a function sets a variable, perhaps."""
        self.stand_for(name, self.lookup(name) | Found(self.memory.fresh()))
        self.listener.bound(name, line, sure=False, kind="")

    def finish(self) -> None:
        """Read what the functions defined since ``start`` may read when they are called."""
        for function in self.late:
            for name in self.summaries.of(function).reads:
                if not is_resource(name):
                    self.use_quietly(name, function.line)

    def _define(self, function: Function) -> None:
        if self.inside or function.name == "<lambda>":
            self.may_call(function, function.line)
        else:
            self.late.append(function)

    def lookup(self, name: str) -> Found:
        """Return what a variable stands for; one not seen before stands for an object of its own."""
        found = self.bindings.get(name)
        if found is None:
            if known.is_provided(name):
                return Found(NO_OBJECTS)
            found = Found(self.memory.named(name), self.summaries.named(name))
            self.stand_for(name, found)
        return found

    def stand_for(self, name: str, found: Found) -> None:
        """Let a variable stand for something from here on."""
        self._remember(name)
        self.bindings[name] = found
        for item in found.objects:
            self.names.setdefault(item, {})[name] = None

    def _remember(self, name: str) -> None:
        if self.undo is not None and name not in self.undo:
            self.undo[name] = self.bindings.get(name)

    def find(self, value: Value) -> Found:
        """Return what a value stands for at this point."""
        objects: set[object] = set()
        functions = set(value.functions)
        kinds = {value.kind} if value.kind else set()
        whole = [self.lookup(name) for name in value.same]
        whole += [self.results[number] for number in value.calls if number in self.results]
        for found in whole:
            objects |= found.objects
            functions |= found.functions
            kinds.add(found.kind)
        parts = [self.lookup(name) for name in value.part]
        parts += [self.results[number] for number in value.part_calls if number in self.results]
        for found in parts:
            objects |= self.memory.reach(found.objects)
            functions |= found.functions
            kinds.add(found.kind if found.kind in known.ALIKE else "")
        held: set[object] = set()
        holding = [self.lookup(name) for name in value.holds]
        holding += [self.results[number] for number in value.held_calls if number in self.results]
        for found in holding:
            # A function that is held comes along, but fitting a pipeline doesn't change it.
            held |= found.objects if found.kind != "function" else set()
            functions |= found.functions
        kind = kinds.pop() if len(kinds) == 1 else ""
        if kind != "module" and (held or not (whole or parts)):
            made = self.memory.fresh(held)
            objects |= made
            if kind == "plain":
                self.memory.plain |= made
        kind = "" if kind == "plain" else kind
        return Found(frozenset(objects), frozenset(functions), kind)

    def change(self, objects: Objects, line: int) -> None:
        """Change objects: every variable that is or holds one of them is written."""
        if not objects:
            return
        affected = self.memory.holders(objects)
        self.memory.touch(objects)
        names: dict[str, None] = {}
        for item in affected:
            names.update(self.names.get(item, ()))
        written = sorted(name for name in names if self._is_affected(name, affected))
        if written:
            self.listener.changed(written, line)

    def _is_affected(self, name: str, affected: Objects) -> bool:
        found = self.bindings.get(name)
        if found is None or is_local(name) or found.kind in ("constant", "module"):
            return False
        return not affected.isdisjoint(found.objects)

    def _bind(self, event: Bind) -> None:
        found = self.find(event.value)
        self.stand_for(event.name, found)
        if is_local(event.name):
            return
        self.listener.bound(event.name, event.line, sure=self.optional == 0, kind=found.kind)
        self.set_here.add(event.name)

    def _delete(self, event: Delete) -> None:
        self._remember(event.name)
        self.bindings.pop(event.name, None)
        self.set_here.discard(event.name)
        if not is_local(event.name) and self.optional == 0:
            self.listener.deleted(event.name, event.line)

    def _branch(self, event: Branch) -> None:
        already, around = self.set_here, self.undo
        several = len(event.arms) > 1
        self.optional += several
        self.guarded += event.guarded
        unlikely = self.unlikely
        ends: list[dict[str, Found | None]] = []
        surely: list[set[str]] = []
        before: dict[str, Found | None] = {}
        for place, arm in enumerate(event.arms):
            self.unlikely = unlikely + (several and (place > 0 or not event.begins))
            self.undo, self.set_here = {}, set(already)
            self.run(arm)
            ends.append({name: self.bindings.get(name) for name in self.undo})
            surely.append(self.set_here)
            before |= self.undo
            self._restore(self.undo)
        self.undo = around
        self.optional -= several
        self.guarded -= event.guarded
        self.unlikely = unlikely
        for name, found in before.items():
            self._remember(name)
            self._restore({name: _joined([end.get(name, found) for end in ends])})
        self.set_here = set.intersection(*surely)
        if several and self.optional == 0:
            for name in sorted(name for name in self.set_here - already if name in self.bindings):
                self.listener.bound(name, 0, sure=True, kind=self.bindings[name].kind)

    def _restore(self, before: dict[str, Found | None]) -> None:
        for name, found in before.items():
            if found is None:
                self.bindings.pop(name, None)
            else:
                self.bindings[name] = found


def _joined(ends: list[Found | None]) -> Found | None:
    joined: Found | None = None
    for found in ends:
        if found is not None and found is not joined:
            joined = found if joined is None else joined | found
    return joined
