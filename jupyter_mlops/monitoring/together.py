"""All columns together: what each column shows too little of, a classifier may see in their combination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.monitoring.columns import BOOLEAN, CATEGORICAL, DATE, NUMERIC, TEXT, label_of
from jupyter_mlops.stats import multivariate

if TYPE_CHECKING:
    from jupyter_mlops.monitoring.columns import Floats, Series
    from jupyter_mlops.records.drift import ColumnDrift

MOST_CODED = 255


def tell_apart(reference: pd.DataFrame, current: pd.DataFrame, found: list[ColumnDrift]) -> dict[str, Any]:
    """Let a classifier tell the two frames apart, by the columns that could be compared.

    Returns:
        ``statistic`` (the held-out AUC), ``p_value`` and ``rows``; empty where there are too few rows or columns.
    """
    usable = [column for column in found if column.tests and column.kind != TEXT]
    # As many rows as the test will use are enough to code.
    samples = [
        frame
        if len(frame) <= multivariate.MOST_ROWS
        else frame.sample(multivariate.MOST_ROWS, random_state=0)
        for frame in (reference, current)
    ]
    if not usable:
        return {}
    coded = [_coded(column, *(sample[column.name] for sample in samples)) for column in usable]
    tables = [np.column_stack([pair[side] for pair in coded]) for side in (0, 1)]
    names = np.array([column.kind in (CATEGORICAL, BOOLEAN) for column in usable])
    outcome = multivariate.classifier_two_sample(tables[0], tables[1], categorical=names)
    if outcome is None:
        return {}
    return {"statistic": outcome.auc, "p_value": outcome.p_value, "rows": outcome.rows}


def _coded(column: ColumnDrift, first: Series, second: Series) -> tuple[Floats, Floats]:
    """Turn a column into numbers: categories into codes by frequency, the rare ones into one."""
    if column.kind in (NUMERIC, DATE):
        return _ranked(_plain(first), _plain(second))
    both = pd.concat([first.astype(object), second.astype(object)]).map(label_of, na_action="ignore")
    order = {label: min(code, MOST_CODED - 1) for code, label in enumerate(both.value_counts().index)}
    codes: Floats = np.asarray(both.map(order), dtype=np.float64)
    return codes[: len(first)], codes[len(first) :]


def _ranked(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Replace values by their rank in both: the same to trees, and no infinite or huge value among them."""
    values, ranks = np.unique(np.concatenate([first, second]), return_inverse=True)
    coded = np.where(np.isnan(values)[ranks], np.nan, ranks)
    return coded[: len(first)], coded[len(first) :]


def _plain(values: Series) -> Floats:
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        moments = np.array(values.astype("int64"), dtype=np.float64)
        moments[values.isna().to_numpy()] = np.nan
        return moments
    return values.to_numpy(dtype=np.float64, na_value=np.nan)
