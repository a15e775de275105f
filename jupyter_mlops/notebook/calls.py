"""What a call changes, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.notebook import known
from jupyter_mlops.notebook.memory import NO_OBJECTS, Found, Named, Objects
from jupyter_mlops.notebook.resources import Effect, is_resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mlops.notebook.events import Call, Function, Value
    from jupyter_mlops.notebook.memory import Memory
    from jupyter_mlops.notebook.summaries import Summaries, Summary


class Calls:
    """The half of the machine that knows calls."""

    __slots__ = ()

    if TYPE_CHECKING:
        memory: Memory
        summaries: Summaries
        optional: int

    def find(self, value: Value) -> Found:
        """Return what a value stands for at this point."""
        raise NotImplementedError

    def lookup(self, name: str) -> Found:
        """Return what a variable stands for."""
        raise NotImplementedError

    def change(self, objects: Objects, line: int) -> None:
        """Change objects in place."""
        raise NotImplementedError

    def set_from_within(self, name: str, line: int) -> None:
        """Take note that a function sets a variable, perhaps."""
        raise NotImplementedError

    def call(self, event: Call) -> Found:
        """Apply a call's effects, and return what its result stands for."""
        arguments = [self.find(value) for value in event.arguments]
        keywords = {name: self.find(value) for name, value in event.keywords}
        every = [*arguments, *keywords.values()]
        for found in every:
            if found.kind in ("random", "iterator", "generator"):
                self.change(found.objects, event.line)
        receiver = None if event.receiver is None else self.find(event.receiver)
        if receiver is not None and receiver.kind != "module":
            result = self._method(event, receiver, arguments, keywords)
        else:
            result = self._function(event, arguments, keywords)
        self._handed_functions(event, [*every, *([receiver] if receiver else [])])
        for effect in self.summaries.effects(event):
            self.touch(effect, event.line)
        return result

    def touch(self, effect: Effect, line: int) -> None:
        """Read or write what no variable holds."""
        raise NotImplementedError

    def _touch_within(self, summary: Summary, line: int) -> None:
        """Read and write what a function that is called reads and writes."""
        names = {name for name in (*summary.reads, *summary.sets) if is_resource(name)}
        for name in sorted(names):
            self.touch(Effect(name, name in summary.reads, name in summary.sets), line)

    def may_call(self, function: Function, line: int) -> None:
        """Apply what a function that is at hand may do: read, set and change the notebook's variables."""
        if function.is_class:
            for method in function.methods.values():
                self._read_globals(self.summaries.of(method), line)
            return
        summary = self.summaries.of(function)
        self._read_globals(summary, line)
        self._change_globals(function, summary, line)

    def _read_globals(self, summary: Summary, line: int) -> None:
        for name in summary.reads:
            if not is_resource(name):
                self.use_quietly(name, line)

    def use_quietly(self, name: str, line: int) -> None:
        """Read a variable from inside of a function; its own functions are in the summary already."""
        raise NotImplementedError

    def _change_globals(self, function: Function, summary: Summary, line: int) -> None:
        for name in sorted(summary.sets):
            if not is_resource(name):
                self.set_from_within(name, line)
        own = set(function.parameters)
        changed: set[object] = set()
        for item in summary.changes:
            if item.name not in own:
                changed |= self._resolve(item, {})
        if changed:
            self.change(frozenset(changed), line)

    def _resolve(self, item: Named, given: dict[str, Found]) -> Objects:
        found = given.get(item.name) or self.lookup(item.name)
        return self.memory.reach(found.objects) if item.inside else found.objects

    def _apply(self, function: Function, given: dict[str, Found], line: int) -> Found:
        """Call a function of the notebook with what its parameters are given."""
        summary = self.summaries.of(function)
        self._touch_within(summary, line)
        for parameter in function.parameters:
            given.setdefault(parameter, Found(NO_OBJECTS))
        changed: set[object] = set()
        for item in summary.changes:
            changed |= self._resolve(item, given)
        self.change(frozenset(changed), line)
        for container, item in summary.keeps:
            self.memory.hold(self._resolve(container, given), self._resolve(item, given))
        objects: set[object] = set()
        held: set[object] = set()
        for item in summary.returns:
            objects |= self._resolve(item, given)
        for item in summary.holds:
            held |= self._resolve(item, given)
        if held or not objects:
            objects |= self.memory.fresh(held)
        return Found(frozenset(objects), frozenset(f for f in summary.functions), summary.kind)

    def _function(self, event: Call, arguments: list[Found], keywords: dict[str, Found]) -> Found:
        functions = self.find(event.function).functions if event.receiver is None else frozenset()
        if functions:
            results = [self._own(function, event.line, arguments, keywords) for function in functions]
            result = results[0]
            for other in results[1:]:
                result = result | other
            return result
        return self._library(event, arguments, keywords)

    def _own(
        self, function: Function, line: int, arguments: list[Found], keywords: dict[str, Found]
    ) -> Found:
        if not function.is_class:
            self.surely_call(function, line)
            return self._apply(function, _given(function, arguments, keywords), line)
        held = _objects([*arguments, *keywords.values()])
        made = Found(self.memory.fresh(held), frozenset({function}))
        start = function.methods.get("__init__")
        if start is not None:
            self.surely_call(start, line)
            self._apply(start, _given(start, [made, *arguments], keywords), line)
        return made

    def surely_call(self, function: Function, line: int) -> None:
        """Complain where a function is called before a variable that it needs is set."""
        raise NotImplementedError

    def _library(self, event: Call, arguments: list[Found], keywords: dict[str, Found]) -> Found:
        name = event.path[-1]
        every = [*arguments, *keywords.values()]
        if arguments and (name in known.FIRST_ARGUMENT or known.changes_in_place(name)):
            self.change(self.memory.reach(arguments[0].objects), event.line)
        if name in known.CONSTANTS and len(event.path) == 1:
            return Found(NO_OBJECTS, kind="constant")
        if name in known.VIEW_FUNCTIONS and arguments:
            return Found(self.memory.reach(arguments[0].objects))
        kind = known.MAKES_BY_NAME.get(self.summaries.dotted(event.path)) or _made_kind(event, "module")
        holds = (name[:1].isupper() or name in known.HOLDERS) and name not in known.COPIES
        functions: frozenset[Function] = frozenset()
        if holds or name in known.WRAPPERS:
            functions = functions.union(*(found.functions for found in every))
        return Found(self.memory.fresh(_objects(every) if holds else NO_OBJECTS), functions, kind)

    def _method(
        self, event: Call, receiver: Found, arguments: list[Found], keywords: dict[str, Found]
    ) -> Found:
        name = event.path[-1]
        whole = self.memory.reach(receiver.objects)
        results = [
            self._apply(method, _given(method, [receiver, *arguments], keywords), event.line)
            for method in self._methods(receiver, name)
        ]
        deep = name in known.DEEP or known.changes_in_place(name)
        deep = deep or (name in known.DEEP_WITHOUT_ARGUMENTS and not event.arguments)
        if deep:
            # What is fitted doesn't change the names of columns that it was made with.
            self.change((whole - self.memory.plain) | receiver.objects, event.line)
        elif name in known.SHALLOW or receiver.kind in known.LIVE:
            self.change(receiver.objects, event.line)
        if name == "shuffle" and arguments:
            self.change(arguments[0].objects, event.line)
        if name in known.TAKES_IN:
            self.memory.hold(receiver.objects, _objects([*arguments, *keywords.values()]))
        if results:
            result = results[0]
            for other in results[1:]:
                result = result | other
            return result
        kind = _made_kind(event, receiver_kind=receiver.kind)
        if receiver.kind == "figure" or name in known.RETURNS_ITSELF or known.changes_in_place(name):
            return Found(receiver.objects, receiver.functions, receiver.kind)
        if name in known.VIEWS:
            return Found(whole, receiver.functions, kind)
        return Found(self.memory.fresh(), kind=kind)

    def _methods(self, receiver: Found, name: str) -> list[Function]:
        """Return the notebook's own methods that may be meant: of the receiver's class where it is known."""
        own = [f.methods[name] for f in receiver.functions if f.is_class and name in f.methods]
        return own or self.summaries.methods(name)

    def _handed_functions(self, event: Call, every: list[Found]) -> None:
        """A function handed to another may be called with whatever was handed over beside it."""
        for found in every:
            for function in found.functions:
                if found.kind == "function" and not function.is_class:
                    self._touch_within(self.summaries.of(function), event.line)
                own = set(function.parameters)
                if any(item.name in own for item in self.summaries.of(function).changes):
                    others = _objects(other for other in every if other is not found)
                    self.change(self.memory.reach(frozenset(others)), event.line)


