"""Measure one column: which tests its kind takes, what they find, and what is worth saying about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from jupyter_mlops.monitoring import free, plots
from jupyter_mlops.monitoring.columns import (
    BOOLEAN,
    CATEGORICAL,
    DATE,
    EMBEDDING,
    NUMERIC,
    OTHER,
    TEXT,
    Categories,
    Numbers,
    Side,
    categories,
    have_codes,
)
from jupyter_mlops.records.drift import ColumnDrift, TestResult
from jupyter_mlops.stats import two_sample

if TYPE_CHECKING:
    from jupyter_mlops.monitoring.columns import Floats


class Gapped(Protocol):
    """What has rows, some of them without a value."""

    @property
    def rows(self) -> int:
        """How many rows."""

    @property
    def missing(self) -> int:
        """How many of them without a value."""


# Categories rarer than this (expected rows on the smaller side) are pooled, so that chi-squared holds.
FEWEST_EXPECTED = 5


def measure(name: str, reference: Side, current: Side) -> ColumnDrift:
    """Compare a column of two samples; ``p_value`` is corrected for the tests of this column only, nothing is judged."""
    kinds = {side.kind for side in (reference, current) if side.kind}
    if not kinds:
        return ColumnDrift(name=name, kind=OTHER, drifted=False, tests={}, note="no values on either side")
    if len(kinds) > 1 and not kinds <= {CATEGORICAL, BOOLEAN}:
        before, after = (DATE if side.kind == DATE else side.values.dtype for side in (reference, current))
        note = f"type changed from {before} to {after}"
        return ColumnDrift(name=name, kind=OTHER, drifted=True, tests={}, note=note)
    kind = kinds.pop() if len(kinds) == 1 else CATEGORICAL
    if kind == NUMERIC and have_codes(reference, current):
        kind = CATEGORICAL
    if kind in (NUMERIC, DATE):
        return _numeric(name, kind, reference.numbers, current.numbers)
    if kind == EMBEDDING:
        return _vectors(name, reference, current)
    if kind == CATEGORICAL and (reference.is_free_text or current.is_free_text):
        return _text(name, reference, current)
    return of_counts(name, kind, *categories(reference, current))


def one_sided(name: str, side: str) -> ColumnDrift:
    """Return the answer for a column that the other sample lacks: it is told, and is no drift."""
    return ColumnDrift(name=name, kind=OTHER, drifted=False, tests={}, note=f"only in the {side} data")


def of_counts(name: str, kind: str, reference: Categories, current: Categories) -> ColumnDrift:
    """Compare how often each category occurs on either side."""
    tests, p_values = missing_test(reference, current)
    a, b = reference.counts, current.counts
    found = {
        "chi_squared": two_sample.chi_squared(*_pooled(a, b)),
        **shares((a, b), reference.missing, current.missing),
    }
    notes = gaps(reference, current)
    if a.any():
        unseen = (a == 0) & (b > 0)
        tests["unseen"] = TestResult(statistic=float(b[unseen].sum() / max(current.rows, 1)))
        if unseen.any():
            shown = ", ".join(np.array(reference.labels)[unseen][:3])
            notes.append(f"{int(unseen.sum())} unseen value{'s' if unseen.sum() > 1 else ''}: {shown}")
    return found_in(name, kind, found, tests, p_values, notes, plots.bars(reference, current))


def found_in(
    name: str,
    kind: str,
    found: dict[str, two_sample.Outcome | None],
    tests: dict[str, TestResult],
    p_values: list[float],
    notes: list[str],
    plot: dict[str, Any],
) -> ColumnDrift:
    """Put a column's figures together; its own tests are corrected by Bonferroni."""
    results = {
        key: TestResult(statistic=o.statistic, p_value=o.p_value) for key, o in found.items() if o is not None
    }
    p_values = [*p_values, *(r.p_value for r in results.values() if r.p_value is not None)]
    size = found.get("psi")
    return ColumnDrift(
        name=name,
        kind=kind,
        drifted=False,
        tests={**results, **tests},
        p_value=min(1.0, min(p_values) * len(p_values)) if p_values else None,
        effect=None if size is None else size.statistic,
        note="; ".join(notes),
        plot=plot,
    )


def shares(bins: tuple[Floats, Floats], *missing: int) -> dict[str, two_sample.Outcome | None]:
    """Compare shares of rows; missing is a bin of its own where there is any."""
    if any(missing):
        bins = (np.append(bins[0], missing[0]), np.append(bins[1], missing[1]))
    return {"psi": two_sample.psi(*bins), "jensen_shannon": two_sample.jensen_shannon(*bins)}


