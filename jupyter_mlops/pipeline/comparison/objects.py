"""Compare functions, classes, figures and objects of any class; know what has no content to compare."""

from __future__ import annotations

import copyreg
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import logging
import pathlib
import re
import sys
import threading
import types
import uuid
import weakref
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.comparison.values import Found, shown

if TYPE_CHECKING:
    from jupyter_mlops.pipeline.comparison.comparer import Comparer

    Answer = tuple[bool, Found | None]

_UNKNOWN: Answer = (False, None)
_EQUAL = (
    dt.date,
    dt.time,
    dt.timedelta,
    decimal.Decimal,
    fractions.Fraction,
    pathlib.PurePath,
    uuid.UUID,
    re.Pattern,
    range,
    types.UnionType,
    types.GenericAlias,
)
_CONTAINERS = (dict, set, frozenset, list, tuple, deque, str, bytes, bytearray, int, float, complex)
_HANDLES = (
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.FrameType,
    types.TracebackType,
    io.IOBase,
    type(threading.Lock()),
    type(threading.RLock()),
    weakref.ref,
    logging.Handler,
)
_HANDLE_MODULES = (
    "_thread",
    "threading",
    "sqlite3",
    "socket",
    "_io",
    "selectors",
    "multiprocessing",
    "asyncio",
)
# What a class has besides what its author wrote.
_CLASS_MACHINERY = frozenset(
    [
        "__dict__",
        "__weakref__",
        "__module__",
        "__doc__",
        "__slotnames__",
        "__firstlineno__",
        "__static_attributes__",
        "_abc_impl",
        "__abstractmethods__",
        "__annotate__",
        "__annotations_cache__",
        "__annotate_func__",
    ]
)
# A version that was logged twice differs in these: when, by which run, and from where.
_RECORD_CIRCUMSTANCES = frozenset(
    ("created_at", "author", "run_id", "stage", "mlflow_run", "parents", "bundle", "params")
)


def compare_known(  # noqa: PLR0911 - a kind each
    comparer: Comparer, left: Any, right: Any, path: str
) -> Answer:
    """Compare two values of one type where its fields aren't what counts; say if it was such a one."""
    if isinstance(left, types.ModuleType | logging.Logger):
        names = (
            (left.__name__, right.__name__) if isinstance(left, types.ModuleType) else (left.name, right.name)
        )
        return True, comparer.compare(*names, f"{path}.__name__")
    if isinstance(left, type):
        return True, _classes(comparer, left, right, path)
    if isinstance(left, enum.Enum):
        return True, comparer.compare(left.name, right.name, f"{path}.name")
    if isinstance(left, _EQUAL):
        same = left == right and repr(left) == repr(right)
        return True, None if same else Found(path, _sides(left, right))
    if isinstance(left, io.StringIO | io.BytesIO) and not left.closed and not right.closed:
        return True, comparer.compare(left.getvalue(), right.getvalue(), f"{path}.getvalue()")
    if _is_artist(left):
        return True, _drawings(comparer, left, right, path)
    if _is_handle(left):
        comparer.skipped.append(path)
        return True, None
    return _callables(comparer, left, right, path)


def state_of(value: Any) -> dict[str, Any] | None:
    """Return an object's fields by name, None where Python can't see any."""
    fields: dict[str, Any] = {}
    own = getattr(value, "__dict__", None)
    seen = isinstance(own, dict)
    fields.update(own if isinstance(own, dict) else {})
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            seen = True
            private = name.startswith("__") and not name.endswith("__")
            place = f"_{kind.__name__.lstrip('_')}{name}" if private else name
            try:
                fields[name] = getattr(value, place)
            except Exception:  # noqa: BLE001, S112 - a slot that is empty, or a property in its way
                continue
    for kind, name in ((defaultdict, "default_factory"), (deque, "maxlen")):
        if isinstance(value, kind):
            seen = True
            fields[name] = getattr(value, name)
    names = getattr(type(value), "__struct_fields__", None)
    if isinstance(names, tuple):
        seen = True
        fields |= {name: getattr(value, name) for name in names}
        if type(value).__module__.startswith("jupyter_mlops.records"):
            fields = {name: item for name, item in fields.items() if name not in _RECORD_CIRCUMSTANCES}
    return fields if seen else None


def reduced(value: Any) -> Any:
    """Return what a value would be pickled as, None where it can't be."""
    if is_builtin_container(value):
        return None
    try:
        custom = copyreg.dispatch_table.get(type(value))
        parts = custom(value) if custom else value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - a value's own code runs, and may raise anything
        return None
    if isinstance(parts, str):
        return parts
    return [list(part) if isinstance(part, Iterator) else part for part in parts]


