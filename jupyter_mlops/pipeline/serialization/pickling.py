"""Pickle a stage's variables so that they are on the other side what they were here.

cloudpickle alone copies what a notebook defines: a function gets globals of its own, a class of a setup cell comes
back as another class, two views of one array as two arrays. Here what setup cells define goes by name, for every
stage has it; a class that a stage defines is a variable of its own, by which name all its instances know it; a
function is bound to the namespace it is restored in, so that it sees what is rebound later; a view stays a view.
"""

from __future__ import annotations

import copyreg
import io
import linecache
import logging
import os
import pickle
import sys
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cloudpickle
import xxhash

# What there is no public way to: how cloudpickle takes code apart, and by which name it knows a class.
from cloudpickle.cloudpickle import _DYNAMIC_CLASS_TRACKER_BY_CLASS as _CLASS_NAMES
from cloudpickle.cloudpickle import _DYNAMIC_CLASS_TRACKER_BY_ID as _CLASSES_BY_NAME
from cloudpickle.cloudpickle import _DYNAMIC_CLASS_TRACKER_LOCK as _CLASS_LOCK
from cloudpickle.cloudpickle import _code_reduce as reduce_code

from jupyter_mlops.pipeline.serialization import caches, exact, reducing, restoring, tensors
from jupyter_mlops.pipeline.serialization.kinds import (
    MAIN,
    CellText,
    defined_here,
    holds_attributes,
    is_fixed,
    is_held_elsewhere,
)
from jupyter_mlops.pipeline.serialization.memory import (
    Memory,
    Roots,
    is_array,
    is_mapped,
    is_pandas,
    is_plain_subclass,
    view_arguments,
)
from jupyter_mlops.pipeline.serialization.restoring import LiveGlobals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROTOCOL = 5
# Smaller buffers are not worth a place of their own in the file.
SMALLEST_BUFFER = 4096
# The cached functions whose contents are being tried.
_tried: set[int] = set()
_Reduced = Any
NO_ROOTS = Roots()


@dataclass(frozen=True)
class Scope:
    """What a pickle may refer to by name.

    ``shared`` maps the id of what setup cells defined to its dotted name; ``owner`` names the classes that this
    stage defines, ``pipeline.stage``.
    """

    namespace: dict[str, Any]
    shared: Mapping[int, str] = field(default_factory=dict)
    owner: str = ""


@dataclass(frozen=True)
class Pickled:
    """Hold a value's pickle, and what was met on the way.

    ``objects`` are the mutable objects in it by id (they stay alive as long as this does, so no id is given twice),
    ``memory`` its arrays, ``classes`` the notebook's classes that it refers to by name, ``notes`` what to warn of.
    """

    data: bytes
    buffers: tuple[memoryview, ...]
    digest: str
    objects: Mapping[int, Any]
    memory: Memory
    classes: tuple[type, ...]
    notes: tuple[str, ...] = ()


def pickled(value: Any, scope: Scope, *, expand: tuple[type, ...] = (), roots: Roots = NO_ROOTS) -> Pickled:
    """Pickle a value.

    Args:
        value: what to pickle.
        scope: what it may refer to by name.
        expand: the classes that are to be taken by value.
        roots: the arrays whose views are to stay views.

    Raises:
        Exception: whatever the value's own code raises when it is pickled.
    """
    pickler, memo = _dumped(value, Pickler(scope, expand=expand, roots=roots))
    if exact.is_wanted(pickler.data, memo):
        memo = {}  # it holds what it met, and who holds an object's attributes is looked at
        pickler, memo = _dumped(value, ExactPickler(scope, expand=expand, roots=roots))
    if pickler.error is not None:
        raise pickler.error
    digest = xxhash.xxh3_128(pickler.data)
    for raw, counts in pickler.buffers:
        if counts:
            digest.update(raw.nbytes.to_bytes(8, "little"))
            digest.update(raw)
    return Pickled(
        data=pickler.data,
        buffers=tuple(raw for raw, _ in pickler.buffers),
        digest=digest.hexdigest(),
        objects=_mutable(memo, pickler) | _own(value, scope),
        memory=pickler.memory,
        classes=tuple(pickler.classes),
        notes=tuple(pickler.notes),
    )


