"""The worst slice, searched for: where a model fails that nobody thought to name.

Every part that one column makes, and every overlap of two such parts, is tried. The worst of thousands looks bad by
chance alone, so the search sees one half of the rows, and a slice's figure and interval come from the other rows: there
it is a slice like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation.groups.cuts import cuts
from jupyter_mlops.evaluation.plan import restricted
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.stats.fairness import SMALLEST_GROUP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.groups.cuts import Cut
    from jupyter_mlops.evaluation.plan import Floats, Plan, Sums
    from jupyter_mlops.evaluation.rows import Codes, TestRows
    from jupyter_mlops.stats.bootstrap import Statistic

    Flags = NDArray[np.bool_]

# Of the rows searched a slice holds at least this share.
_SMALLEST_SHARE = 0.005
# A half is searched, but no more rows than that.
_MOST_SEARCHED = 50_000
# A small slice's figure is drawn to that of all rows as if it had this many of them: chance alone makes it look bad.
_DRAWN_BY = 100
# Products that the search forms of sums, and weights that it forms of other metrics; beyond, it looks at fewer rows.
_PRODUCTS = 20_000_000_000
_WEIGHTS = 100_000_000
# Weights held at a time.
_CHUNK = 4_000_000
# Slices that share more than this of their rows tell the same.
_SAME = 0.5
# For each slice wanted so many of the worst are looked at.
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class FoundSlice:
    """Hold a slice that was searched for: what it is, its rows, and those of them to measure it on.

    ``worse`` says that it looked worse than all rows among those that were ``searched``.
    """

    label: str
    inside: Flags
    measured: Flags
    searched: int
    candidates: int
    worse: bool

    @property
    def note(self) -> str:
        """Say what was found, and how its figure comes about."""
        return (
            f"found: {self.label} ({self.inside.sum():,} of {len(self.inside):,} rows), the worst of "
            f"{self.candidates:,} slices in {self.searched:,} rows; measured on {self.measured.sum():,} of its other rows"
        )


def find(plan: Plan, rows: TestRows, *, lower_is_better: bool, most: int = 1) -> list[FoundSlice]:
    """Search the slices where a metric is worst, worst first.

    Args:
        plan: the metric over all rows.
        rows: their protected attributes and features are what is searched.
        lower_is_better: as of an error.
        most: how many slices; they share less than half of their rows.

    Returns:
        What was found in one part of the rows, to be measured on the others. It may be empty.

    Raises:
        NotMeasurableError: when no column cuts off a slice that is large enough.
    """
    columns = {**rows.sensitive, **{k: v for k, v in rows.features.items() if k not in rows.sensitive}}
    searched = np.random.default_rng(0).permutation(len(rows))[: min(len(rows) // 2, _MOST_SEARCHED)]
    smallest = max(SMALLEST_GROUP, int(_SMALLEST_SHARE * len(searched)))
    parts = cuts({name: column[searched] for name, column in columns.items()}, smallest)
    if not parts:
        raise NotMeasurableError(f"no column cuts off a slice of {smallest} rows to search for the worst")
    inside = np.stack([part.inside for part in parts])
    candidates = _candidates(parts, inside, smallest)
    badness = _badness(plan, inside, candidates, searched, lower_is_better=lower_is_better)
    order = np.argsort(-badness, kind="stable")
    worst = [place for place in order[: _LOOKED_AT * most] if np.isfinite(badness[place])]
    measured = np.ones(len(rows), dtype=bool)
    measured[searched] = False
    found = []
    for place in _differing(inside, candidates, worst)[:most]:
        chosen = [parts[each] for each in dict.fromkeys(candidates[place].tolist())]
        own = np.logical_and.reduce([part.holds(columns[part.column]) for part in chosen])
        label = " and ".join(part.label for part in chosen)
        worse = bool(badness[place] > 0)
        found.append(FoundSlice(label, own, own & measured, len(searched), len(candidates), worse))
    return found


def found_plan(plan: Plan, rows: TestRows, *, lower_is_better: bool) -> Plan:
    """Plan a metric on the worst slice that a search finds.

    Raises:
        NotMeasurableError: when there is no slice to be found.
    """
    found = find(plan, rows, lower_is_better=lower_is_better)
    if not found:
        raise NotMeasurableError("no slice has a value of the metric")
    return replace(restricted(plan, found[0].measured.astype(np.float64)), note=found[0].note)


def _candidates(parts: list[Cut], inside: Flags, smallest: int) -> Codes:
    """Return the pairs of parts (a part with itself is the part) of different columns that overlap in rows enough."""
    counted = inside.astype(np.float32)
    sizes = counted @ counted.T
    alone = np.diag(sizes)
    columns = np.unique([part.column for part in parts], return_inverse=True)[1]
    # Of one column two parts have nothing in common, and a part within another is that part again.
    apart = columns[:, np.newaxis] != columns
    overlapping = apart & (sizes >= smallest) & (sizes < np.minimum(alone, alone[:, np.newaxis]))
    return np.argwhere(np.triu(overlapping, 1) | np.eye(len(parts), dtype=bool))


def _differing(inside: Flags, candidates: Codes, places: list[int]) -> list[int]:
    """Leave out of some candidates those that share most of their rows with one before them."""
    kept: list[int] = []
    taken: list[Flags] = []
    for place in places:
        own = np.logical_and(*inside[candidates[place]])
        if all((own & other).sum() < _SAME * (own | other).sum() for other in taken):
            kept.append(place)
            taken.append(own)
    return kept


def _badness(
    plan: Plan, inside: Flags, candidates: Codes, searched: Codes, *, lower_is_better: bool
) -> Floats:
    """Return how bad each candidate looks, small ones drawn to the whole; what has no value is last."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if plan.sums is not None:
            width = plan.sums.expand(tuple(column[:1] for column in plan.columns)).shape[1]
            taken = max(1, _PRODUCTS // (len(inside) ** 2 * width))
            columns = tuple(column[searched[:taken]] for column in plan.columns)
            figures, sizes, whole = _of_sums(plan.sums, columns, inside[:, :taken], candidates)
        else:
            taken = max(1, _WEIGHTS // len(candidates))
            statistic = plan.build(tuple(column[searched[:taken]] for column in plan.columns))
            figures, sizes, whole = _of_weights(statistic, inside[:, :taken], candidates)
        drawn = (figures - whole) * sizes / (sizes + _DRAWN_BY)
    worse: Floats = np.where(np.isfinite(drawn), drawn if lower_is_better else -drawn, -np.inf)
    return worse


def _of_sums(
    sums: Sums, columns: tuple[Floats, ...], inside: Flags, candidates: Codes
) -> tuple[Floats, Floats, float]:
    """Return each candidate's figure and rows, and the figure of all, with one product of matrices for each sum."""
    here = inside.astype(np.float64)
    summands = sums.expand(columns)
    first, second = candidates.T
    totals = np.column_stack([((here * summand) @ here.T)[first, second] for summand in summands.T])
    sizes = (here @ here.T)[first, second]
    return sums.finish(totals), sizes, float(sums.finish(summands.sum(axis=0)[np.newaxis, :])[0])


def _of_weights(statistic: Statistic, inside: Flags, candidates: Codes) -> tuple[Floats, Floats, float]:
    """Return the same of any metric, with weights of all candidates."""
    here = inside.astype(np.float64)
    figures, sizes = np.empty(len(candidates)), np.empty(len(candidates))
    at_once = max(1, _CHUNK // here.shape[1])
    for start in range(0, len(candidates), at_once):
        first, second = candidates[start : start + at_once].T
        weights = here[first] * here[second]
        figures[start : start + at_once] = statistic(weights)
        sizes[start : start + at_once] = weights.sum(axis=1)
    return figures, sizes, float(statistic(np.ones((1, here.shape[1])))[0])
