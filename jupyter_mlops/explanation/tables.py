"""Rows of a table as a model takes it, frame or matrix: taken, shuffled and mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.explanation.attributions import Data

TABLE = 2  # dimensions


def names_of(data: Data) -> tuple[str, ...]:
    """Return the columns' names; see ``matrix_names`` for a matrix."""
    if isinstance(data, pd.DataFrame):
        return tuple(map(str, data.columns))
    return matrix_names(data.shape[1])


def matrix_names(width: int) -> tuple[str, ...]:
    """Return the names that the columns of a matrix go by."""
    return tuple(f"x{number}" for number in range(width))


def take(data: Data, rows: NDArray[Any] | slice) -> Data:
    """Return some of the rows."""
    return data.iloc[rows] if isinstance(data, pd.DataFrame) else data[rows]


def column(data: Data, place: int) -> Any:
    """Return one column's values."""
    return data.iloc[:, place] if isinstance(data, pd.DataFrame) else data[:, place]


def shuffled(data: Data, place: int, order: NDArray[np.int64]) -> Data:
    """Return the table with one column's values in another order of the rows."""
    if isinstance(data, pd.DataFrame):
        frame = data.copy(deep=False)
        frame.isetitem(place, data.iloc[order, place].array)
        return frame
    matrix = data.copy()
    matrix[:, place] = data[order, place]
    return matrix


def stacked(first: Data, second: Data) -> Data:
    """Put the rows of ``second`` under those of ``first``; the columns keep their types, categories are united."""
    if not isinstance(first, pd.DataFrame) or not isinstance(second, pd.DataFrame):
        return np.concatenate([np.asarray(first), np.asarray(second)])
    columns = {}
    for place, name in enumerate(first.columns):
        upper, lower = first.iloc[:, place], second.iloc[:, place]
        if isinstance(upper.dtype, pd.CategoricalDtype) and upper.dtype != lower.dtype:
            columns[name] = pd.api.types.union_categoricals([upper, lower.astype("category")])
        else:
            columns[name] = pd.concat([upper, lower], ignore_index=True).array
    return pd.DataFrame(columns, copy=False)


def mixed(rows: Data, places: NDArray[np.int64]) -> Data:
    """Return a table whose cell (i, j) is that of column j in row ``places[i, j]``."""
    if isinstance(rows, pd.DataFrame):
        taken = {name: rows.iloc[:, j].array.take(places[:, j]) for j, name in enumerate(rows.columns)}
        return pd.DataFrame(taken, copy=False)
    return rows[places, np.arange(rows.shape[1])]
