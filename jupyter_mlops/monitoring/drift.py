"""Compare two samples column by column, and all columns together; pure.

A column has drifted when the difference is beyond chance **and** large enough to matter: of many rows every difference
is beyond chance, of few rows large ones come by chance. Both figures are in the report, side by side.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec.structs import replace

from jupyter_mlops.errors import DataError, NotFoundError
from jupyter_mlops.monitoring import plots
from jupyter_mlops.monitoring.columns import (
    BOOLEAN,
    CATEGORICAL,
    DATE,
    NUMERIC,
    OTHER,
    TEXT,
    Categories,
    Numbers,
    are_codes,
    are_unique,
    basic_kind,
    categories,
    numbers,
)
from jupyter_mlops.monitoring.summary import summarise
from jupyter_mlops.monitoring.together import tell_apart
from jupyter_mlops.records.drift import ColumnDrift, DriftReport, TestResult
from jupyter_mlops.stats import two_sample
from jupyter_mlops.stats.corrections import benjamini_hochberg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.monitoring.columns import Floats, Series

# The rule, in this one place: a corrected p-value below LEVEL and a PSI (for all columns together: an AUC) of at least.
LEVEL = 0.05
SMALLEST_EFFECT = 0.1
SMALLEST_AUC = 0.6
# Categories rarer than this (expected rows on the smaller side) are pooled, so that chi-squared holds.
FEWEST_EXPECTED = 5


def compare(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    names: tuple[str, str] = ("reference", "current"),
    columns: Sequence[str] | None = None,
    report_id: str = "",
    jointly: bool = True,
) -> DriftReport:
    """Compare two frames; columns come worst first.

    Args:
        reference: what was, for example the training data.
        current: what is.
        names: what the report calls the two.
        columns: which to compare; default: all of both.
        report_id: the report's name on record.
        jointly: whether all columns are compared together too, which takes longest.

    Raises:
        DataError: when a frame has no rows, there is no common column, or a column asked for isn't there.
    """
    frames = [_checked(frame, name) for frame, name in zip((reference, current), names, strict=True)]
    wanted = _wanted(frames, names, columns)
    found = [_column(name, *frames) for name in wanted]
    together = tell_apart(frames[0], frames[1], found) if jointly else {}
    p_values = benjamini_hochberg([*(column.p_value for column in found), together.get("p_value")])
    judged = [_judged(column, p) for column, p in zip(found, p_values[:-1], strict=True)]
    if together:
        together["corrected_p_value"] = p_values[-1]
        together["drifted"] = bool((p_values[-1] or 0.0) < LEVEL and together["statistic"] >= SMALLEST_AUC)
    ordered = tuple(sorted(judged, key=_badness))
    report = DriftReport(
        report_id=report_id,
        drifted=any(column.drifted for column in ordered) or bool(together.get("drifted")),
        reference=names[0],
        current=names[1],
        reference_rows=len(frames[0]),
        current_rows=len(frames[1]),
        columns=ordered,
        multivariate={"classifier": together} if together else {},
    )
    return replace(report, summary=summarise(report, LEVEL))


def _checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    if frame.empty:
        raise DataError(
            f"{name} has no {'rows' if len(frame.columns) else 'columns'}", hint="there is nothing to compare"
        )
    named = frame.rename(columns=str)
    twice = named.columns[named.columns.duplicated()]
    if len(twice):
        raise DataError(
            f"{name} has two columns named {twice[0]!r}", hint="give every column a name of its own"
        )
    return named


def _wanted(frames: list[pd.DataFrame], names: tuple[str, str], columns: Sequence[str] | None) -> list[str]:
    first, second = (list(frame.columns) for frame in frames)
    if columns:
        for frame, name in zip(frames, names, strict=True):
            for column in columns:
                if column not in frame.columns:
                    near = NotFoundError.of("column", column, frame.columns)
                    raise DataError(f"{name} has no column {column!r}", hint=near.hint, **near.details)
        return list(dict.fromkeys(columns))
    if not set(first) & set(second):
        raise DataError(
            f"{names[0]} and {names[1]} have no column in common",
            hint=f"one has {', '.join(first[:5])}; the other {', '.join(second[:5])}",
        )
    return list(dict.fromkeys([*first, *second]))


def _column(name: str, reference: pd.DataFrame, current: pd.DataFrame) -> ColumnDrift:
    for frame, other in ((reference, "current"), (current, "reference")):
        if name not in frame.columns:
            return ColumnDrift(
                name=name, kind=OTHER, drifted=False, tests={}, note=f"only in the {other} data"
            )
    pair = (reference[name], current[name])
    kinds = {kind for kind in map(basic_kind, pair) if kind}
    if not kinds:
        return ColumnDrift(name=name, kind=OTHER, drifted=False, tests={}, note="no values on either side")
    if len(kinds) > 1 and not kinds <= {CATEGORICAL, BOOLEAN}:
        return _changed_type(name, pair)
    kind = kinds.pop() if len(kinds) == 1 else CATEGORICAL
    if kind == NUMERIC and are_codes(*pair):
        kind = CATEGORICAL
    if kind == CATEGORICAL and are_unique(*pair) and not pd.api.types.is_numeric_dtype(pair[0].dtype):
        return _unique_text(name, pair)
    if kind in (NUMERIC, DATE):
        return _numeric(name, kind, numbers(pair[0]), numbers(pair[1]))
    return _categorical(name, kind, *categories(*pair))


def _changed_type(name: str, pair: tuple[Series, Series]) -> ColumnDrift:
    note = f"type changed from {pair[0].dtype} to {pair[1].dtype}"
    return ColumnDrift(name=name, kind=OTHER, drifted=True, tests={}, note=note)


def _unique_text(name: str, pair: tuple[Series, Series]) -> ColumnDrift:
    missing = [(int(column.isna().sum()), len(column)) for column in pair]
    tests, p_values = _missing_test(*missing)
    shares = two_sample.psi(*([rows - gone, gone] for gone, rows in missing))
    return ColumnDrift(
        name=name,
        kind=TEXT,
        drifted=False,
        tests=tests,
        p_value=p_values[0] if p_values else None,
        effect=_statistic(shares) if p_values else None,
        note="nearly every value is unique: only missing values are compared",
    )


def _numeric(name: str, kind: str, reference: Numbers, current: Numbers) -> ColumnDrift:
    a, b = reference.ordered, current.ordered
    bins = two_sample.bin_counts(a, b)
    tests, p_values = _missing_test((reference.missing, reference.rows), (current.missing, current.rows))
    found = {
        "ks": two_sample.ks(a, b),
        "wasserstein": two_sample.wasserstein(a, b),
        **_shares(bins, reference.missing, current.missing),
    }
    notes = [*_gaps(reference, current), *_infinite(a, b)]
    return _found(name, kind, found, tests, p_values, notes, plots.histogram(a, b, dates=kind == DATE))


def _categorical(name: str, kind: str, reference: Categories, current: Categories) -> ColumnDrift:
    tests, p_values = _missing_test((reference.missing, reference.rows), (current.missing, current.rows))
    a, b = reference.counts, current.counts
    found = {
        "chi_squared": two_sample.chi_squared(*_pooled(a, b)),
        **_shares((a, b), reference.missing, current.missing),
    }
    notes = _gaps(reference, current)
    if a.any():
        unseen = (a == 0) & (b > 0)
        tests["unseen"] = TestResult(statistic=float(b[unseen].sum() / max(current.rows, 1)))
        if unseen.any():
            shown = ", ".join(np.array(reference.labels)[unseen][:3])
            notes.append(f"{int(unseen.sum())} unseen value{'s' if unseen.sum() > 1 else ''}: {shown}")
    return _found(name, kind, found, tests, p_values, notes, plots.bars(reference, current))


def _found(
    name: str,
    kind: str,
    found: dict[str, two_sample.Outcome | None],
    tests: dict[str, TestResult],
    p_values: list[float],
    notes: list[str],
    plot: dict[str, Any],
) -> ColumnDrift:
    results = {
        key: TestResult(statistic=o.statistic, p_value=o.p_value) for key, o in found.items() if o is not None
    }
    p_values = [*p_values, *(r.p_value for r in results.values() if r.p_value is not None)]
    return ColumnDrift(
        name=name,
        kind=kind,
        drifted=False,
        tests={**results, **tests},
        # Values and missing share are two tests of one column: Bonferroni over the two.
        p_value=min(1.0, min(p_values) * len(p_values)) if p_values else None,
        effect=_statistic(found["psi"]),
        note="; ".join(notes),
        plot=plot,
    )


def _shares(bins: tuple[Floats, Floats], *missing: int) -> dict[str, two_sample.Outcome | None]:
    """Compare shares of rows; missing is a bin of its own where there is any."""
    if any(missing):
        bins = (np.append(bins[0], missing[0]), np.append(bins[1], missing[1]))
    return {"psi": two_sample.psi(*bins), "jensen_shannon": two_sample.jensen_shannon(*bins)}


def _missing_test(
    reference: tuple[int, int], current: tuple[int, int]
) -> tuple[dict[str, TestResult], list[float]]:
    """Test the change of the missing share (missing, rows of either side); nothing where nothing is missing."""
    if not (reference[0] or current[0]):
        return {}, []
    shares = [missing / rows for missing, rows in (reference, current)]
    outcome = two_sample.chi_squared(*([missing, rows - missing] for missing, rows in (reference, current)))
    p_value = outcome.p_value if outcome else None
    result = TestResult(statistic=shares[1] - shares[0], p_value=p_value)
    return {"missing": result}, [] if p_value is None else [p_value]


def _pooled(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    total = a + b
    smaller = min(a.sum(), b.sum()) / max(total.sum(), 1.0)
    rare = total * smaller < FEWEST_EXPECTED
    pooled = tuple(np.append(side[~rare], side[rare].sum()) for side in (a, b))
    return pooled[0], pooled[1]


def _gaps(reference: Numbers | Categories, current: Numbers | Categories) -> list[str]:
    """Say where a side has no values, or what share is missing."""
    shares = [side.missing / side.rows for side in (reference, current)]
    empty = [
        f"no values in the {name} data"
        for share, name in zip(shares, ("reference", "current"), strict=True)
        if share == 1
    ]
    if empty or not any(shares):
        return empty
    return [f"missing: {shares[0]:.1%} before, {shares[1]:.1%} now"]


def _infinite(*sides: Floats) -> list[str]:
    counts = [int(np.isinf(side).sum()) for side in sides]
    return (
        [f"infinite values: {counts[0]} in the reference, {counts[1]} in the current data"]
        if any(counts)
        else []
    )


def _judged(column: ColumnDrift, p_value: float | None) -> ColumnDrift:
    beyond_chance = p_value is not None and p_value < LEVEL
    large = column.effect is not None and column.effect >= SMALLEST_EFFECT
    return replace(column, p_value=p_value, drifted=column.drifted or (beyond_chance and large))


def _badness(column: ColumnDrift) -> tuple[bool, bool, float, float, str]:
    effect = math.inf if column.drifted and column.effect is None else (column.effect or 0.0)
    p_value = 1.0 if column.p_value is None else column.p_value
    return (not column.drifted, bool(column.tests), -effect, p_value, column.name)


def _statistic(outcome: two_sample.Outcome | None) -> float | None:
    return None if outcome is None else outcome.statistic
