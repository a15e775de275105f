"""Carry the state of the process from stage to stage, as variables that stand in angle brackets."""

from __future__ import annotations

import builtins
import importlib.abc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.serialization.pickling import Scope, pickled
from jupyter_mlops.pipeline.state.facets import FACETS
from jupyter_mlops.pipeline.state.modules import (
    MODULE,
    PRINTED,
    UNKNOWN,
    ModuleState,
    attribute,
    has_owner,
    is_local,
    is_local_file,
    new_modules,
    prefixes,
)
from jupyter_mlops.records.run import Pull

if TYPE_CHECKING:
    import types
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec

    from jupyter_mlops.pipeline.above import Above
    from jupyter_mlops.pipeline.state.facet import Facet, Start


@dataclass
class ProcessState:
    """Restore what the stages above left, and find out what this stage changed.

    A module's state is restored once it is imported; a stage that never imports it never has it.

    Args:
        above: what the stages above left.
        scope: what a pickle may refer to by name.
        start: how the process was before any code of the notebook.
        words: names in the notebook's code, of those that some facets ask for.

    Attributes:
        held: what the notebook's own modules hold, changed or not: variables may be the same objects.
        unkept: what the stage changed though no code of the notebook asks for it, so that it isn't passed on.
    """

    above: Above
    scope: Scope
    start: Start
    words: frozenset[str] = frozenset()
    held: dict[str, Any] = field(default_factory=dict)
    unkept: set[str] = field(default_factory=set)
    _modules: dict[str, ModuleState] = field(default_factory=dict)
    _facets: tuple[Facet, ...] = FACETS
    _before: dict[str, str] = field(default_factory=dict)
    _pulls: dict[str, Pull] = field(default_factory=dict)
    _printed: set[str] = field(default_factory=set)
    _hook: _Hook | None = None

    def begin(self) -> None:
        """Restore what belongs to modules that are imported already, and wait for the others."""
        self.start = replace(self.start, set_up=frozenset(os.environ))
        self._facets = (*FACETS, *(attribute(word) for word in sorted(self.words) if "." in word))
        waiting: dict[str, list[Facet]] = {}
        for facet in self._facets:
            if self._is_there(facet):
                self._restore(facet)
            else:
                places = [facet.module] if facet in FACETS else prefixes(facet.module)
                for place in places:
                    waiting.setdefault(place, []).append(facet)
        for name in new_modules(self.start.modules, self.start.root):
            self._restore_module(name)
        self._hook = _Hook(waiting, self._imported, self.start.root, self._is_printed)
        sys.meta_path.insert(0, self._hook)

    def _is_there(self, facet: Facet) -> bool:
        return facet.module in sys.modules if facet in FACETS else has_owner(facet)

    def _imported(self, module: str, facets: list[Facet]) -> None:
        """Restore what a module has that has just been imported."""
        for facet in facets:
            if facet.name not in self._before and self._is_there(facet):
                self._restore(facet)
        if is_local(sys.modules.get(module), self.start.root):
            self._restore_module(module)

    def end(self) -> dict[str, Any]:
        """Return the state that this stage changed; what it depended on is noted with its other pulls."""
        if self._hook is not None and self._hook in sys.meta_path:
            sys.meta_path.remove(self._hook)
        changed = {}
        for facet in self._facets:
            before = self._before.get(facet.name)
            if before is None:
                continue
            value = facet.get(self.start)
            is_changed = self._digest(value) != before
            if not self._is_said(facet):
                if is_changed:
                    self.unkept.add(facet.name)
                continue
            if is_changed:
                changed[facet.name] = value
            if not facet.drawn or is_changed:
                self._note(facet.name)
        for name, module in self._modules.items():
            state = module.changed()
            if state:
                changed[MODULE.format(name)] = state
            self.held[MODULE.format(name)] = {**module.held(), **state}
            self._note(MODULE.format(name))
        return changed | dict.fromkeys(self._printed, True)

    def _note(self, name: str) -> None:
        """Note which version of some state this stage began with."""
        if name in self._pulls:
            self.above.pulls[name] = self._pulls[name]
        else:
            self.above.absent.add(name)

    def _is_printed(self, module: str) -> bool:
        """Say whether what a module prints when it is imported was printed when a stage above imported it."""
        name = PRINTED.format(module)
        if isinstance(self.above.find(name), Pull):
            self._take(name, lambda _: None)
            self._note(name)
            return True
        if self.above.is_loading:
            return True
        self._note(name)
        self._printed.add(name)
        return False

    def _restore_module(self, name: str) -> None:
        state = self._modules[name] = ModuleState(sys.modules[name], self._digest)
        self._take(MODULE.format(name), state.put)

    def _take(self, name: str, put: Callable[[Any], None], *, is_present: bool = False) -> None:
        """Take what a stage above left; where that can't be passed on, what ``is_present`` isn't left as it is."""
        found = self.above.find(name)
        if not isinstance(found, Pull) and not (found and is_present):
            return
        try:
            value = self.above.take(name)
        except KeyError:
            return  # what imports the module is this value's own pickle
        put(value)
        pull = self.above.pulls.pop(name, None)
        if pull is not None:
            self._pulls[name] = pull

    def _restore(self, facet: Facet) -> None:
        if self._is_said(facet):
            replaced = facet not in FACETS and bool(facet.get(self.start))
            self._take(facet.name, lambda value: facet.put(value, self.start), is_present=replaced)
        self._before[facet.name] = self._digest(facet.get(self.start))

    def _is_said(self, facet: Facet) -> bool:
        return not facet.words or bool(facet.words & self.words)

    def _digest(self, value: Any) -> str:
        try:
            return pickled(value, self.scope).digest
        except Exception:  # noqa: BLE001 - options may hold anything, and what can't be pickled is told apart by nothing
            return UNKNOWN


class _Hook(importlib.abc.MetaPathFinder):
    """Call back when a module has been imported that is waited for, or that is the notebook's own."""

    def __init__(
        self, waiting: dict[str, list[Facet]], imported: Any, root: str, is_printed: Callable[[str], bool]
    ) -> None:
        self._waiting = waiting
        self._imported = imported
        self._root = root
        self._is_printed = is_printed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as the others do, and wrap its loader."""
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None) if not isinstance(finder, _Hook) else None
            spec: ModuleSpec | None = find(fullname, path, target) if find is not None else None
            if spec is not None:
                facets = self._waiting.pop(fullname, [])
                # What is built into Python has a word for a place, no file: it is nobody's own.
                is_own = spec.has_location and is_local_file(spec.origin, self._root)
                if spec.loader is not None and (facets or is_own):
                    is_printed = partial(self._is_printed, fullname)
                    _call_after(spec.loader, partial(self._imported, fullname, facets), is_printed)
                return spec
        return None


def _call_after(loader: Any, action: Any, is_printed: Callable[[], bool]) -> None:
    """Call ``action`` when a module has been loaded; what it prints meanwhile is left out where it was printed above."""
    execute = loader.exec_module

    def exec_module(module: types.ModuleType) -> None:
        names, loading = vars(module), True

        def say(*values: Any, **options: Any) -> None:
            # The module may have kept it for later.
            if not (loading and is_printed()):
                builtins.print(*values, **options)  # noqa: T201 - it is the module that prints

        names["print"] = say
        try:
            execute(module)
        finally:
            loading = False
        if names.get("print") is say:
            del names["print"]
        vars(loader).pop("exec_module", None)
        action()

    loader.exec_module = exec_module
