"""Compare what is current with a reference by windows of time, and period by period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from jupyter_mlops.errors import DataError, NotFoundError
from jupyter_mlops.monitoring import windows
from jupyter_mlops.monitoring.drift import compare as compare_samples
from jupyter_mlops.monitoring.tables import Table, table
from jupyter_mlops.records.drift import ColumnDrift, DriftReport, PeriodDrift
from jupyter_mlops.stats.change_points import change_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

# Changes of a column that its note names.
_NAMED = 3
# A period with fewer rows is named, and not compared.
FEWEST_ROWS = 30


@dataclass(frozen=True)
class Windows:
    """Say by which column of times which rows count; ``by`` names periods, ``same_sample`` that both sides are one sample."""

    time: str
    reference: str = ""
    current: str = ""
    by: str = ""
    same_sample: bool = False


def compare(
    sides: Mapping[str, tuple[str, pd.DataFrame]],
    chosen: Windows,
    *,
    columns: Sequence[str] | None = None,
    rule: str,
) -> DriftReport:
    """Compare the rows that two windows choose, and each period of the current ones where periods are asked for.

    Args:
        sides: name and frame of the ``reference`` and the ``current`` sample.
        chosen: the windows; of one sample no current row is in the reference.
        columns: which to compare; default: all of both but the times.
        rule: what counts as drift.

    Raises:
        DataError: when there is no such column of times, or a window has no rows.
        UsageError: when a window or a period is none.
    """
    (name, reference), (current_name, current) = sides["reference"], sides["current"]
    before, now = rows(sides, chosen)
    wanted = list(columns) if columns else _shared(reference, current, chosen.time)
    kept = table(reference.loc[before], name, keep=True)
    report = compare_samples(kept, table(current.loc[now], current_name), columns=wanted, rule=rule)
    if not chosen.by:
        return report
    found = []
    times, window = _times(current, chosen.time, current_name), windows.parse(chosen.reference)
    for start, places in windows.periods(times, chosen.by):
        part = places & now
        side: pd.DataFrame | Table = kept
        if chosen.same_sample and part.any():
            # Of one sample, each period is held against the others.
            side = reference.loc[_reference(reference, chosen, window, times[part], name)]
        found.append(_period(start, side, current.loc[part], wanted, rule))
    dated = tuple(_dated(column, found) for column in report.columns)
    return replace(report, columns=dated, over_time=tuple(found))


def rows(
    sides: Mapping[str, tuple[str, pd.DataFrame]], chosen: Windows
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which rows of the reference and of what is current the windows choose.

    Raises:
        DataError: when there is no such column of times, or a window has no rows.
        UsageError: when a window is none.
    """
    (name, reference), (current_name, current) = sides["reference"], sides["current"]
    window, current_window = (windows.parse(text) for text in (chosen.reference, chosen.current))
    times = _times(current, chosen.time, current_name)
    now = windows.current_rows(times, current_window)
    _some(now, current_name)
    return _reference(reference, chosen, window, times[now], name), now


def _period(
    start: str, reference: pd.DataFrame | Table, current: pd.DataFrame, columns: list[str] | None, rule: str
) -> PeriodDrift:
    before = reference.rows if isinstance(reference, Table) else len(reference)
    if min(before, len(current)) < FEWEST_ROWS:
        return PeriodDrift(start=start, rows=len(current), drifted=False)
    found = compare_samples(reference, current, columns=columns, jointly=False, rule=rule)
    return PeriodDrift(
        start=start,
        rows=len(current),
        drifted=found.drifted,
        columns=tuple(column.name for column in found.columns if column.drifted),
        effects={column.name: column.effect for column in found.columns if column.effect is not None},
    )


def _dated(column: ColumnDrift, periods: list[PeriodDrift]) -> ColumnDrift:
    """Say from which periods on a column that drifted in some of them was other than before."""
    measured = [period for period in periods if column.name in period.effects]
    if not any(column.name in period.columns for period in measured):
        return column
    # The root of PSI varies as much where it is small as where it is large.
    sizes = np.sqrt([max(period.effects[column.name], 0.0) for period in measured])
    starts = tuple(measured[place].start for place in change_points(sizes))
    if not starts:
        return column
    note = f"changed from {', '.join(starts[:_NAMED])} on"
    return replace(column, changes=starts, note="; ".join(filter(None, [column.note, note])))


def _reference(
    reference: pd.DataFrame, chosen: Windows, window: windows.Window, current: pd.Series[Any], name: str
) -> NDArray[np.bool_]:
    if not (chosen.reference or chosen.same_sample):
        return np.ones(len(reference), dtype=np.bool_)
    times = _times(reference, chosen.time, name)
    rows = windows.reference_rows(times, window, current, same_sample=chosen.same_sample)
    _some(rows, name)
    return rows


def _times(frame: pd.DataFrame, column: str, name: str) -> pd.Series[Any]:
    if not column:
        raise DataError(f"{name}: which column holds the times?", hint="name it: --time COLUMN")
    if column not in frame.columns:
        near = NotFoundError.of("column", column, map(str, frame.columns))
        raise DataError(f"{name} has no column {column!r}", hint=near.hint, **near.details)
    return windows.times_of(frame[column], column)


def _shared(reference: pd.DataFrame, current: pd.DataFrame, time: str) -> list[str] | None:
    names = [name for name in reference.columns if name in current.columns and name != time]
    return names or None


def _some(rows: NDArray[np.bool_], name: str) -> None:
    if not rows.any():
        raise DataError(
            f"{name} has no rows in its window", hint="widen the window, or name another reference"
        )
