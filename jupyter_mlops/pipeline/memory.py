"""Which arrays look into the same memory."""

from __future__ import annotations

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


def shared_roots(memories: list[Memory]) -> frozenset[int]:
    """Return the ids of the arrays that two arrays of ``memories`` look into, of which one is raw."""
    unique: dict[int, tuple[Any, bool]] = {}
    for memory in memories:
        for key, array in memory.arrays.items():
            unique[key] = array, key in memory.owned
    spans = sorted((*bounds(array), key) for key, (array, _) in unique.items() if array.nbytes)
    found: set[int] = set()
    for group in _overlapping(spans):
        if len(group) > 1 and not all(unique[key][1] for *_, key in group):
            roots = [root_of(unique[key][0]) for *_, key in group]
            found.update(id(root) for root in roots if root.flags.forc)
    return frozenset(found)


def view_arguments(array: Any, roots: frozenset[int]) -> tuple[Any, ...] | None:
    """Return how to look into an array's root as it does; None where it is its own, or isn't to be a view."""
    root = root_of(array)
    if root is array or id(root) not in roots:
        return None
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
