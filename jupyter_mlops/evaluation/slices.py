"""The worst slice, searched for: where a model fails that nobody thought to name.

Every part that one column makes, and every overlap of two such parts, is tried. The worst of thousands looks bad by
chance alone, so the search sees one half of the rows, and a slice's figure and interval come from the other half: there
it is a slice like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation.cuts import cuts
from jupyter_mlops.evaluation.plan import restricted
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.stats.fairness import SMALLEST_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.cuts import Cut
    from jupyter_mlops.evaluation.plan import Floats, Plan
    from jupyter_mlops.evaluation.rows import TestRows
    from jupyter_mlops.stats.bootstrap import Statistic

    Flags = NDArray[np.bool_]

# Of the rows searched a slice holds at least this share.
_SMALLEST_SHARE = 0.005
# A small slice's figure is drawn to that of all rows as if it had this many of them: chance alone makes it look bad.
_DRAWN_BY = 100
# Weights that the search forms in all, and at a time.
_BUDGET = 100_000_000
_CHUNK = 4_000_000
# Slices that share more than this of their rows tell the same.
_SAME = 0.5


@dataclass(frozen=True, slots=True)
class FoundSlice:
    """Hold a slice that was searched for: what it is, its rows, and those of them to measure it on.

    ``worse`` says that it looked worse than all rows in the half that was searched.
    """

    label: str
    inside: Flags
    measured: Flags
    candidates: int
    worse: bool

    @property
    def note(self) -> str:
        """Say what was found, and how its figure comes about."""
        return (
            f"found: {self.label} ({self.inside.sum():,} of {len(self.inside):,} rows), the worst of "
            f"{self.candidates:,} slices in one half of the rows; measured on {self.measured.sum():,} rows of the other half"
        )


def find(plan: Plan, rows: TestRows, *, lower_is_better: bool, most: int = 1) -> list[FoundSlice]:
    """Search the slices where a metric is worst, worst first.

    Args:
        plan: the metric over all rows.
        rows: their protected attributes and features are what is searched.
        lower_is_better: as of an error.
        most: how many slices; they share less than half of their rows.

    Returns:
        What was found in one half of the rows, to be measured on the other. It may be empty.

    Raises:
        NotMeasurableError: when no column cuts off a slice that is large enough.
    """
    searched, measured = _halves(len(rows))
    smallest = max(SMALLEST_GROUP, int(_SMALLEST_SHARE * len(rows) / 2))
    parts = cuts(rows, smallest)
    if not parts:
        raise NotMeasurableError(f"no column cuts off a slice of {smallest} rows to search for the worst")
    inside = np.stack([part.inside for part in parts])
    candidates = _candidates(parts, inside[:, searched], smallest)
    if not candidates:
        raise NotMeasurableError(f"no slice has {smallest} rows in the half that is searched")
    taken = searched[: max(1, _BUDGET // len(candidates))]
    figures, sizes = _figures(plan, inside, candidates, taken)
    badness = _badness(plan, figures, sizes, taken, lower_is_better=lower_is_better)
    found: list[FoundSlice] = []
    for place in np.argsort(-badness, kind="stable")[: 50 * most]:
        if not np.isfinite(badness[place]) or len(found) == most:
            break
        first, second = candidates[place]
        own = inside[first] & inside[second]
        if all((own & other.inside).sum() < _SAME * (own | other.inside).sum() for other in found):
            label = " and ".join(dict.fromkeys(parts[each].label for each in (first, second)))
            found.append(FoundSlice(label, own, own & measured, len(candidates), bool(badness[place] > 0)))
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


def _halves(rows: int) -> tuple[NDArray[np.int64], Flags]:
    """Split the rows by chance, the same way for every version: the places to search, and which rows to measure on."""
    order = np.random.default_rng(0).permutation(rows)
    measured = np.ones(rows, dtype=bool)
    measured[order[: rows // 2]] = False
    return order[: rows // 2], measured


def _candidates(parts: list[Cut], inside: Flags, smallest: int) -> list[tuple[int, int]]:
    """Return the pairs of parts (a part with itself is the part) of different columns that overlap in rows enough."""
    counted = inside.astype(np.float32)
    sizes = counted @ counted.T
    first, second = np.nonzero(np.triu(sizes >= smallest))
    alone = np.diag(sizes)
    return [
        (int(i), int(j))
        for i, j in zip(first, second, strict=True)
        # A part within another is that part again.
        if i == j or (parts[i].column != parts[j].column and sizes[i, j] < min(alone[i], alone[j]))
    ]


def _figures(
    plan: Plan, inside: Flags, candidates: list[tuple[int, int]], taken: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return the metric on each candidate, and its rows, among the rows ``taken``."""
    statistic = plan.build(tuple(column[taken] for column in plan.columns))
    here = inside[:, taken].astype(np.float64)
    parts = list(_chunks(statistic, here, np.array(candidates)))
    return np.concatenate([part for part, _ in parts]), np.concatenate([size for _, size in parts])


def _chunks(
    statistic: Statistic, here: Floats, candidates: NDArray[np.int64]
) -> Iterator[tuple[Floats, Floats]]:
    at_once = max(1, _CHUNK // here.shape[1])
    for start in range(0, len(candidates), at_once):
        first, second = candidates[start : start + at_once].T
        weights = here[first] * here[second]
        with np.errstate(divide="ignore", invalid="ignore"):
            yield statistic(weights), weights.sum(axis=1)


def _badness(
    plan: Plan, figures: Floats, sizes: Floats, taken: NDArray[np.int64], *, lower_is_better: bool
) -> Floats:
    """Return how bad a slice looks, small ones drawn to the whole; what has no value is last."""
    whole = plan.build(tuple(column[taken] for column in plan.columns))(np.ones((1, len(taken))))[0]
    drawn = (figures - whole) * sizes / (sizes + _DRAWN_BY)
    worse: Floats = np.where(np.isfinite(drawn), drawn if lower_is_better else -drawn, -np.inf)
    return worse
