"""A metric as a plan: the columns of the rows it needs, and how weighted rows make the figure.

Bootstrap, slices and paired comparisons only change the weights, so no metric knows of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.stats.bootstrap import Statistic

Floats: TypeAlias = NDArray[np.float64]


# Rows of fewer kinds than that are counted.
MOST_CODES = 4096


@dataclass(frozen=True, slots=True)
class Sums:
    """Say that a metric is a function of weighted sums, so that a kernel can form them without holding the weights.

    ``expand`` makes the summands (rows x k) of the plan's columns, ``finish`` the figures (resamples) of their sums
    (resamples x k).
    """

    expand: Callable[[tuple[Floats, ...]], Floats]
    finish: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what a metric needs: ``columns`` (a value a row each) and ``build``, which makes the statistic of them.

    ``build`` may be given fewer rows, each with the count it stands for: equal rows are merged.
    """

    columns: tuple[Floats, ...]
    build: Callable[[tuple[Floats, ...]], Statistic]
    note: str = ""
    sums: Sums | None = None


def sums_plan(columns: tuple[Floats, ...], sums: Sums, note: str = "") -> Plan:
    """Plan a figure that is a function of weighted sums, as most are but those of ranks."""

    def build(merged: tuple[Floats, ...]) -> Statistic:
        summands = sums.expand(merged)

        def statistic(weights: Floats) -> Floats:
            return sums.finish(weights @ summands)

        return statistic

    return Plan(columns, build, note, sums)


def mean_plan(values: Floats, finish: Callable[[Floats], Floats] | None = None) -> Plan:
    """Plan the mean of a value a row; ``finish`` is applied to the mean (a root, for example)."""

    def of_sums(totals: Floats) -> Floats:
        mean: Floats = totals[:, 0] / totals[:, 1]
        return finish(mean) if finish else mean

    return sums_plan(
        (values,), Sums(lambda columns: np.column_stack([columns[0], np.ones(len(columns[0]))]), of_sums)
    )


def combined(plans: list[tuple[float, Plan]]) -> Plan:
    """Plan the weighted sum of several plans over the same rows: the paired difference, with weights 1 and -1."""
    columns = tuple(column for _, plan in plans for column in plan.columns)

    def build(merged: tuple[Floats, ...]) -> Statistic:
        statistics, start = [], 0
        for factor, plan in plans:
            stop = start + len(plan.columns)
            statistics.append((factor, plan.build(merged[start:stop])))
            start = stop

        def statistic(weights: Floats) -> Floats:
            total: Floats = sum(
                (factor * part(weights) for factor, part in statistics), np.zeros(len(weights))
            )
            return total

        return statistic

    return Plan(columns, build)


def _merge_codes(columns: tuple[Floats, ...]) -> tuple[tuple[Floats, ...], Floats] | None:
    """Merge rows of small whole numbers by counting, which needs no sorting; None where they aren't such."""
    if not len(columns[0]):
        return None
    lows, spans = [], []
    for column in columns:
        low, high = column.min(), column.max()
        # NaN fails here too.
        if not (high - low < MOST_CODES and np.array_equal(column, np.floor(column))):
            return None
        lows.append(low)
        spans.append(int(high - low) + 1)
    if np.prod(spans, dtype=np.float64) > MOST_CODES:
        return None
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column, low, span in zip(columns, lows, spans, strict=True):
        codes = codes * span + (column - low).astype(np.int64)
    counts = np.bincount(codes, minlength=int(np.prod(spans)))
    found = np.flatnonzero(counts)
    parts = np.unravel_index(found, spans)
    merged = tuple(part + low for part, low in zip(parts, lows, strict=True))
    return merged, counts[found].astype(np.float64)


def merge_rows(columns: tuple[Floats, ...]) -> tuple[tuple[Floats, ...], Floats]:
    """Merge equal rows.

    Returns:
        The columns over distinct rows, and how often each occurs. Rows of continuous columns stay as they are.
    """
    rows = len(columns[0])
    coded = _merge_codes(columns)
    if coded is not None:
        return coded
    # A look at the first rows is enough: merging pays only where nearly all rows repeat.
    head = np.column_stack([column[:1_000] for column in columns])
    if len(np.unique(head, axis=0)) * 4 > len(head):
        return columns, np.ones(rows)
    distinct, counts = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    return tuple(distinct.T.copy()), counts.astype(np.float64)
