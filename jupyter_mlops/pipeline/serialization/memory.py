"""Which arrays look into the same memory."""

from __future__ import annotations

import bisect
import pickle
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Memory:
    """Collect the arrays that a pickle holds.

    ``owned`` are ids of arrays inside of pandas objects: under copy-on-write two of those never see each other's
    changes, though they share their memory until one is made.
    """

    arrays: dict[int, Any] = field(default_factory=dict)
    owned: set[int] = field(default_factory=set)

    def add(self, array: Any) -> None:
        """Take note of an array."""
        self.arrays[id(array)] = array

    def add_frame(self, value: Any) -> None:
        """Take note of a pandas object before its arrays come."""
        self.owned.add(id(getattr(value, "_metadata", None)))  # the class's own
        for values in _parts(value):
            self.owned.add(id(values))
            for inner in vars(values).values() if hasattr(values, "__dict__") else ():
                self.owned.add(id(inner))

    def ranges(self) -> Iterable[tuple[int, int, bool]]:
        """Yield the memory that each array covers, and whether pandas owns it."""
        for key, array in self.arrays.items():
            if array.nbytes:
                yield (*bounds(array), key in self.owned)


def bounds(array: Any) -> tuple[int, int]:
    """Return the addresses of an array's first byte and of the one after its last."""
    low = high = array.__array_interface__["data"][0]
    for size, stride in zip(array.shape, array.strides, strict=True):
        reach = (size - 1) * stride
        low, high = (low + reach, high) if reach < 0 else (low, high + reach)
    return low, high + array.itemsize


def sharing(memories: list[Memory]) -> list[tuple[int, int]]:
    """Return pairs of places in ``memories`` whose arrays overlap, as far as it takes to join all that do."""
    spans = sorted(
        (low, high, owned, place)
        for place, memory in enumerate(memories)
        for low, high, owned in memory.ranges()
    )
    pairs: list[tuple[int, int]] = []
    for group in _overlapping(spans):
        raw = [place for *_, owned, place in group if not owned]
        if raw:
            pairs += [(raw[0], place) for *_, place in group]
    return pairs


@dataclass(frozen=True)
class Roots:
    """Hold the arrays that others look into: for each run of memory the one that covers it.

    ``spans`` are sorted by address; ``kept`` keeps the memory from being freed and given out again.
    """

    spans: tuple[tuple[int, int, Any], ...] = ()
    kept: tuple[Any, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.spans)

    def of(self, array: Any) -> Any:
        """Return the array that an array looks into; None where it is its own, or isn't to be a view."""
        if not array.nbytes:
            return None
        low, high = bounds(array)
        place = bisect.bisect_right(self.spans, low, key=lambda span: span[0]) - 1
        if place < 0:
            return None
        _, end, root = self.spans[place]
        if root is array or high > end or array.dtype.hasobject != root.dtype.hasobject:
            return None
        return root


def shared_roots(memories: list[Memory]) -> Roots:
    """Return what the arrays of ``memories`` look into, where two of them overlap of which one is raw."""
    unique: dict[int, tuple[Any, bool]] = {}
    for memory in memories:
        for key, array in memory.arrays.items():
            unique[key] = array, key in memory.owned
    order = {key: place for place, key in enumerate(unique)}
    spans = sorted((*bounds(array), order[key], key) for key, (array, _) in unique.items() if array.nbytes)
    found = []
    for group in _overlapping(spans):
        if len(group) > 1 and not all(unique[key][1] for *_, key in group):
            arrays = [unique[key][0] for *_, key in sorted(group, key=lambda span: span[2])]
            root = _covering(arrays, group[0][0], max(high for _, high, *_ in group))
            if root is not None:
                found.append((*bounds(root), root))
    return Roots(
        tuple(sorted(found, key=lambda span: span[:2])), tuple(array for array, _ in unique.values())
    )


def _covering(arrays: list[Any], low: int, high: int) -> Any:
    """Return an array that covers the memory, its owner where that is there, or one of bytes made for it."""
    writeable = any(array.flags.writeable for array in arrays)
    candidates = [*arrays, *(root_of(array) for array in arrays)] if arrays[0].dtype.hasobject else arrays
    for array in sorted(candidates, key=lambda each: is_array(each.base)):  # owners first
        start, end = bounds(array)
        is_plain = is_array(array) and array.flags.forc and array.flags.writeable == writeable
        if is_plain and start <= low and high <= end:
            return array
    if arrays[0].dtype.hasobject:
        return None
    import ctypes

    import numpy as np

    return np.ctypeslib.as_array((ctypes.c_uint8 * (high - low)).from_address(low))


def view_arguments(array: Any, roots: Roots) -> tuple[Any, ...] | None:
    """Return how to look into an array's root as it does; None where it is its own, or isn't to be a view."""
    root = roots.of(array)
    if root is None:
        return None
    if array.dtype.char == "T" and (array.ndim != 1 or not array.strides[0]):
        raise pickle.PicklingError("a view of several dimensions into an array of texts")
    start = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return root, start, array.shape, array.strides, array.dtype, array.flags.writeable


def root_of(array: Any) -> Any:
    """Return the array at the end of a chain of views."""
    while is_array(array.base):
        array = array.base
    return array


def is_array(value: Any) -> bool:
    """Say whether a value is a plain numpy array."""
    kind = type(value)
    return kind.__name__ == "ndarray" and kind.__module__ == "numpy"


def is_mapped(value: Any) -> bool:
    """Say whether a value is an array that lies in a file: what is written to it is written there."""
    kind = type(value)
    is_memmap = kind.__name__ == "memmap" and kind.__module__.partition(".")[0] == "numpy"
    return is_memmap and value.mode in ("r+", "w+") and value._mmap is not None  # noqa: SLF001 - no public way


def is_plain_subclass(value: Any) -> bool:
    """Say whether a value is a kind of array that only adds attributes to numpy's own."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "memmap") or not isinstance(value, numpy.ndarray):
        return False
    kind = type(value)
    own = all(
        getattr(kind, name) is getattr(numpy.ndarray, name)
        for name in ("__reduce__", "__reduce_ex__", "__setstate__")
    )
    return own and not isinstance(value, numpy.memmap)


def is_pandas(value: Any) -> bool:
    """Say whether a value is an Index, or a DataFrame or Series whose memory is copied before it is written to."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "Index"):  # it may be half imported
        return False
    return isinstance(value, pandas.Index) or (
        isinstance(value, pandas.DataFrame | pandas.Series) and _copies_on_write(pandas)
    )


def _copies_on_write(pandas: Any) -> bool:
    return int(pandas.__version__.partition(".")[0]) >= 3 or pandas.options.mode.copy_on_write is True  # noqa: PLR2004 - pandas 3


def _parts(value: Any) -> list[Any]:
    if hasattr(value, "_mgr"):
        return [block.values for block in getattr(value._mgr, "blocks", ())]  # noqa: SLF001 - there is no public way
    if hasattr(value, "codes"):  # a MultiIndex has no one array
        return list(value.codes)
    if hasattr(value, "step"):  # a RangeIndex would make one
        return []
    return [
        part for name in ("_data", "_values", "array") if (part := getattr(value, name, None)) is not None
    ]


def _overlapping(spans: list[tuple[Any, ...]]) -> Iterable[list[tuple[Any, ...]]]:
    """Yield runs of spans (low, high, …), sorted by their first, that overlap."""
    group: list[tuple[Any, ...]] = []
    end = -1
    for span in spans:
        if group and span[0] >= end:
            yield group
            group, end = [], -1
        group.append(span)
        end = max(end, span[1])
    if group:
        yield group