def _dumped(value: Any, pickler: Pickler) -> tuple[Pickler, dict[int, tuple[int, Any]]]:
    """Pickle a value; return the pickler, which has the bytes or the error, and the objects that it met."""
    try:
        pickler.dump(value)
    except Exception as error:  # noqa: BLE001 - it is raised where nothing else helps
        pickler.error = error
    memo = pickler.memo.copy()
    pickler.clear_memo()
    return pickler, memo


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickle for another process that runs the same setup cells."""

    def __init__(
        self,
        scope: Scope,
        *,
        expand: tuple[type, ...] = (),
        roots: Roots = NO_ROOTS,
    ) -> None:
        self._file = io.BytesIO()
        super().__init__(self._file, protocol=PROTOCOL, buffer_callback=self._outside)
        self.scope = scope
        self._expand = expand
        self._roots = roots
        self._sources: dict[str, CellText] = {}
        self._texts: list[pickle.PickleBuffer] = []
        self.buffers: list[tuple[memoryview, bool]] = []
        self.memory = Memory()
        self.classes: dict[type, None] = {}
        self.notes: list[str] = []
        # The dicts of attributes that only their objects hold; what is met that the memo doesn't have.
        self.states: set[int] = set()
        self.met: dict[int, Any] = {}
        self.error: Exception | None = None

    @property
    def data(self) -> bytes:
        """The pickle."""
        return self._file.getvalue()

    def reducer_override(self, obj: Any) -> _Reduced:
        """Reduce what needs more than cloudpickle does."""
        name = self.scope.shared.get(id(obj))
        if name is not None:
            return restoring.setup_object, (name,)
        if obj is self.scope.namespace:
            return restoring.live_globals, ()
        if isinstance(obj, type):
            return self._class(obj)
        kind: Any = type(obj)
        place = reducing.well_known_place(kind)
        if place is not None and getattr(sys.modules.get(place[0]), place[1], None) is obj:
            return restoring.well_known, place
        reduce = _REDUCERS.get(kind)
        reduced = self._instance(obj) if reduce is None else reduce(self, obj)
        return super().reducer_override(obj) if reduced is NotImplemented else reduced

    def _class(self, kind: type) -> _Reduced:
        if defined_here(kind):
            known_as = class_name(kind, self.scope.owner)
            if kind not in self._expand:
                self.classes[kind] = None
                return restoring.notebook_class, (known_as,)
        reduced = super().reducer_override(kind)
        if reduced is NotImplemented or len(reduced) < 3:  # noqa: PLR2004 - it has a state where it is taken apart
            return reduced
        make, (meta, name, bases, values, *rest), *state = reduced
        if vars(kind).get("__slots__"):
            values = {**values, "__slots__": vars(kind)["__slots__"]}
        return restoring.make_class if restoring.has_hooks(kind) else make, (
            meta, name, bases, values, *rest,
        ), *state  # fmt: skip

    def _instance(self, obj: Any) -> _Reduced:
        if is_array(obj):
            if is_mapped(obj.base):
                raise pickle.PicklingError("a part of a file that is mapped into memory")
            self.memory.add(obj)
            arguments = view_arguments(obj, self._roots) if self._roots else None
            if arguments is not None:
                return restoring.view_of, arguments
            return reducing.array(obj, in_frame=id(obj) in self.memory.owned)
        kind: Any = type(obj)
        if exact.is_text_dtype(kind):
            return exact.text_dtype(obj)
        if tensors.is_torch(kind):
            return tensors.reduce(obj, self.memory)
        if is_mapped(obj):
            return reducing.mapped(obj)
        return reducing.subclass(obj) if is_plain_subclass(obj) else self._other(obj, kind)

    def _other(self, obj: Any, kind: Any) -> _Reduced:
        if is_pandas(obj):
            self.memory.add_frame(obj)
        elif isinstance(obj, io.IOBase) and not isinstance(obj, io.StringIO | io.BytesIO):
            return reducing.stream(obj)
        elif isinstance(obj, logging.Handler):
            return reducing.handler(obj)
        elif isinstance(obj, BaseException):
            return reducing.error(obj, self._can_pickle)
        plain = holds_attributes(kind) and kind not in copyreg.dispatch_table
        return self._attributes(obj) if plain else NotImplemented

    def _attributes(self, obj: Any) -> _Reduced:
        """Let an object whose attributes are a dict that others hold too have that dict."""
        if not is_held_elsewhere(obj):
            self.states.add(id(vars(obj)))
            return NotImplemented
        make, arguments, _, *items = obj.__reduce_ex__(PROTOCOL)
        return make, arguments, vars(obj), *items, restoring.set_dict

    def _function(self, function: types.FunctionType) -> _Reduced:
        names: Any = LiveGlobals()
        if function.__globals__ is not self.scope.namespace:
            if not reducing.has_own_globals(function):
                return NotImplemented
            names = function.__globals__
        arguments = (function.__code__, names, function.__name__, function.__closure__)
        return (
            restoring.make_function,
            arguments,
            reducing.function_state(function),
            None,
            None,
            restoring.set_state,
        )

    def _cell(self, cell: types.CellType) -> _Reduced:
        try:
            content = cell.cell_contents
        except ValueError:
            return restoring.make_cell, ()
        return restoring.make_cell, (), (content,), None, None, restoring.fill_cell

    def _code(self, code: types.CodeType) -> _Reduced:
        text = self._source(code.co_filename)
        if not text:
            return reduce_code(code)
        _, arguments = reduce_code(code.replace(co_filename=""))
        return restoring.restore_code, (arguments, text)

    def _cache(self, cached: Any) -> _Reduced:
        if not defined_here(cached):
            return NotImplemented
        arguments = (cached.__wrapped__, *cached.cache_parameters().values())
        if not cached.cache_info().misses:
            return restoring.restore_cached, arguments
        return restoring.restore_cached, arguments, caches.Kept(cached), None, None, caches.fill

    def _kept(self, kept: caches.Kept) -> _Reduced:
        """Reduce what a cached function keeps to nothing where it can't be pickled: the function runs again."""
        found = caches.contents(kept.cached)
        if id(kept.cached) in _tried:
            return caches.Contents, ()
        _tried.add(id(kept.cached))
        try:
            if not self._can_pickle(found):
                name = getattr(kept.cached, "__qualname__", "a function")
                self.notes.append(f"what {name} has cached can't be passed on, so it will run again")
                return caches.Contents, ()
        finally:
            _tried.discard(id(kept.cached))
        return caches.Contents, (found.calls, found.hits, found.misses)

    def _can_pickle(self, value: Any) -> bool:
        try:
            pickled(value, self.scope)
        except Exception:  # noqa: BLE001 - a value's own code runs, and may raise anything
            return False
        return True

    def _text(self, text: CellText) -> _Reduced:
        # It is for tracebacks; a comment in it is no change.
        buffer = pickle.PickleBuffer(text.encode())
        self._texts.append(buffer)
        return restoring.cell_text, (buffer,)

    def _source(self, filename: str) -> CellText:
        """Return the text of the cell that a code object's file name stands for; empty for a real file."""
        if filename not in self._sources:
            lines = linecache.getlines(filename) if not os.path.exists(filename) else []  # noqa: PTH110 - any text
            self._sources[filename] = CellText("".join(lines))
        return self._sources[filename]

    def _outside(self, buffer: pickle.PickleBuffer) -> bool:
        """Take a large buffer out of the pickle; True leaves it in."""
        raw = buffer.raw()
        is_text = any(buffer is text for text in self._texts)
        if raw.nbytes < SMALLEST_BUFFER and not is_text:
            return True
        self.buffers.append((raw, not is_text))
        return False


