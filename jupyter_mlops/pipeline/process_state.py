"""Carry the state of the process from stage to stage, as variables that stand in angle brackets."""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.facets import FACETS
from jupyter_mlops.pipeline.pickling import Scope, pickled
from jupyter_mlops.records.run import Pull

if TYPE_CHECKING:
    import types
    from importlib.machinery import ModuleSpec

    from jupyter_mlops.pipeline.above import Above
    from jupyter_mlops.pipeline.facet import Facet, Start


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
        unkept: what the stage changed though no code of the notebook asks for it, so that it isn't passed on.
    """

    above: Above
    scope: Scope
    start: Start
    words: frozenset[str] = frozenset()
    unkept: set[str] = field(default_factory=set)
    _before: dict[str, str] = field(default_factory=dict)
    _pulls: dict[str, Pull] = field(default_factory=dict)
    _hook: _Hook | None = None

    def begin(self) -> None:
        """Restore what belongs to modules that are imported already, and wait for the others."""
        waiting: dict[str, list[Facet]] = {}
        for facet in FACETS:
            if facet.module in sys.modules:
                self._restore(facet)
            else:
                waiting.setdefault(facet.module, []).append(facet)
        if waiting:
            self._hook = _Hook(waiting, self._restore)
            sys.meta_path.insert(0, self._hook)

    def end(self) -> dict[str, Any]:
        """Return the state that this stage changed; what it depended on is noted with its other pulls."""
        if self._hook is not None and self._hook in sys.meta_path:
            sys.meta_path.remove(self._hook)
        changed = {}
        for facet in FACETS:
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
            if facet.drawn and not is_changed:
                continue
            if facet.name in self._pulls:
                self.above.pulls[facet.name] = self._pulls[facet.name]
            else:
                self.above.absent.add(facet.name)
        return changed

    def _restore(self, facet: Facet) -> None:
        if self._is_said(facet) and isinstance(self.above.find(facet.name), Pull):
            facet.put(self.above.take(facet.name), self.start)
            pull = self.above.pulls.pop(facet.name, None)
            if pull is not None:
                self._pulls[facet.name] = pull
        self._before[facet.name] = self._digest(facet.get(self.start))

    def _is_said(self, facet: Facet) -> bool:
        return not facet.words or bool(facet.words & self.words)

    def _digest(self, value: Any) -> str:
        try:
            return pickled(value, self.scope).digest
        except Exception:  # noqa: BLE001 - options may hold anything, and what can't be pickled is told apart by nothing
            return "can't be pickled"


class _Hook(importlib.abc.MetaPathFinder):
    """Call back when a module has been imported."""

    def __init__(self, waiting: dict[str, list[Facet]], restore: Any) -> None:
        self._waiting = waiting
        self._restore = restore

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as the others do, and wrap its loader."""
        if fullname not in self._waiting:
            return None
        facets = self._waiting.pop(fullname)
        for finder in sys.meta_path:
            spec = finder.find_spec(fullname, path, target) if finder is not self else None
            if spec is not None and spec.loader is not None:
                _call_after(spec.loader, lambda: [self._restore(facet) for facet in facets])
                return spec
        return None


def _call_after(loader: Any, action: Any) -> None:
    execute = loader.exec_module

    def exec_module(module: types.ModuleType) -> None:
        execute(module)
        vars(loader).pop("exec_module", None)
        action()

    loader.exec_module = exec_module
