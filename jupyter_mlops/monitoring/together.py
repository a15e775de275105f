"""All columns together: what each column shows too little of, their combination may show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from jupyter_mlops.monitoring.columns import (
    BOOLEAN,
    CATEGORICAL,
    DATE,
    EMBEDDING,
    NUMERIC,
    TEXT,
    label_of,
    plain,
)
from jupyter_mlops.stats import multivariate
from jupyter_mlops.stats.mmd import mmd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.monitoring.columns import Floats, Series
    from jupyter_mlops.records.drift import ColumnDrift

Pair: TypeAlias = "tuple[Floats, Floats]"

MOST_CODED = 255
# Rows of a side that MMD compares: its cost grows with their square.
MOST_PAIRED = 1_000
# Categories that get a place of their own in the distance between rows.
MOST_APART = 10


class Joint:
    """Collect the columns that can be compared, as numbers, and compare them all together."""

    def __init__(self, reference_rows: NDArray[np.int64], current_rows: NDArray[np.int64]) -> None:
        """Say which rows of either side stand for all."""
        self._rows = (reference_rows, current_rows)
        self._names: list[str] = []
        self._categorical: list[bool] = []
        self._columns: tuple[list[Floats], list[Floats]] = ([], [])

    def numbers(self, column: ColumnDrift, reference: Series, current: Series) -> Pair | None:
        """Turn the rows that stand for all into numbers; None where the column is text or vectors, or wasn't compared."""
        if not column.tests or column.kind in (TEXT, EMBEDDING):
            return None
        first, second = (
            side.iloc[rows] if len(rows) < len(side) else side
            for side, rows in zip((reference, current), self._rows, strict=True)
        )
        return _coded(column.kind, first, second)

    def add(self, column: ColumnDrift, numbers: Pair) -> None:
        """Take a column in."""
        for side, values in zip(self._columns, numbers, strict=True):
            side.append(values)
        self._names.append(column.name)
        self._categorical.append(column.kind in (CATEGORICAL, BOOLEAN))

    def compare(self) -> dict[str, Any]:
        """Let a classifier tell the samples apart, and MMD compare them.

        Returns:
            ``classifier``: ``statistic`` (the held-out AUC), ``p_value``, ``rows``, and ``columns``: those that it tells
            them apart by. ``mmd``: ``statistic``, ``p_value``, ``rows``, ``bandwidth``. Each only where there are rows enough.
        """
        if not self._names:
            return {}
        tables = [np.column_stack(side) for side in self._columns]
        found: dict[str, Any] = {}
        names = np.array(self._categorical)
        outcome = multivariate.classifier_two_sample(tables[0], tables[1], categorical=names)
        if outcome is not None:
            found["classifier"] = {
                "statistic": outcome.auc,
                "p_value": outcome.p_value,
                "rows": outcome.rows,
                "columns": [
                    {"name": self._names[place], "auc_lost": lost} for place, lost in outcome.carriers
                ],
            }
        return found | self._distance(tables)

    def _distance(self, tables: list[Floats]) -> dict[str, Any]:
        random = np.random.default_rng(0)
        some = [side[np.sort(random.permutation(len(side))[:MOST_PAIRED])] for side in tables]
        rows = np.concatenate(some)
        spread = np.column_stack(
            [
                part
                for place, categorical in enumerate(self._categorical)
                for part in _spread_out(rows[:, place], categorical=categorical)
            ]
        )
        outcome = mmd(spread[: len(some[0])], spread[len(some[0]) :])
        if outcome is None:
            return {}
        return {
            "mmd": {
                "statistic": outcome.statistic,
                "p_value": outcome.p_value,
                "rows": len(rows),
                "bandwidth": outcome.bandwidth,
            }
        }


def _spread_out(values: Floats, *, categorical: bool) -> list[Floats]:
    """Give a column places in a space where distances mean something: ranks of unit variance, a place for a category."""
    missing = np.isnan(values)
    parts: list[Floats] = [missing.astype(np.float64)] if missing.any() else []
    if categorical:
        return [*parts, *((values == code).astype(np.float64) for code in range(MOST_APART))]
    places = np.where(missing, np.nan, 0.0)
    known = np.unique(values[~missing], return_inverse=True)[1]
    if len(known):
        order = np.sort(known)
        # Ties share the middle of their ranks.
        ranks = (
            (np.searchsorted(order, known, "left") + np.searchsorted(order, known, "right")) / 2 / len(known)
        )
        places[~missing] = (ranks - 0.5) * np.sqrt(12)
    return [*parts, np.nan_to_num(places)]


def _coded(kind: str, first: Series, second: Series) -> Pair:
    """Turn a column into numbers: categories into codes by frequency, the rare ones into one."""
    if kind in (NUMERIC, DATE):
        return _ranked(plain(first), plain(second))
    both = pd.concat([first.astype(object), second.astype(object)]).map(label_of, na_action="ignore")
    order = {label: min(code, MOST_CODED - 1) for code, label in enumerate(both.value_counts().index)}
    codes: Floats = np.asarray(both.map(order), dtype=np.float64)
    return codes[: len(first)], codes[len(first) :]


def _ranked(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Replace values by their rank in both: the same to trees, and no infinite or huge value among them."""
    values, ranks = np.unique(np.concatenate([first, second]), return_inverse=True)
    coded = np.where(np.isnan(values)[ranks], np.nan, ranks)
    return coded[: len(first)], coded[len(first) :]