def missing_test(reference: Gapped, current: Gapped) -> tuple[dict[str, TestResult], list[float]]:
    """Test the change of the missing share; nothing where nothing is missing."""
    if not (reference.missing or current.missing):
        return {}, []
    sides = [(side.missing, side.rows - side.missing) for side in (reference, current)]
    outcome = two_sample.chi_squared(*sides)
    p_value = outcome.p_value if outcome else None
    change = current.missing / current.rows - reference.missing / reference.rows
    return {"missing": TestResult(statistic=change, p_value=p_value)}, [] if p_value is None else [p_value]


def gaps(reference: Gapped, current: Gapped) -> list[str]:
    """Say where a side has no values, or what share is missing."""
    parts = [side.missing / side.rows for side in (reference, current)]
    empty = [
        f"no values in the {name} data"
        for share, name in zip(parts, ("reference", "current"), strict=True)
        if share == 1
    ]
    if empty or not any(parts):
        return empty
    return [f"missing: {parts[0]:.1%} before, {parts[1]:.1%} now"]


def _numeric(name: str, kind: str, reference: Numbers, current: Numbers) -> ColumnDrift:
    a, b = reference.ordered, current.ordered
    tests, p_values = missing_test(reference, current)
    found = {
        "ks": two_sample.ks(a, b, blocks=reference.blocks),
        "wasserstein": two_sample.wasserstein(a, b, spread=reference.spread, blocks=reference.blocks),
        **shares(two_sample.bin_counts(a, b), reference.missing, current.missing),
    }
    notes = [*gaps(reference, current), *_constant(a, b, dates=kind == DATE), *_infinite(a, b)]
    return found_in(name, kind, found, tests, p_values, notes, plots.histogram(a, b, dates=kind == DATE))


def _text(name: str, reference: Side, current: Side) -> ColumnDrift:
    tests, p_values = missing_test(reference, current)
    found = free.text(reference.values, current.values)
    gone = [[side.rows - side.missing, side.missing] for side in (reference, current)]
    of_gaps = two_sample.psi(*gone)
    if of_gaps is not None and found["psi"] is not None:
        found["psi"] = max(found["psi"], of_gaps, key=lambda size: size.statistic)
    notes = ["compared by length and words", *gaps(reference, current)]
    plot = plots.histogram(*free.lengths(reference.values, current.values))
    return found_in(name, TEXT, found, tests, p_values, notes, plot)


def _vectors(name: str, reference: Side, current: Side) -> ColumnDrift:
    found = free.vectors(reference.values, current.values)
    if isinstance(found, str):
        return ColumnDrift(name=name, kind=EMBEDDING, drifted=True, tests={}, note=found)
    # The distances are for the size of a difference; the test of the vectors is MMD's.
    found["ks"] = None if found["ks"] is None else two_sample.Outcome(found["ks"].statistic)
    tests, p_values = missing_test(reference, current)
    notes = ["compared by MMD; sizes by distance from the middle", *gaps(reference, current)]
    return found_in(name, EMBEDDING, found, tests, p_values, notes, {})


def _pooled(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    total = a + b
    smaller = min(a.sum(), b.sum()) / max(total.sum(), 1.0)
    rare = total * smaller < FEWEST_EXPECTED
    pooled = tuple(np.append(side[~rare], side[rare].sum()) for side in (a, b))
    return pooled[0], pooled[1]


def _constant(reference: Floats, current: Floats, *, dates: bool) -> list[str]:
    alone = [bool(len(side) and side[0] == side[-1]) for side in (reference, current)]
    before, now = (
        (_moment(side[0]) if dates else f"{side[0]:g}") if is_alone else ""
        for side, is_alone in zip((reference, current), alone, strict=True)
    )
    match alone:
        case [True, True]:
            return [] if reference[0] == current[0] else [f"{before} before, {now} now"]
        case [True, False]:
            return [f"was {before} throughout"] if len(current) else []
        case [False, True]:
            return [f"is {now} throughout"] if len(reference) else []
    return []


def _moment(seconds: float) -> str:
    return str(np.datetime64(round(seconds), "s")).replace("T", " ")


def _infinite(*sides: Floats) -> list[str]:
    counts = [
        len(side) - int(np.searchsorted(side, np.inf)) + int(np.searchsorted(side, -np.inf, side="right"))
        for side in sides
    ]
    return (
        [f"infinite values: {counts[0]} in the reference, {counts[1]} in the current data"]
        if any(counts)
        else []
    )
