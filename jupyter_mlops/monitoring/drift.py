"""Compare two samples column by column, and all columns together; pure.

A column has drifted when its figures meet the rule: by default that its difference is beyond chance, and not so tiny
that only a very long sample shows it. Both figures are in the report, side by side.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pandas as pd
from msgspec.structs import replace

from jupyter_mlops.errors import DataError, NotFoundError
from jupyter_mlops.monitoring import rule as rules
from jupyter_mlops.monitoring.measuring import measure, one_sided
from jupyter_mlops.monitoring.summary import summarise
from jupyter_mlops.monitoring.tables import Table, table
from jupyter_mlops.monitoring.together import Joint
from jupyter_mlops.records.drift import ColumnDrift, DriftReport
from jupyter_mlops.stats.corrections import benjamini_hochberg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jupyter_mlops.monitoring.rule import Rule
    from jupyter_mlops.monitoring.together import Pair

# From so many rows on columns are worth a thread; more threads would need the memory of more columns.
LONG = 50_000
MOST_THREADS = 4


def compare(
    reference: pd.DataFrame | Table,
    current: pd.DataFrame | Table,
    *,
    names: tuple[str, str] = ("reference", "current"),
    columns: Sequence[str] | None = None,
    jointly: bool = True,
    rule: str = rules.DEFAULT,
    progress: Callable[[str], None] = lambda _: None,
) -> DriftReport:
    """Compare two samples; columns come worst first.

    Args:
        reference: what was, for example the training data; a ``Table`` that keeps, where it is compared with many.
        current: what is.
        names: what the report calls two frames; tables have names of their own.
        columns: which to compare; default: all of both.
        jointly: whether all columns are compared together too, which takes longest.
        rule: what counts as drift.
        progress: is told each column's name when it was compared.

    Raises:
        DataError: when a sample has no rows, there is no common column, or a column asked for isn't there.
        SettingsError: when the rule can't be understood.
    """
    decided = rules.parse(rule)
    one, two = (
        table(side, name) if isinstance(side, pd.DataFrame) else side
        for side, name in zip((reference, current), names, strict=True)
    )
    wanted = _wanted((one, two), columns)
    joint = Joint(one.drawn, two.drawn) if jointly else None
    found = []
    for column, numbers in _measured(wanted, one, two, joint):
        if joint is not None and numbers is not None:
            joint.add(column, numbers)
        found.append(column)
        progress(column.name)
    report = DriftReport(
        report_id="",
        drifted=False,
        reference=one.name,
        current=two.name,
        reference_rows=one.rows,
        current_rows=two.rows,
        columns=tuple(found),
        multivariate=joint.compare() if joint else {},
    )
    return judge(report, decided)


def judge(report: DriftReport, rule: Rule) -> DriftReport:
    """Correct the p-values for the number of comparisons, apply the rule, and put the worst column first."""
    together = report.multivariate
    raw = [*(column.p_value for column in report.columns), *(each["p_value"] for each in together.values())]
    corrected = benjamini_hochberg(raw)
    columns = [_judged(column, p, rule) for column, p in zip(report.columns, corrected, strict=False)]
    joint = {
        name: _judged_together(name, each, p, rule)
        for (name, each), p in zip(together.items(), corrected[len(columns) :], strict=True)
    }
    judged = replace(
        report,
        drifted=any(column.drifted for column in columns) or any(each["drifted"] for each in joint.values()),
        columns=tuple(sorted(columns, key=_badness)),
        multivariate=joint,
        rule=rule.text,
    )
    return replace(judged, summary=summarise(judged, rule.level))


def _wanted(sides: tuple[Table, Table], columns: Sequence[str] | None) -> list[str]:
    first, second = (side.columns for side in sides)
    if columns:
        for side in sides:
            for column in columns:
                if column not in side.columns:
                    near = NotFoundError.of("column", column, side.columns)
                    raise DataError(f"{side.name} has no column {column!r}", hint=near.hint, **near.details)
        return list(dict.fromkeys(columns))
    if not set(first) & set(second):
        raise DataError(
            f"{sides[0].name} and {sides[1].name} have no column in common",
            hint=f"one has {', '.join(first[:5])}; the other {', '.join(second[:5])}",
        )
    return list(dict.fromkeys([*first, *second]))


def _measured(
    names: list[str], reference: Table, current: Table, joint: Joint | None
) -> Iterator[tuple[ColumnDrift, Pair | None]]:
    """Measure columns in turn; of long samples a few at a time, since numpy works beside other threads."""

    def measured(name: str) -> tuple[ColumnDrift, Pair | None]:
        for side, other in ((reference, "current"), (current, "reference")):
            if name not in side.columns:
                return one_sided(name, other), None
        before, after = reference.side(name), current.side(name)
        found = measure(name, before, after)
        return found, None if joint is None else joint.numbers(found, before.values, after.values)

    if max(reference.rows, current.rows) < LONG:
        yield from map(measured, names)
        return
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        yield from threads.map(measured, names)


def _judged(column: ColumnDrift, p_value: float | None, rule: Rule) -> ColumnDrift:
    figures = {name: abs(test.statistic) for name, test in column.tests.items()}
    # What wasn't tested is not beyond chance.
    beyond = rule.met({**figures, "p": 1.0 if p_value is None else p_value})
    return replace(column, p_value=p_value, drifted=column.drifted or (bool(column.tests) and beyond))


def _judged_together(name: str, found: dict[str, Any], p_value: float | None, rule: Rule) -> dict[str, Any]:
    figure = {"classifier": "auc", "mmd": "mmd"}[name]
    drifted = rule.met({figure: found["statistic"], "p": 1.0 if p_value is None else p_value})
    return {**found, "corrected_p_value": p_value, "drifted": drifted}


def _badness(column: ColumnDrift) -> tuple[bool, bool, float, float, str]:
    effect = math.inf if column.drifted and column.effect is None else (column.effect or 0.0)
    p_value = 1.0 if column.p_value is None else column.p_value
    return (not column.drifted, bool(column.tests), -effect, p_value, column.name)
