"""Which objects sharing shows in, and which can't change, so that two are as good as one."""

from __future__ import annotations

import functools
import pickle
import sys
import types
from typing import Any

import cloudpickle

from jupyter_mlops.pipeline.serialization import caches, exact
from jupyter_mlops.pipeline.serialization.restoring import LiveGlobals

MAIN = "__main__"


class CellText(str):
    """The text of a cell, of a kind of its own so that the pickler sees it."""

    __slots__ = ()


def defined_here(value: Any) -> bool:
    """Say whether a function or class was defined in a cell."""
    is_definition = isinstance(value, type | types.FunctionType | caches.Cached)
    return is_definition and getattr(value, "__module__", None) == MAIN


@functools.cache
def holds_attributes(kind: Any) -> bool:
    """Say whether pickle takes of a class's instances a dict of attributes, and nothing else."""
    plain = all(
        getattr(kind, name) is getattr(object, name)
        for name in ("__reduce__", "__reduce_ex__", "__getstate__")
    )
    known = kind in cloudpickle.Pickler.dispatch_table or hasattr(kind, "__setstate__")
    return plain and kind.__dictoffset__ != 0 and not known and not _has_slots(kind)


def _has_slots(kind: Any) -> bool:
    return any(vars(base).get("__slots__") for base in kind.__mro__)


def is_held_elsewhere(obj: Any) -> bool:
    """Say whether something else refers to the dict of an object's attributes."""
    return _holders(obj) > _ALONE


def _holders(obj: Any) -> int:
    return sys.getrefcount(vars(obj))


class _Plain:
    pass


_ALONE = _holders(_Plain())


def is_atom(value: Any) -> bool:
    """Say whether neither a value nor what it holds can change."""
    kind: Any = type(value)
    if kind is types.BuiltinFunctionType:  # a list's append holds the list
        return value.__self__ is None or isinstance(value.__self__, types.ModuleType | type)
    return kind in _ATOMS or isinstance(value, type) or _is_fixed_kind(kind)


def is_fixed(obj: Any) -> bool:
    """Say whether sharing an object that was met shows in nothing."""
    if type(obj) in _FIXED:
        return True
    if type(obj) is types.FunctionType:
        return not vars(obj) or obj.__module__ != MAIN
    if type(obj) is caches.Cached:
        return not defined_here(obj)
    return is_atom(obj)


@functools.cache
def _is_fixed_kind(kind: Any) -> bool:
    import datetime as dt
    import decimal
    import enum
    import fractions
    import pathlib
    import uuid

    fixed: tuple[type, ...] = (
        dt.date, dt.time, dt.timedelta, dt.tzinfo, decimal.Decimal, enum.Enum,
        fractions.Fraction, pathlib.PurePath, uuid.UUID,
    )  # fmt: skip
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None:
        fixed = (*fixed, numpy.generic, numpy.dtype)
    if pandas is not None:
        fixed = (*fixed, pandas.Index, pandas.api.extensions.ExtensionDtype)
    is_function = kind.__name__ in (
        "cython_function_or_method",
        "fused_cython_function",
        "ufunc",
        "wrapper_descriptor",
    )
    return is_function or issubclass(kind, fixed) or str(kind.__module__).partition(".")[0] in _FIXED_MODULES


_ATOMS = frozenset(
    {str, bytes, int, float, complex, bool, type(None), range, type(...), type(NotImplemented), types.CodeType,
     types.ModuleType}
)  # fmt: skip
# What holds others, which are met on their own.
_FIXED = _ATOMS | {
    types.BuiltinFunctionType,
    tuple,
    frozenset,
    slice,
    pickle.PickleBuffer,
    LiveGlobals,
    exact.Nan,
    CellText,
}
_FIXED_MODULES = frozenset({"pyarrow"})
