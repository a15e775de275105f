"""The arrays inside a model, each by the path that leads to it, and whether two models have the same ones."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from jupyter_mlops.pipeline.comparison import arrays, objects
from jupyter_mlops.pipeline.comparison.comparer import Comparer
from jupyter_mlops.pipeline.comparison.values import Tolerance, shown
from jupyter_mlops.records.reproduction import ModelArray, Sameness

_EXACT = Tolerance()
_SCALARS = frozenset({str, int, float, complex, bool, type(None)})
_NO_VALUES = (type, types.FunctionType, types.ModuleType)
# A library may keep its weights as one text of bytes; a shorter one is a name or a key.
_LEAST_BYTES = 64


def walk(model: Any, name: str = "model") -> dict[str, Any]:
    """Return every array in a model, by its path; one that several paths lead to counts once, by the first.

    Arrays are numpy's, the parts of scipy's sparse matrices, pandas' columns, torch's tensors, and the bytes that a
    library keeps its weights in.
    """
    found: dict[str, Any] = {}
    seen: dict[int, Any] = {}
    pending: list[tuple[str, Any]] = [(name, model)]
    while pending:
        path, value = pending.pop()
        if type(value) in _SCALARS or isinstance(value, _NO_VALUES) or id(value) in seen:
            continue
        # Held, so that no other object gets its id meanwhile.
        seen[id(value)] = value
        array = _as_array(value)
        if array is not None:
            found[path] = array
            continue
        pending += reversed(list(_parts(value, path)))
    return found


def compare_models(
    left: Any, right: Any, tolerance: Tolerance
) -> tuple[tuple[ModelArray, ...], tuple[str, ...]]:
    """Compare two models array by array; return that, and where else they differ.

    Args:
        left: the model on record.
        right: the one built again.
        tolerance: what floats may differ by.
    """
    mine, other = walk(left), walk(right)
    compared = tuple(_one(path, mine.get(path), other.get(path), tolerance) for path in {**mine, **other})
    rest: tuple[str, ...] = ()
    if all(item.status != "different" for item in compared):
        found = Comparer(tolerance).compare(left, right, "model")
        rest = (f"{found.path}: {in_our_words(found.what)}",) if found else ()
    return compared, rest


def in_our_words(text: str) -> str:
    """Return what a comparison says, said of a record and a new build."""
    for theirs, ours in (
        ("in the notebook", "on record"),
        ("in the pipeline", "rebuilt"),
        ("only the notebook has", "only the record has"),
        ("only the pipeline has", "only the new build has"),
        ("the notebook", "the record"),
        ("the pipeline", "the new build"),
    ):
        text = text.replace(theirs, ours)
    return text


def _one(path: str, mine: Any, other: Any, tolerance: Tolerance) -> ModelArray:
    present = mine if mine is not None else other
    found = ModelArray(
        path=path, status="identical", dtype=str(present.dtype), shape=tuple(map(int, present.shape))
    )
    if mine is None or other is None:
        what = "only the record has it" if other is None else "only the new build has it"
        return msgspec.structs.replace(found, status="different", what=what)
    exact = arrays.array(Comparer(_EXACT), mine, other, "")
    if exact is None:
        return found
    status: Sameness = "different"
    if not tolerance.exact and arrays.array(Comparer(tolerance), mine, other, "") is None:
        status = "within tolerance"
    return msgspec.structs.replace(found, status=status, what=in_our_words(exact.what))


def _as_array(value: Any) -> Any:
    """Return a value as a numpy array if it is one of its own accord, else None."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray | numpy.generic):
        return numpy.ma.getdata(value)
    if isinstance(value, bytes | bytearray):
        return numpy.frombuffer(bytes(value), dtype="u1") if len(value) >= _LEAST_BYTES else None
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        plain = value.detach().cpu()
        plain = plain.to_dense() if plain.layout != torch.strided else plain
        plain = plain.float() if plain.dtype == torch.bfloat16 else plain
        return plain.resolve_conj().resolve_neg().numpy()
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.Series | pandas.Index):
        return value.to_numpy()
    return None


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what a value is made of, each with its path."""
    if isinstance(value, types.MethodType):
        yield f"{path}.__self__", value.__self__
        return
    known = list(_of_a_library(value, path))
    if known:
        yield from known
        return
    if isinstance(value, Mapping | types.MappingProxyType):
        yield from ((f"{path}[{shown(key, 30)}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"{path}[{place}]", item) for place, item in enumerate(value))
    fields = objects.state_of(value)
    if fields:
        yield from ((f"{path}.{name}", item) for name, item in fields.items())
    elif not objects.is_builtin_container(value):
        # Compiled classes show their content only to pickle: scikit-learn's trees, boosters.
        yield from _reduced(value, path)


def _of_a_library(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a frame or of a random generator."""
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        yield f"{path}.index", value.index
        for place, column in enumerate(value.columns):
            yield f"{path}[{shown(column, 30)}]", value.iloc[:, place]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.random.Generator):
        yield f"{path}.bit_generator.state", value.bit_generator.state
    elif numpy is not None and isinstance(value, numpy.random.RandomState):
        yield f"{path}.get_state()", value.get_state(legacy=False)


def _reduced(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    parts = objects.reduced(value)
    if not isinstance(parts, list):
        return
    arguments, *states = [*parts[1:3], None][:2]
    yield from ((f"{path}.__reduce__[{place}]", item) for place, item in enumerate(arguments or ()))
    for state in states:
        if isinstance(state, Mapping):
            yield from ((f"{path}.{name}", item) for name, item in state.items())
        elif state is not None:
            yield f"{path}.__getstate__()", state
