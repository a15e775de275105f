"""Compare two profiles: the tests of drift on binned counts, each within what bins can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.errors import DataError
from jupyter_mlops.monitoring import rule as rules
from jupyter_mlops.monitoring.columns import BOOLEAN, CATEGORICAL, DATE, EMBEDDING, OTHER, TEXT, Categories
from jupyter_mlops.monitoring.drift import judge
from jupyter_mlops.monitoring.measuring import found_in, gaps, missing_test, of_counts, one_sided, shares
from jupyter_mlops.records.drift import ColumnDrift, DriftReport
from jupyter_mlops.stats import binning, two_sample

if TYPE_CHECKING:
    from jupyter_mlops.monitoring.binned import ColumnProfile, Profile

_PLOTTED = 30
_REST = "(all others)"


def compare_profiles(
    reference: Profile,
    current: Profile,
    *,
    names: tuple[str, str] = ("reference", "current"),
    only_current: tuple[str, ...] = (),
    multivariate: dict[str, Any] | None = None,
    rule: str = rules.DEFAULT,
) -> DriftReport:
    """Compare two samples by what was counted of them.

    Args:
        reference: what was; it set the bins.
        current: what is, counted in the same bins.
        names: what the report calls the two.
        only_current: columns that the reference doesn't have.
        multivariate: what was found of all columns together, from rows drawn.
        rule: what counts as drift.

    Raises:
        DataError: when a profile has no rows, or they were counted in different bins.
    """
    for side, name in zip((reference, current), names, strict=True):
        if not side.rows:
            raise DataError(f"{name} has no rows", hint="there is nothing to compare")
    if reference.bins != current.bins:
        raise DataError(
            f"{names[0]} and {names[1]} were counted in different bins",
            hint="count both against the same reference",
        )
    found = [_column(name, before, current.columns[name]) for name, before in reference.columns.items()]
    report = DriftReport(
        report_id="",
        drifted=False,
        reference=names[0],
        current=names[1],
        reference_rows=reference.rows,
        current_rows=current.rows,
        columns=(*found, *(one_sided(name, "current") for name in only_current)),
        multivariate=multivariate or {},
    )
    return judge(report, rules.parse(rule))


def _column(name: str, reference: ColumnProfile, current: ColumnProfile) -> ColumnDrift:
    kind = reference.bins.kind
    if not current.rows:
        return one_sided(name, "reference")
    if kind in (OTHER, EMBEDDING):
        return ColumnDrift(name=name, kind=kind, drifted=False, tests={}, note="can't be compared in bins")
    if kind in (CATEGORICAL, BOOLEAN):
        return _categorical(name, reference, current)
    strange = current.strange / current.rows
    if strange > 0.5:  # noqa: PLR2004 - most of it
        note = f"type changed: {strange:.0%} of the values are no {kind} values any more"
        return ColumnDrift(name=name, kind=OTHER, drifted=True, tests={}, note=note)
    return _numeric(name, reference, current)


def _categorical(name: str, reference: ColumnProfile, current: ColumnProfile) -> ColumnDrift:
    rest = bool(reference.other)
    # Beyond the vocabulary, what is new can't be told from what is rare unless the reference has nothing there.
    new = () if rest else current.examples
    labels = (*reference.bins.labels, *((_REST,) if rest else (", ".join(new),) if new else ()))
    sides = [
        Categories(
            labels,
            np.array(
                [*side.counts, *((side.other,) if len(labels) > len(side.counts) else ())], dtype=np.float64
            ),
            side.missing,
            side.rows,
        )
        for side in (reference, current)
    ]
    return of_counts(name, reference.bins.kind, sides[0], sides[1])


def _numeric(name: str, reference: ColumnProfile, current: ColumnProfile) -> ColumnDrift:
    kind = reference.bins.kind
    first, second = reference.counted(), current.counted()
    cuts = np.array(reference.bins.cuts)
    gap = binning.ks(first.counts, second.counts, cuts)
    tests, p_values = missing_test(reference, current)
    distance, unit = binning.wasserstein(first, second), binning.spread(first)
    moved = None if distance is None or not unit else two_sample.Outcome(distance / unit)
    sizes = (int(first.counts.sum()), int(second.counts.sum()))
    found = {
        "ks": None if gap is None else two_sample.Outcome(gap.low, two_sample.ks_p_value(gap.low, *sizes)),
        "wasserstein": moved,
        **shares(
            binning.fewer(first.counts, second.counts, two_sample.BINS), reference.missing, current.missing
        ),
    }
    notes = ["compared by length"] if kind == TEXT else []
    notes += gaps(reference, current)
    if gap is not None:
        notes.append(f"KS between {gap.low:.4f} and {gap.high:.4f}, counted in bins")
    if current.strange:
        notes.append(f"{current.strange:,} value{'s' if current.strange > 1 else ''} of another type")
    return found_in(name, kind, found, tests, p_values, notes, _plot(first, second, cuts, dates=kind == DATE))


def _plot(
    first: binning.Counted, second: binning.Counted, cuts: np.ndarray, *, dates: bool
) -> dict[str, Any]:
    """Lay the bins out as a histogram of even steps; the open ends are the first and the last of them."""
    if len(cuts) < 2 or cuts[0] == cuts[-1]:  # noqa: PLR2004 - one cut leaves nothing to lay out
        return {}
    edges = 2 * np.linspace(cuts[0] / 2, cuts[-1] / 2, _PLOTTED + 1)
    middles = np.concatenate([[cuts[0]], cuts[:-1] / 2 + cuts[1:] / 2, [cuts[-1]]])
    sides = {}
    for name, side in (("reference", first), ("current", second)):
        held = np.histogram(middles, bins=edges, weights=side.counts)[0]
        sides[name] = [float(share) for share in held / max(held.sum(), 1)]
    return {"edges": edges.tolist(), "dates": dates, **sides}
