"""Where the rows can be cut: values of categories, ranges of numbers, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.rows import Array, TestRows

# Numbers of more values than that are cut into ranges, of about equal numbers of rows each.
_MOST_VALUES = 10
_RANGES = 5
# Of each column the most frequent values.
_MOST_CATEGORIES = 20
# Columns searched: protected attributes come first.
_MOST_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class Cut:
    """Hold a part of the rows that one column makes, and what to call it."""

    column: str
    label: str
    inside: NDArray[np.bool_]


def cuts(rows: TestRows, smallest: int) -> list[Cut]:
    """Cut the rows by each protected attribute and feature; parts of fewer than ``smallest`` rows are left out."""
    columns = {**rows.sensitive, **{k: v for k, v in rows.features.items() if k not in rows.sensitive}}
    found = (cut for name in list(columns)[:_MOST_COLUMNS] for cut in _of_column(name, columns[name]))
    # What holds for every row cuts nothing.
    return [cut for cut in found if smallest <= cut.inside.sum() < len(rows)]


def _of_column(name: str, column: Array) -> Iterator[Cut]:
    values = pd.Series(column)
    missing = values.isna().to_numpy()
    yield Cut(name, f"{name} missing", missing)
    counted = values.value_counts()
    ordered = values.dtype.kind in "iufMm"
    if ordered and len(counted) > _MOST_VALUES:
        yield from _ranges(name, values)
        return
    for value in counted.index[:_MOST_CATEGORIES]:
        yield Cut(name, f"{name}={value}", (values == value).to_numpy(dtype=bool))


def _ranges(name: str, values: pd.Series) -> Iterator[Cut]:
    # Edges are values that occur, so that a range of whole numbers reads as one.
    edges = values.quantile(np.arange(1, _RANGES) / _RANGES, interpolation="lower").unique()
    edges = edges[edges < values.max()]
    places = np.where(values.isna(), -1, np.searchsorted(edges, values.to_numpy(), side="left"))
    words = [f"{edge:.6g}" if isinstance(edge, float) else str(edge) for edge in edges.tolist()]
    for place in range(len(edges) + 1):
        alone = values[places == place].unique()
        if len(alone) == 1:
            label = f"{name}={alone[0]}"
        elif place == 0:
            label = f"{name} ≤ {words[0]}" if words else f"{name} there"
        elif place == len(edges):
            label = f"{name} > {words[-1]}"
        else:
            label = f"{words[place - 1]} < {name} ≤ {words[place]}"
        yield Cut(name, label, places == place)
