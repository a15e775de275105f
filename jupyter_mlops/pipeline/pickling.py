"""Pickle a stage's variables so that they are on the other side what they were here.

cloudpickle alone copies what a notebook defines: a function gets globals of its own, a class of a setup cell comes
back as another class. Here what setup cells define goes by name, for every stage has it, and a function that a
stage defines is bound to the namespace it is restored in, so that it sees what is rebound later.
"""

from __future__ import annotations

import functools
import hashlib
import io
import linecache
import os
import pickle
import types
from collections import Counter
from collections.abc import Callable
from typing import IO, Any

import cloudpickle

# What there is no public way to: how cloudpickle takes code apart, and by which name it knows a class.
from cloudpickle.cloudpickle import _DYNAMIC_CLASS_TRACKER_BY_CLASS as _CLASS_NAMES
from cloudpickle.cloudpickle import _DYNAMIC_CLASS_TRACKER_BY_ID as _CLASSES_BY_NAME
from cloudpickle.cloudpickle import _DYNAMIC_CLASS_TRACKER_LOCK as _CLASS_LOCK
from cloudpickle.cloudpickle import _code_reduce as reduce_code

from jupyter_mlops.pipeline.restoring import (
    LiveGlobals,
    restore_cached,
    restore_code,
    restore_function_state,
    setup_object,
    view_of,
)

PROTOCOL = 5
MAIN = "__main__"
_Cached = type(functools.lru_cache(len))
_SIMPLE = (bool, int, float, complex, str, bytes, type(None))


def shared_definitions(namespace: dict[str, Any]) -> dict[int, str]:
    """Return what setup cells defined, ``id`` of the object to its dotted name; for a namespace before its stage.

    Functions and classes, what classes hold of both, and bare ``object()`` sentinels.
    """
    found: dict[int, str] = {}
    for name, value in namespace.items():
        if type(value) is object or _defined_here(value):
            found.setdefault(id(value), name)
            if isinstance(value, type):
                _add_members(value, name, found)
    return found


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickle for another process that runs the same setup cells.

    Args:
        file: where the bytes go.
        namespace: the stage's live globals.
        shared: what setup cells defined, see ``shared_definitions``.
        owner: names the classes that this stage defines, ``pipeline.stage``.
        roots: ids of arrays that several variables look into; views of them stay views.
        exact: False leaves out what differs between equal values (a cell's file name and text).
    """

    def __init__(
        self,
        file: IO[bytes] | _Hashing,
        namespace: dict[str, Any],
        *,
        shared: dict[int, str],
        owner: str,
        roots: frozenset[int] = frozenset(),
        exact: bool = True,
    ) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._namespace = namespace
        self._shared = shared
        self._owner = owner
        self._roots = roots
        self._exact = exact
        self._sources: dict[str, str] = {}

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what needs more than cloudpickle does."""
        name = self._shared.get(id(obj))
        if name is not None:
            return setup_object, (name,)
        if isinstance(obj, types.CodeType):
            return self._code(obj)
        if isinstance(obj, _Cached) and _defined_here(obj):
            return restore_cached, (obj.__wrapped__, *obj.cache_parameters().values())
        if isinstance(obj, io.IOBase) and not isinstance(obj, io.StringIO | io.BytesIO):
            # cloudpickle would quietly pass on a text file's content as a StringIO.
            raise pickle.PicklingError("an open file")
        if self._roots:
            reduced = self._view(obj)
            if reduced is not None:
                return reduced
        if isinstance(obj, type) and _defined_here(obj):
            _track(obj, self._owner)
        return super().reducer_override(obj)

    def _dynamic_function_reduce(self, func: types.FunctionType) -> Any:
        reduced = super()._dynamic_function_reduce(func)
        if func.__globals__ is not self._namespace:
            return reduced
        make, arguments, state, *_ = reduced
        code, _own_globals, *rest = arguments
        attributes, slots = state
        # Data that the function reads arrives as a variable of its own; its helpers go with it.
        slots["__globals__"] = {key: value for key, value in slots["__globals__"].items() if _helper(value)}
        return make, (code, LiveGlobals(), *rest), (attributes, slots), None, None, restore_function_state

    def _code(self, code: types.CodeType) -> Any:
        text = self._source(code.co_filename)
        if not text:
            return reduce_code(code)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16] if self._exact else ""
        _, arguments = reduce_code(code.replace(co_filename=f"<cell {digest}>"))
        return restore_code, (arguments, text if self._exact else "")

    def _source(self, filename: str) -> str:
        """Return the text of the cell that a code object's file name stands for; empty for a real file."""
        if filename not in self._sources:
            lines = linecache.getlines(filename) if not os.path.exists(filename) else []  # noqa: PTH110 - any text
            self._sources[filename] = "".join(lines)
        return self._sources[filename]

    def _view(self, obj: Any) -> Any:
        if not _is_array(obj):
            return None
        root = _root_of(obj)
        if root is obj or id(root) not in self._roots:
            return None
        start = obj.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        return view_of, (root, start, obj.shape, obj.strides, obj.dtype)


class Unpickler(pickle.Unpickler):
    """Unpickle into a namespace: what a pickle names in ``__main__`` is looked up there."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the global that a pickle names."""
        return setup_object(name) if module == MAIN else super().find_class(module, name)


class _Hashing:
    """A file that keeps only the hash of what is written to it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        raw = data.raw() if isinstance(data, pickle.PickleBuffer) else memoryview(data)
        self._digest.update(raw)
        return raw.nbytes

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def fingerprint(value: Any, pickler: Callable[..., Pickler]) -> str:
    """Return the SHA-256 of a value's pickle, without keeping the pickle.

    Raises:
        Exception: whatever the value's own code raises when it is pickled.
    """
    file = _Hashing()
    pickler(file, exact=False).dump(value)
    return file.hexdigest()


def shared_roots(values: list[Any]) -> frozenset[int]:
    """Return the ids of the arrays that at least two of ``values`` look into (or are)."""
    roots = [_root_of(value) for value in values if _is_array(value) and not value.dtype.hasobject]
    counts = Counter(id(root) for root in roots if root.flags.forc)
    return frozenset(key for key, count in counts.items() if count > 1)


def _is_array(value: Any) -> bool:
    kind = type(value)
    return kind.__name__ == "ndarray" and kind.__module__ == "numpy"


def _root_of(array: Any) -> Any:
    while _is_array(array.base):
        array = array.base
    return array


def _defined_here(value: Any) -> bool:
    is_definition = isinstance(value, type | types.FunctionType | _Cached)
    return is_definition and getattr(value, "__module__", None) == MAIN


def _add_members(owner: type, path: str, found: dict[int, str]) -> None:
    for name, value in vars(owner).items():
        if _defined_here(value) and id(value) not in found:
            found[id(value)] = f"{path}.{name}"
            if isinstance(value, type):
                _add_members(value, f"{path}.{name}", found)


def _helper(value: Any) -> bool:
    return isinstance(
        value, (*_SIMPLE, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    )


def _track(kind: type, owner: str) -> None:
    """Name a class for good, so that it is one class wherever it arrives, and its pickle the same each time."""
    with _CLASS_LOCK:
        if kind in _CLASS_NAMES:
            return
        name, count = f"{owner}.{kind.__qualname__}", 1
        while name in _CLASSES_BY_NAME:
            count += 1
            name = f"{owner}.{kind.__qualname__}#{count}"
        _CLASS_NAMES[kind] = name
        _CLASSES_BY_NAME[name] = kind
