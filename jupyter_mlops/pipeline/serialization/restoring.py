"""What a hand-off's pickle calls when it is loaded; these names are in files, so they stay."""

from __future__ import annotations

import functools
import hashlib
import importlib
import linecache
import logging
import os
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# What there is no public way to: by which name cloudpickle knows a class.
from cloudpickle.cloudpickle import _DYNAMIC_CLASS_TRACKER_BY_ID as _CLASSES_BY_NAME

from jupyter_mlops.errors import HandoffError

CLASS = "<class {}>"
# Larger arrays stay in the product's mapping.
LARGEST_COPY = 1 << 20


@dataclass(frozen=True)
class Target:
    """Where a pickle is restored: the live globals, what setup cells defined, and who has the rest."""

    namespace: dict[str, Any]
    setup: Mapping[str, Any] = field(default_factory=dict)
    take: Callable[[str], Any] | None = None


_target = Target({})


@contextmanager
def restoring_into(target: Target) -> Iterator[None]:
    """Bind what is loaded in this block to a stage's live globals."""
    global _target  # noqa: PLW0603 - pickle calls functions without a context; this is it
    before, _target = _target, target
    try:
        yield
    finally:
        _target = before


class LiveGlobals:
    """Stand in a pickle for the globals of whoever loads it."""

    def __reduce__(self) -> tuple[Callable[[], dict[str, Any]], tuple[()]]:
        return live_globals, ()


def live_globals() -> dict[str, Any]:
    """Return the namespace that is being restored into."""
    return _target.namespace


def setup_object(path: str) -> Any:
    """Return what a setup cell defined, by its dotted name.

    Raises:
        HandoffError: when it isn't there.
    """
    name, *attributes = path.split(".")
    try:
        start = _target.setup[name] if name in _target.setup else _target.namespace[name]
        return functools.reduce(_member, attributes, start)
    except (KeyError, AttributeError):
        raise HandoffError(
            f"an input needs {path!r}, which no setup cell defines here",
            hint="define it in a %%mlops setup cell, so that every stage has it",
        ) from None


def _member(owner: Any, name: str) -> Any:
    found = vars(owner).get(name) if isinstance(owner, type) else None
    return getattr(owner, name) if found is None else getattr(found, "__func__", found)


def notebook_class(name: str) -> Any:
    """Return a class that a stage defined, by the name it was given then.

    Raises:
        HandoffError: when no stage above left it.
    """
    try:
        if _target.take is not None:
            return _target.take(CLASS.format(name))
    except KeyError:  # this stage's own, or one that is being loaded
        pass
    found = _CLASSES_BY_NAME.get(name)
    if found is not None:
        return found
    raise HandoffError(
        f"an input needs the class {name!r}, which no stage above left",
        hint="run the stage that defines it again, or define it in a %%mlops setup cell",
    )


def is_made(variable: str) -> bool:
    """Say whether there is a class by now, by the variable that stands for it."""
    return any(variable == CLASS.format(name) for name in list(_CLASSES_BY_NAME))


def well_known(module: str, name: str) -> Any:
    """Return an object that there is one of in each process."""
    return getattr(importlib.import_module(module), name)


def make_handler(kind: type[logging.Handler]) -> logging.Handler:
    """Make a log handler with a lock of its own."""
    handler = kind.__new__(kind)
    handler.createLock()
    return handler


def set_handler(handler: logging.Handler, state: dict[str, Any]) -> None:
    """Complete a log handler."""
    vars(handler).update(state)


def view_of_dict(owner: dict[Any, Any], name: str) -> Any:
    """Return a view of a dict: its ``keys``, ``values`` or ``items``."""
    return getattr(owner, name)()


def make_error(kind: type[BaseException], arguments: tuple[Any, ...]) -> BaseException:
    """Make an exception as Python's own class makes it, without what the notebook's class does."""
    made = kind.__new__(kind, *arguments)
    base: Any = next(each for each in kind.__mro__ if each.__module__ == "builtins")
    base.__init__(made, *arguments)
    return made


def set_error(error: BaseException, state: tuple[dict[str, Any], Any, Any, bool]) -> None:
    """Complete an exception: its attributes, and what it came from."""
    attributes, error.__cause__, error.__context__, error.__suppress_context__ = state
    vars(error).update(attributes)


class _Stub:
    """A class's base until it has its own."""


def has_hooks(kind: type) -> bool:
    """Say whether code of the notebook runs when a class is made: a metaclass, ``__init_subclass__``."""
    return type(kind).__module__ == "__main__" or any(
        "__init_subclass__" in vars(base) and base.__module__ == "__main__" for base in kind.__mro__[1:]
    )


