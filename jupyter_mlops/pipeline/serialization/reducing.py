"""How objects of the standard library are pickled that pickle takes otherwise, or not at all."""

from __future__ import annotations

import builtins
import functools
import gc
import io
import logging
import mmap
import os
import pickle
import random
import sys
import types
import weakref
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.serialization import exact, restoring

if TYPE_CHECKING:
    from collections.abc import Callable

_VIEWS: dict[type, str] = {
    type({}.keys()): "keys",
    type({}.values()): "values",
    type({}.items()): "items",
}
# Objects that there is one of in each process: a variable may hold them, or a method of theirs.
_WELL_KNOWN: dict[type, tuple[str, str]] = {
    random.Random: ("random", "_inst"),
    type(os.environ): ("os", "environ"),
}
_WELL_KNOWN_BY_NAME = {
    "numpy.random.mtrand.RandomState": ("numpy.random.mtrand", "_rand"),
    "torch._C.Generator": ("torch", "default_generator"),
}
_PLAIN = "biufcSU"  # what has a buffer
_DICTS = ("__annotations__", "__kwdefaults__")


def view(found: Any) -> Any:
    """Reduce a view of a dict to the dict, which shows in the view."""
    owner = next(each for each in gc.get_referents(found) if isinstance(each, dict))
    return restoring.view_of_dict, (owner, _VIEWS[type(found)])


def proxy(found: types.MappingProxyType[Any, Any]) -> Any:
    """Reduce a read-only view to the dict that shows in it."""
    referents = [each for each in gc.get_referents(found) if isinstance(each, dict)]
    return (types.MappingProxyType, (referents[0],)) if referents else NotImplemented


def cached_property(found: functools.cached_property[Any]) -> Any:
    """Reduce a cached property without the lock that older Pythons give it."""
    state = {name: value for name, value in vars(found).items() if name != "lock"}
    return functools.cached_property, (found.func,), state


def memory_view(found: memoryview) -> Any:
    """Reduce a view of another object's memory to the object.

    Raises:
        pickle.PicklingError: where it shows a part of it only.
    """
    if found.readonly and isinstance(found.obj, bytes):
        return NotImplemented
    whole = memoryview(found.obj)
    if (found.nbytes, found.format, found.shape) != (whole.nbytes, whole.format, whole.shape):
        raise pickle.PicklingError("a part of another object's memory")
    return memoryview, (found.obj,)


def subclass(array: Any) -> Any:
    """Reduce an array of a class of its own to a plain one, its class and its attributes."""
    import numpy as np

    plain = np.ndarray.view(array, np.ndarray)
    state = dict(getattr(array, "__dict__", {}))
    return restoring.array_of, (plain, type(array)), state, None, None, restoring.set_attributes


def array(found: Any, *, in_frame: bool) -> Any:
    """Reduce an array; one that owns its memory is what others look into, not a look into another."""
    if found.dtype.hasobject:
        return exact.array_of_objects(found)
    if (
        in_frame
        or isinstance(found.base, type(found))
        or not found.flags.forc
        or found.dtype.kind not in _PLAIN
    ):
        return NotImplemented
    order = "C" if found.flags.c_contiguous else "F"
    return restoring.own_array, (pickle.PickleBuffer(found), found.dtype, found.shape, order)


def mapped(array: Any) -> Any:
    """Reduce an array that lies in a file to the file's name.

    Raises:
        pickle.PicklingError: where it is a part of the file's array, or the file is gone.
    """
    path = str(array.filename)
    if not isinstance(array.base, mmap.mmap) or not os.path.exists(path):  # noqa: PTH110 - it is a text
        raise pickle.PicklingError("a part of a file that is mapped into memory")
    array.flush()
    here = os.getcwd() + os.sep  # noqa: PTH109 - likewise
    order = "C" if array.flags.c_contiguous else "F"
    return restoring.map_file, (path.removeprefix(here), array.dtype, array.offset, array.shape, order)


def function_state(function: types.FunctionType) -> dict[str, Any]:
    """Return what a function holds besides its code and its closure."""
    names = ("__defaults__", "__kwdefaults__", "__module__", "__qualname__", "__doc__", "__annotations__")
    if sys.version_info >= (3, 12):
        names = (*names, "__type_params__")
    state = {name: getattr(function, name) for name in names}
    # Copies: two variables that hold one function needn't be kept together for dicts that nobody changes in place.
    copies = {name: dict(state[name]) for name in _DICTS if state[name] is not None}
    return {**state, **copies, "__dict__": vars(function).copy()}


@functools.cache
def well_known_place(kind: Any) -> tuple[str, str] | None:
    """Return the module and the name of a class's one object in each process, where it has one."""
    return _WELL_KNOWN.get(kind) or _WELL_KNOWN_BY_NAME.get(f"{kind.__module__}.{kind.__qualname__}")


def stream(found: Any) -> Any:
    """Reduce a stream of the process to its name.

    Raises:
        pickle.PicklingError: for any other.
    """
    for name in ("stdout", "stderr", "stdin", "__stdout__", "__stderr__"):
        if getattr(sys, name) is found:
            return restoring.well_known, ("sys", name)
    if isinstance(found, io.TextIOWrapper | io.BufferedReader | io.BufferedWriter) and found.closed:
        return restoring.closed_file, (found.name, found.mode)
    # cloudpickle would quietly pass on a text file's content as a StringIO.
    raise pickle.PicklingError("an open file")


def handler(found: logging.Handler) -> Any:
    """Reduce a log handler without its lock; a file is opened again when there is something to write."""
    state = {name: value for name, value in vars(found).items() if name != "lock"}
    if isinstance(found, logging.FileHandler):
        found.flush()
        state |= {"stream": None, "mode": "a"}
    return restoring.make_handler, (type(found),), state, None, None, restoring.set_handler


def error(found: BaseException, can_be_pickled: Callable[[Any], bool]) -> Any:
    """Reduce an exception with what it came from; its own ``__init__``, which made its arguments, isn't run again."""
    kind: Any = type(found)
    if kind.__reduce__ is not BaseException.__reduce__ or kind.__reduce_ex__ is not object.__reduce_ex__:
        return NotImplemented
    links = (found.__cause__, found.__context__, found.__suppress_context__)
    state = (vars(found), *(links if can_be_pickled(links[:2]) else (None, None, False)))
    return restoring.make_error, (kind, found.args), state, None, None, restoring.set_error


def has_own_globals(function: types.FunctionType) -> bool:
    """Say whether a function lives in a dict that the notebook gave to ``exec``."""
    names = function.__globals__
    return "__name__" not in names and names.get("__builtins__") is builtins.__dict__


def weak_dict(found: Any) -> Any:
    """Reduce a dict that doesn't hold its keys, or its values: what else holds them does so there too."""
    return type(found), (), None, None, iter(list(found.items()))


def weak_reference(found: Any) -> Any:
    """Reduce a weak reference to what it refers to, which something else holds.

    Raises:
        pickle.PicklingError: where something is called when that is gone.
    """
    if found.__callback__ is not None:
        raise pickle.PicklingError("a weak reference with a callback")
    return restoring.weak_reference, (found(),)


REDUCERS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys(_VIEWS, view),
    types.MappingProxyType: proxy,
    functools.cached_property: cached_property,
    memoryview: memory_view,
    weakref.ref: weak_reference,
    weakref.WeakKeyDictionary: weak_dict,
    weakref.WeakValueDictionary: weak_dict,
}