def _alone(reduce: Callable[[Any], _Reduced]) -> Callable[[Pickler, Any], _Reduced]:
    return lambda _, obj: reduce(obj)


_REDUCERS: dict[type, Callable[[Pickler, Any], _Reduced]] = {
    types.FunctionType: Pickler._function,  # noqa: SLF001 - its own table
    types.CellType: Pickler._cell,  # noqa: SLF001 - likewise
    types.CodeType: Pickler._code,  # noqa: SLF001 - likewise
    CellText: Pickler._text,  # noqa: SLF001 - likewise
    caches.Cached: Pickler._cache,  # noqa: SLF001 - likewise
    caches.Kept: Pickler._kept,  # noqa: SLF001 - likewise
    **{kind: _alone(reduce) for kind, reduce in reducing.REDUCERS.items()},
}


class ExactPickler(Pickler):
    """Pickle what the other doesn't take exactly, at the price of a question about each object."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.persistent_id = exact.Marks()
        super().__init__(*arguments, **options)
        self.met = self.persistent_id.met


class Unpickler(exact.Unpickler):
    """Unpickle into a namespace: what a pickle names in ``__main__`` is looked up there."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the global that a pickle names."""
        return restoring.setup_object(name) if module == MAIN else super().find_class(module, name)


def class_name(kind: type, owner: str) -> str:
    """Return the name by which a class is one class wherever it arrives, the same in each run."""
    with _CLASS_LOCK:
        if kind not in _CLASS_NAMES:
            name, count = f"{owner}.{kind.__qualname__}", 1
            while name in _CLASSES_BY_NAME:
                count += 1
                name = f"{owner}.{kind.__qualname__}#{count}"
            _CLASS_NAMES[kind] = name
            _CLASSES_BY_NAME[name] = kind
        return str(_CLASS_NAMES[kind])


def _mutable(memo: dict[int, tuple[int, Any]], pickler: Pickler) -> dict[int, Any]:
    """Return those of the objects that were met that sharing shows in: what can't change may as well be two."""
    left_out = pickler.memory.owned | pickler.states | pickler.scope.shared.keys()
    return pickler.met | {
        key: obj for key, (_, obj) in memo.items() if key not in left_out and not is_fixed(obj)
    }


def _own(value: Any, scope: Scope) -> dict[int, Any]:
    """Return a function that two names may be for; those that only hold it stay apart."""
    is_own = type(value) is types.FunctionType and defined_here(value) and id(value) not in scope.shared
    return {id(value): value} if is_own else {}
