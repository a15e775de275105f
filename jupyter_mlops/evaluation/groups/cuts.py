"""Where rows can be cut: values of categories, ranges of numbers, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.rows import Array

    Flags = NDArray[np.bool_]

# Numbers of more values than that are cut into ranges, of about equal numbers of rows each.
_MOST_VALUES = 10
_RANGES = 5
# Of each column the most frequent values.
_MOST_CATEGORIES = 20
# Columns searched, in the order given.
_MOST_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class Cut:
    """Hold a part of the rows that one column makes, and what to call it; ``holds`` tells of other rows of the column."""

    column: str
    label: str
    inside: Flags
    holds: Callable[[Array], Flags]


def cuts(columns: Mapping[str, Array], smallest: int) -> list[Cut]:
    """Cut rows by each column; parts of fewer than ``smallest`` rows are left out, and what holds for every row."""
    found = []
    for name in list(columns)[:_MOST_COLUMNS]:
        for label, holds in _of_column(name, pd.Series(columns[name])):
            inside = holds(columns[name])
            if smallest <= inside.sum() < len(inside):
                found.append(Cut(name, label, inside, holds))
    return found


def _of_column(name: str, values: pd.Series) -> Iterator[tuple[str, Callable[[Array], Flags]]]:
    yield f"{name} missing", _missing
    if values.dtype.kind == "O" and not values.map(pd.api.types.is_scalar).all():
        # Lists and the like have no values to cut by.
        return
    counted = values.value_counts()
    if values.dtype.kind in "iufMm" and len(counted) > _MOST_VALUES:
        yield from _ranges(name, values.dropna())
        return
    for value in counted.index[:_MOST_CATEGORIES]:
        yield f"{name}={value}", partial(_equal, value)


def _ranges(name: str, values: pd.Series) -> Iterator[tuple[str, Callable[[Array], Flags]]]:
    # Edges are values that occur, so that a range of whole numbers reads as one.
    edges = values.quantile(np.arange(1, _RANGES) / _RANGES, interpolation="lower").unique()
    edges = edges[edges < values.max()]
    places = np.searchsorted(edges, values.to_numpy(), side="left")
    words = [f"{edge:.6g}" if isinstance(edge, float) else str(edge) for edge in pd.Series(edges).tolist()]
    for place in range(len(edges) + 1):
        alone = values[places == place].unique()
        if len(alone) == 1:
            label = f"{name}={pd.Series(alone).tolist()[0]}"
        elif place == 0:
            label = f"{name} ≤ {words[0]}" if words else f"{name} there"
        elif place == len(edges):
            label = f"{name} > {words[-1]}"
        else:
            label = f"{words[place - 1]} < {name} ≤ {words[place]}"
        yield label, partial(_between, edges, place)


def _missing(column: Array) -> Flags:
    return np.asarray(pd.isna(column), dtype=bool)


def _equal(value: Any, column: Array) -> Flags:
    # Objects as they are: pandas would first look through them for what they might be.
    values = pd.Series(column, dtype=object if column.dtype.kind == "O" else None)
    found: Flags = (values == value).to_numpy(dtype=bool, na_value=False)
    return found


def _between(edges: Array, place: int, column: Array) -> Flags:
    found: Flags = (np.searchsorted(edges, column, side="left") == place) & ~_missing(column)
    return found