def is_builtin_container(value: Any) -> bool:
    """Say whether a value's content was compared as that of a list, dict, set, number or text."""
    return isinstance(value, _CONTAINERS)


def _callables(  # noqa: PLR0911 - a kind each
    comparer: Comparer, left: Any, right: Any, path: str
) -> Answer:
    if isinstance(left, types.FunctionType):
        return True, _functions(comparer, left, right, path)
    if isinstance(left, types.CodeType):
        return True, _code(comparer, left, right, path)
    if isinstance(left, types.MethodType):
        found = comparer.compare(left.__func__, right.__func__, path)
        return True, found or comparer.compare(left.__self__, right.__self__, f"{path}.__self__")
    if isinstance(left, types.BuiltinFunctionType | types.WrapperDescriptorType | types.MethodDescriptorType):
        found = comparer.compare(left.__qualname__, right.__qualname__, f"{path}.__qualname__")
        owner = getattr(left, "__self__", None), getattr(right, "__self__", None)
        bound = owner[0] is not None and not isinstance(owner[0], types.ModuleType)
        return True, found or (comparer.compare(*owner, f"{path}.__self__") if bound else None)
    if isinstance(left, functools.partial):
        mine, other = ((side.func, side.args, side.keywords) for side in (left, right))
        return True, comparer.compare(mine, other, path)
    if isinstance(left, staticmethod | classmethod):
        return True, comparer.compare(left.__func__, right.__func__, path)
    if isinstance(left, property):
        mine, other = ((side.fget, side.fset, side.fdel) for side in (left, right))
        return True, comparer.compare(mine, other, path)
    if isinstance(left, functools._lru_cache_wrapper):  # noqa: SLF001 - the type has no public name
        return True, comparer.compare(left.__wrapped__, right.__wrapped__, path)
    if isinstance(left, types.CellType):
        return True, comparer.compare(_cell(left), _cell(right), f"{path}.cell_contents")
    return _UNKNOWN


def _functions(comparer: Comparer, left: Any, right: Any, path: str) -> Found | None:
    found = _code(comparer, left.__code__, right.__code__, path)
    for name in ("__defaults__", "__kwdefaults__", "__closure__", "__dict__"):
        found = found or comparer.compare(getattr(left, name), getattr(right, name), f"{path}.{name}")
    return found


def _code(comparer: Comparer, left: types.CodeType, right: types.CodeType, path: str) -> Found | None:
    for name in ("co_name", "co_names", "co_varnames", "co_freevars", "co_consts", "co_code"):
        found = comparer.compare(getattr(left, name), getattr(right, name), f"{path}.{name}")
        if found:
            what = "the code differs" if name == "co_code" else f"the code differs: {found.what}"
            return Found(found.path, what)
    return None


def _classes(comparer: Comparer, left: type, right: type, path: str) -> Found | None:
    names = tuple(f"{side.__module__}.{side.__qualname__}" for side in (left, right))
    if names[0] != names[1]:
        return Found(path, _sides(*names))
    if left.__module__ != "__main__":
        return None
    found = comparer.compare(left.__bases__, right.__bases__, f"{path}.__bases__")
    mine, other = (
        {
            name: item
            for name, item in vars(side).items()
            if name not in _CLASS_MACHINERY and not _is_slot(item)
        }
        for side in (left, right)
    )
    return found or comparer.compare(mine, other, path)


def _is_slot(member: Any) -> bool:
    return isinstance(member, types.MemberDescriptorType | types.GetSetDescriptorType)


def _is_handle(value: Any) -> bool:
    if isinstance(value, _HANDLES):
        return True
    is_iterator = isinstance(value, Iterator) and type(value).__module__ in ("builtins", "itertools", "_csv")
    return is_iterator or str(type(value).__module__).partition(".")[0] in _HANDLE_MODULES


def _is_artist(value: Any) -> bool:
    matplotlib = sys.modules.get("matplotlib.artist")
    return matplotlib is not None and isinstance(value, matplotlib.Artist)


def _drawings(comparer: Comparer, left: Any, right: Any, path: str) -> Found | None:
    """Compare figures, axes and what is on them by what they look like."""
    figures = tuple(getattr(side, "figure", None) or side for side in (left, right))
    if not hasattr(figures[0], "savefig") or not hasattr(figures[1], "savefig"):
        comparer.skipped.append(path)
        return None
    key = id(figures[0]), id(figures[1])
    if key not in comparer.drawn:
        comparer.drawn[key] = figures, _drawing(figures[0]) == _drawing(figures[1])
    same = comparer.drawn[key][1]
    return None if same else Found(path, "the figure looks different")


def _drawing(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _sides(left: Any, right: Any) -> str:
    return f"{shown(left)} in the notebook, {shown(right)} in the pipeline"
