"""What setup cells defined, and what of it a stage can change.

Every stage runs the setup cells, so their functions and classes go by name. What a stage changes in one of them
(an attribute, a default, a closure) is passed on by itself and put into the definition that is there: whoever
refers to it sees the change.
"""

from __future__ import annotations

import enum
import types
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.serialization import caches
from jupyter_mlops.pipeline.serialization.kinds import defined_here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SETUP = "<setup {}>"
_STATE = ("__defaults__", "__kwdefaults__", "__dict__")
_CLOSURE = "closure"
_DISPATCH = "registry"
_CACHE = "cache"


def shared_definitions(namespace: Mapping[str, Any]) -> dict[int, str]:
    """Return what setup cells defined, ``id`` of the object to its dotted name; for a namespace before its stage.

    Functions and classes, what classes hold of both, and bare ``object()`` sentinels.
    """
    found: dict[int, str] = {}
    for name, value in namespace.items():
        if type(value) is object or defined_here(value):
            found.setdefault(id(value), name)
            if isinstance(value, type):
                _add_members(value, name, found)
    return found


def states(shared: Mapping[int, str], find: Callable[[str], Any]) -> dict[str, dict[str, Any]]:
    """Return what can change of each definition: its pseudo-variable to dotted names to state.

    Args:
        shared: what setup cells defined, see ``shared_definitions``.
        find: gives the object behind a dotted name.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(shared.values()):
        state = _state(find(path))
        if state:
            found.setdefault(SETUP.format(path.partition(".")[0]), {})[path] = state
    return found


def put(state: Mapping[str, dict[str, Any]], find: Callable[[str], Any]) -> None:
    """Bring definitions into a state that a stage above left them in."""
    for path, values in state.items():
        definition = find(path)
        if isinstance(definition, type):
            _put_class(definition, values)
        else:
            _put_function(definition, values)


def _state(definition: Any) -> dict[str, Any]:
    if isinstance(definition, caches.Cached):
        return {_CACHE: caches.Kept(definition)} if definition.cache_info().misses else {}
    if _dispatches(definition):
        return {_DISPATCH: {kind: does for kind, does in definition.registry.items() if kind is not object}}
    if isinstance(definition, types.FunctionType):
        state = {name: getattr(definition, name) for name in _STATE if getattr(definition, name)}
        cells = [_content(cell) for cell in definition.__closure__ or ()]
        if cells:
            state[_CLOSURE] = cells
        return state
    if isinstance(definition, type) and not issubclass(definition, enum.Enum):
        return {name: value for name, value in vars(definition).items() if _is_data(name, value)}
    return {}


def _put_class(definition: type, values: Mapping[str, Any]) -> None:
    for name, value in list(vars(definition).items()):
        if name not in values and _is_data(name, value):
            delattr(definition, name)
    for name, value in values.items():
        if vars(definition).get(name) is not value:
            setattr(definition, name, value)


def _put_function(definition: Any, values: Mapping[str, Any]) -> None:
    if _DISPATCH in values and _dispatches(definition):
        for kind, does in values[_DISPATCH].items():
            if vars(definition)[_DISPATCH].get(kind) is not does:
                vars(definition)["register"](kind, does)
        return
    if isinstance(definition, caches.Cached):
        definition.cache_clear()
        caches.fill(definition, values.get(_CACHE))
        return
    definition.__defaults__ = values.get("__defaults__")
    definition.__kwdefaults__ = values.get("__kwdefaults__")
    vars(definition).clear()
    vars(definition).update(values.get("__dict__", {}))
    for cell, content in zip(definition.__closure__ or (), values.get(_CLOSURE, ()), strict=False):
        if content:
            cell.cell_contents = content[0]


def _dispatches(definition: Any) -> bool:
    """Say whether a function is one of ``functools.singledispatch``, whose cache can't be pickled."""
    if not isinstance(definition, types.FunctionType):
        return False
    return isinstance(vars(definition).get(_DISPATCH), types.MappingProxyType) and "dispatch" in vars(
        definition
    )


def _content(cell: types.CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _is_data(name: str, value: Any) -> bool:
    is_own = name.startswith("__") and name.endswith("__")
    return not (is_own or name == "_abc_impl" or defined_here(value) or hasattr(type(value), "__get__"))


def _add_members(owner: type, path: str, found: dict[int, str]) -> None:
    for name, value in vars(owner).items():
        inner = getattr(value, "__func__", value)
        if defined_here(inner) and id(inner) not in found:
            found[id(inner)] = f"{path}.{name}"
            if isinstance(inner, type):
                _add_members(inner, f"{path}.{name}", found)