def make_class(meta: type, name: str, bases: tuple[type, ...], values: dict[str, Any], *rest: Any) -> type:
    """Make a class without running the hooks that ran when it was made first."""
    from cloudpickle.cloudpickle import _lookup_class_or_track, _make_skeleton_class

    try:
        made: Any = type.__new__(meta, name, (_Stub,), dict(values))
        if bases != (object,):
            made.__bases__ = bases
    except TypeError:  # a base of another layout, like an exception
        kind: type = _make_skeleton_class(meta, name, bases, values, *rest)
        return kind
    found: type = _lookup_class_or_track(rest[0], made)
    return found


def make_function(
    code: types.CodeType, namespace: dict[str, Any], name: str, closure: tuple[types.CellType, ...] | None
) -> types.FunctionType:
    """Make a function that lives in the stage's namespace."""
    return types.FunctionType(code, namespace, name, None, closure)


def set_state(function: types.FunctionType, state: dict[str, Any]) -> None:
    """Complete a function."""
    function.__dict__.clear()
    function.__dict__.update(state["__dict__"])
    for name, value in state.items():
        if name != "__dict__":
            setattr(function, name, value)


def make_cell() -> types.CellType:
    """Make an empty closure cell; functions that shared one share it again."""
    return types.CellType()


def fill_cell(cell: types.CellType, content: tuple[Any]) -> None:
    """Put a closure cell's value in."""
    cell.cell_contents = content[0]


def cell_text(content: Any) -> str:
    """Return the text of a cell."""
    return bytes(content).decode()


def restore_code(arguments: tuple[Any, ...], text: str) -> types.CodeType:
    """Build a cell's code object; tracebacks and ``inspect.getsource`` find its text again."""
    name = f"<cell {hashlib.sha256(text.encode()).hexdigest()[:16]}>"
    linecache.cache.setdefault(name, (len(text), None, text.splitlines(keepends=True), name))
    return types.CodeType(*arguments).replace(co_filename=name)


def restore_cached(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    """Wrap a function with an empty ``functools.lru_cache``."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)


def array_of(plain: Any, kind: type) -> Any:
    """Look at an array's memory as an array of another class."""
    return plain.view(kind)


def own_array(buffer: Any, dtype: Any, shape: tuple[int, ...], order: Any) -> Any:
    """Return an array; a small one has memory of its own, so that it can grow."""
    import numpy as np

    array = np.ndarray(shape, dtype, buffer, order=order)
    if array.nbytes > LARGEST_COPY:
        return array
    own = array.copy(order=order)
    own.flags.writeable = array.flags.writeable
    return own


def closed_file(name: Any, mode: str) -> Any:
    """Return a file that has been closed."""
    file: Any = open(os.devnull, "rb" if "b" in mode and "r" in mode else "wb" if "b" in mode else mode[:1])  # noqa: SIM115, PTH123 - it is closed at once
    raw = file.raw if "b" in mode else file.buffer.raw
    file.close()
    raw.name = name
    if "b" not in mode:
        file.mode = mode
    return file


class _Gone:
    pass


def weak_reference(found: Any) -> weakref.ref[Any]:
    """Return a weak reference; one to nothing where that is what there was."""
    return weakref.ref(_Gone() if found is None else found)


def map_file(path: str, dtype: Any, offset: int, shape: tuple[int, ...], order: Any) -> Any:
    """Return the array that lies in a file."""
    import numpy as np

    return np.memmap(path, dtype, "r+", offset, shape, order)


def set_attributes(value: Any, attributes: dict[str, Any]) -> None:
    """Complete an object that has a ``__setstate__`` for something else."""
    if attributes:
        vars(value).update(attributes)


def set_dict(value: Any, attributes: dict[str, Any]) -> None:
    """Let an object have a dict of attributes that others hold too."""
    object.__setattr__(value, "__dict__", attributes)


def view_of(
    root: Any, start: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any, writeable: bool
) -> Any:
    """Look into an array again, as another array did: the memory is shared."""
    flat = root.ravel(order="K")
    if dtype.char == "T":  # texts of any length, which as_strided doesn't know
        step = strides[0] // flat.itemsize
        first = start // flat.itemsize
        stop = first + step * shape[0]
        view = flat[first : stop if stop >= 0 else None : step]
    elif dtype.hasobject:
        from numpy.lib.stride_tricks import as_strided

        view = as_strided(flat[start // flat.itemsize :], shape, strides)
    else:
        view = type(root)(shape, dtype=dtype, buffer=flat, offset=start, strides=strides)
    if not writeable:
        view.flags.writeable = False
    return view
