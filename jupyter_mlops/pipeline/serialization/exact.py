"""What the C pickler takes on its own and doesn't take exactly: NaN is the same only as itself, a set has an order.

It asks nobody about numbers, sets and dicts, unless about each object, which takes time. So a value is pickled
first, and again, asking about each object, where what came out shows that there is something to ask about.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import itertools
import operator
import pickle
import struct
import sys
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.serialization import restoring, set_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NANS = (b"G\x7f\xf8\x00\x00\x00\x00\x00\x00", b"G\xff\xf8\x00\x00\x00\x00\x00\x00")
_BUILTINS = "builtins"
_SINGLE = (("numpy", "nan"), ("math", "nan"))


def is_wanted(data: Any, memo: Mapping[int, tuple[int, Any]]) -> bool:
    """Say whether a value has to be pickled again: from its pickle, and the objects that were met."""
    return (
        id(builtins.__dict__) in memo
        or any(nan in data for nan in _NANS)
        or any(
            set_order.recipe(obj) is not None
            for _, obj in memo.values()
            if type(obj) is set or type(obj) is frozenset
        )
    )


class Nan:
    """Stand in a pickle for numpy's own NaN."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return restoring.well_known, ("numpy", "nan")


_nan = Nan()


def array_of_objects(array: Any) -> Any:
    """Reduce an array; where numpy's own NaN is among its objects it is so again, without asking about each."""
    nan = sys.modules["numpy"].nan
    if array.dtype.char != "O" or not any(map(operator.is_, array.flat, itertools.repeat(nan))):
        return NotImplemented
    marked = array.copy(order="K")
    is_nan = map(operator.is_, array.flat, itertools.repeat(nan))
    marked[sys.modules["numpy"].fromiter(is_nan, bool, array.size).reshape(array.shape)] = _nan
    return marked.__reduce_ex__(pickle.HIGHEST_PROTOCOL)


@functools.cache
def is_text_dtype(kind: Any) -> bool:
    """Say whether objects of a class are pandas' type of texts."""
    name: str = kind.__name__
    return name == "StringDtype" and str(kind.__module__).partition(".")[0] == "pandas"


def text_dtype(dtype: Any) -> Any:
    """Reduce pandas' type of texts without the NaN in it, which each frame would have in its labels."""
    if dtype.na_value is not sys.modules["numpy"].nan:
        return NotImplemented
    return make_text_dtype, (dtype.storage,)


def make_text_dtype(storage: str) -> Any:
    """Return pandas' type of texts, whose missing ones are NaN."""
    import numpy as np
    import pandas as pd

    return pd.StringDtype(storage, na_value=np.nan)


class Ordered:
    """Stand in a pickle for a set that is to keep its order."""

    __slots__ = ("recipe",)

    def __init__(self, recipe: set_order.Recipe) -> None:
        self.recipe = recipe

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        how = self.recipe
        return make_set, (how.places, how.fillers, how.items, how.is_frozen)


class Marks:
    """Answer the pickler's question about each object; ``met`` are those that sharing shows in."""

    def __init__(self) -> None:
        self.met: dict[int, Any] = {}
        self._sets: dict[int, Ordered | None] = {}
        self._nans: dict[int, Any] = {}

    def __call__(self, obj: Any) -> Any:
        """Return what stands for an object; None where the pickler does well by itself."""
        kind = type(obj)
        if kind is float:
            return self._nan(obj) if obj != obj else None  # noqa: PLR0124 - so it is found out
        if kind is dict:
            return _BUILTINS if obj is builtins.__dict__ else None
        if kind is set or kind is frozenset:
            return self._set(obj)
        return None

    def _nan(self, nan: float) -> Any:
        for module, name in _SINGLE:
            if getattr(sys.modules.get(module), name, None) is nan:
                return f"{module}.{name}"
        if id(nan) not in self._nans:
            self._nans[id(nan)] = (len(self._nans), struct.pack(">d", nan))
            self.met[id(nan)] = nan
        return self._nans[id(nan)]

    def _set(self, found: Any) -> Ordered | None:
        if id(found) not in self._sets:
            recipe = set_order.recipe(found)
            self._sets[id(found)] = None if recipe is None else Ordered(recipe)
            if recipe is not None:
                self.met[id(found)] = found
        return self._sets[id(found)]


class Unpickler(pickle.Unpickler):
    """Give back what ``Marks`` put marks for."""

    def persistent_load(self, mark: Any) -> Any:
        """Return the object that a mark stands for."""
        if type(mark) is set or type(mark) is frozenset:
            return mark
        if mark == _BUILTINS:
            return builtins.__dict__
        if type(mark) is str:
            module, _, name = mark.partition(".")
            return getattr(importlib.import_module(module), name)
        nans = vars(self).setdefault("_nans", {})
        return nans.setdefault(mark[0], struct.unpack(">d", mark[1])[0])


def make_set(places: int, fillers: tuple[int, ...], items: tuple[Any, ...], is_frozen: bool) -> Any:
    """Make a set that goes through its items in the order that another had."""
    return set_order.made(set_order.Recipe(places, fillers, items, is_frozen))
