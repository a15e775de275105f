"""What the notebook's own modules hold, and the attributes that its code sets on those of libraries."""

from __future__ import annotations

import os
import sys
import types
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.state.facet import Facet, Start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ATTRIBUTE, MODULE, PRINTED = "<attribute {}>", "<module {}>", "<printed {}>"
_INSTALLED = ("site-packages", "dist-packages")
_BY_VALUE = (int, float, complex, str, bytes, bool, type(None))
UNKNOWN = "can't be pickled"
_CODE = (type, types.FunctionType, types.BuiltinFunctionType)


def attribute(path: str) -> Facet:
    """Return the facet of an attribute that the notebook sets: ``pandas.DataFrame.shout``."""
    owner, _, name = path.rpartition(".")

    def get(_: Start) -> tuple[Any, ...]:
        found = _owner(owner)
        held = _held(found)
        if name in held:
            return (held[name],)
        # Attributes that a property makes, as some modules of torch do.
        return () if isinstance(found, type) or not hasattr(found, name) else (getattr(found, name),)

    def put(value: tuple[Any, ...], _: Start) -> None:
        found = _owner(owner)
        if value:
            setattr(found, name, value[0])
        elif name in _held(found):
            delattr(found, name)

    return Facet(ATTRIBUTE.format(path), owner, get, put)


def prefixes(path: str) -> list[str]:
    """Return the modules that an attribute may belong to, the outermost first."""
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def has_owner(facet: Facet) -> bool:
    """Say whether what has the attribute is there by now."""
    try:
        _owner(facet.module)
    except AttributeError:
        return False
    return True


def is_local(module: Any, root: str) -> bool:
    """Say whether a module is a file of the notebook's folder."""
    return is_local_file(getattr(module, "__file__", None), root)


def is_local_file(file: Any, root: str) -> bool:
    """Say whether a module's file is in the notebook's folder, and not installed there."""
    if not (root and isinstance(file, str)):
        return False
    path = os.path.abspath(file)  # noqa: PTH100 - called for each module, where a Path would be slow
    return path.startswith(root + os.sep) and not any(part in path for part in _INSTALLED)


class ModuleState:
    """Know what a module of the notebook's own held when it was imported, and tell what has changed since."""

    def __init__(self, module: Any, digest: Callable[[Any], str]) -> None:
        self._module = module
        self._digest = digest
        self._restored: set[str] = set()
        self._before = self._now = self._look()

    def put(self, state: Mapping[str, tuple[Any, ...]]) -> None:
        """Bring the module into the state that a stage above left it in."""
        for path, value in state.items():
            owner, name = self._place(path)
            if value:
                setattr(owner, name, value[0])
            elif name in vars(owner):
                delattr(owner, name)
        self._restored = set(state)
        self._before = self._look()

    def changed(self) -> dict[str, tuple[Any, ...]]:
        """Return what differs from how the module is imported, if this stage changed something of it.

        Dotted names to a tuple of the value, which is empty where the name is gone.
        """
        now = self._now = self._look()
        names = {name for name in {*now, *self._before} if not self._is_same(name, now)}
        if not names:
            return {}
        return {name: now[name][:1] if name in now else () for name in sorted(names | self._restored)}

    def held(self) -> dict[str, tuple[Any, ...]]:
        """Return all that variables may share with the module, as ``changed`` does, which has looked at it."""
        now = self._now
        shared = {
            name
            for name, (value, mark) in now.items()
            if not isinstance(value, (*_CODE, *_BY_VALUE)) and mark != UNKNOWN
        }
        return {name: now[name][:1] if name in now else () for name in sorted(shared | self._restored)}

    def _is_same(self, name: str, now: Mapping[str, tuple[Any, str]]) -> bool:
        before, after = self._before.get(name), now.get(name)
        if before is None or after is None:
            return False
        return before[1] == after[1] and (before[0] is after[0] or bool(after[1]))

    def _place(self, path: str) -> tuple[Any, str]:
        owner, _, name = path.rpartition(".")
        return (getattr(self._module, owner) if owner else self._module), name

    def _look(self) -> dict[str, tuple[Any, str]]:
        return {
            name: (value, "" if isinstance(value, _CODE) else self._mark(value))
            for name, value in _attributes(self._module)
        }

    def _mark(self, value: Any) -> str:
        return f"{type(value).__name__} {value!r}" if type(value) in _BY_VALUE else self._digest(value)


def _attributes(module: Any) -> Iterator[tuple[str, Any]]:
    for name, value in list(vars(module).items()):
        if name.startswith("__") or isinstance(value, types.ModuleType):
            continue
        yield name, value
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield from (
                (f"{name}.{inner}", held)
                for inner, held in list(vars(value).items())
                if not (inner.startswith("__") or inner == "_abc_impl" or hasattr(type(held), "__get__"))
            )


def new_modules(known: Iterable[str], root: str) -> list[str]:
    """Return the notebook's own modules that were imported since."""
    return [
        name
        for name in sorted(set(sys.modules).difference(known))
        if name != "__main__" and is_local(sys.modules[name], root)
    ]


def _owner(path: str) -> Any:
    """Return what a dotted name stands for.

    Raises:
        AttributeError: when there is no such thing, or its module isn't imported.
    """
    for prefix in reversed(prefixes(path)):
        if prefix in sys.modules:
            found: Any = sys.modules[prefix]
            for name in path[len(prefix) + 1 :].split(".") if prefix != path else ():
                found = getattr(found, name)
            return found
    raise AttributeError(path)


def _held(owner: Any) -> Mapping[str, Any]:
    return getattr(owner, "__dict__", {})