def _given(function: Function, arguments: list[Found], keywords: dict[str, Found]) -> dict[str, Found]:
    given: dict[str, Found] = {}
    names = function.parameters
    for index, found in enumerate(arguments):
        if not names:
            break
        name = names[min(index, len(names) - 1)]
        given[name] = given[name] | found if name in given else found
    plain = {name.partition("#")[0]: name for name in names}
    for keyword, found in keywords.items():
        name = plain.get(keyword) or (names[-1] if names else "")
        if name:
            given[name] = given[name] | found if name in given else found
    return given


def _objects(founds: Iterable[Found]) -> set[object]:
    objects: set[object] = set()
    for found in founds:
        if found.kind not in ("constant", "function"):
            objects |= found.objects
    return objects


def _made_kind(event: Call, receiver_kind: str) -> str:
    name = event.path[-1]
    if name == "open":
        module = event.path[-2] if len(event.path) > 1 else ""
        opens = len(event.path) == 1 or receiver_kind != "module" or module in known.FILE_MODULES
        return "file" if opens else ""
    if name.startswith("read_") and any(keyword in known.BIT_BY_BIT for keyword, _ in event.keywords):
        return "reader"
    if receiver_kind == "connection" and name in known.OF_A_CONNECTION:
        return "connection"
    if name == "connect":
        return "connection" if receiver_kind in ("module", "connection") else ""
    if name == "Generator" and "torch" not in event.path and len(event.path) == 1:
        return ""
    return known.MAKES.get(name, "")
