"""From a plan to its figure, and to the law by which the figure varies: the sharpest method that fits the plan.

| the figure | its interval and test |
|---|---|
| a share of rows | Wilson's score interval |
| two shares of the same rows | McNemar's test with a margin, as Tango's score interval |
| two shares of different rows | Newcombe's |
| areas under the ROC curve, and sums of them | DeLong's, on the logit scale where it is one area |
| an area of 0 or 1 | Wilson's, of pairs of a positive and a negative row |
| functions of sums | bootstrap-t: each resample in its own standard errors |
| other rank metrics | bootstrap's standard error, on the logit scale where it is one figure |
| the largest or smallest of several figures | the intervals of all, corrected for their number |
| anything else | bootstrap, corrected for bias and skewness (BCa) |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation.device.kernels import RESAMPLES
from jupyter_mlops.evaluation.plan import ANYTHING, Floats, Plan, merge_rows
from jupyter_mlops.evaluation.resampled import Resampling, Term
from jupyter_mlops.stats import ranking
from jupyter_mlops.stats.intervals import LEVEL, Certain, Law, Normal, Stated
from jupyter_mlops.stats.shares import Independent, Matched, Wilson
from jupyter_mlops.stats.worst import Apart, Worst

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.plan import Share


ALIKE = "no interval: all rows say the same, which tells nothing of how sure it is"
TOO_FEW = "no interval: the rows are too few, or most resamples of them have no value"
# Of an interval's width.
_BESIDE = 1e-6


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hold a figure and its law; None where the rows don't say how the figure varies, and the note may say why.

    ``ends`` are the least and the largest value that the figure can have.
    """

    value: float
    law: Law | None
    ends: tuple[float, float] = ANYTHING
    note: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The figure's 95% interval: within what it can be, and never beside the figure itself.

        A law may lie beside a figure that few rows overstate. To reach as far as the figure then is on the safe side.
        """
        if self.law is None:
            return None
        (low, high), (least, most) = self.law.interval(), self.ends
        return min(max(low, least), self.value), max(min(high, most), self.value)

    @property
    def misstated(self) -> str:
        """What few rows do to the figure where its law lies beside it; empty where it doesn't."""
        low, high = self.law.interval() if self.law else ANYTHING
        # What lies beside by a rounding lies within.
        near = _BESIDE * (high - low) if np.isfinite(high - low) else np.inf
        if self.value > high + near:
            return "overstate"
        return "understate" if self.value < low - near else ""

    @property
    def method(self) -> str:
        """What the interval and the p-value are made by."""
        return self.law.method if self.law else ""


def estimate(plan: Plan, *, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """Measure a plan's figure and how sure it is.

    Args:
        plan: of the figure.
        resamples: where there are any; fewer are taken of very long data.
        seed: the same seed gives the same interval.
    """
    with np.errstate(all="ignore"):
        value = figure(plan)
        if not np.isfinite(value) or len(plan.columns[0]) < 2:  # noqa: PLR2004 - one row varies in nothing
            return Estimate(value, None, plan.ends, TOO_FEW)
        drawn = Resampling(min(resamples, plan.resamples or resamples), seed)
        if _twins(plan):
            return Estimate(0.0, Certain(0.0), plan.ends)
        law = _by_its_form(plan, value, drawn) or _of_shares(plan) or _of_areas(plan, value)
        law = law or _resampled(plan, value, drawn)
        if law is None or _unvarying(plan, law, value):
            return Estimate(value, None, plan.ends, ALIKE if law else TOO_FEW)
        return Estimate(value, law, plan.ends)


def _unvarying(plan: Plan, law: Law, value: float) -> bool:
    """Say whether a law gives no width: rows that are all alike say nothing of those that aren't there."""
    low, high = law.interval()
    # Two models that no row tells apart are another matter.
    return low == high == value and not (plan.is_difference and value == 0)


def figure(plan: Plan) -> float:
    """Measure a plan's figure alone; NaN where these rows have none."""
    if not len(plan.columns[0]):
        return float("nan")
    with np.errstate(all="ignore"):
        columns, counts = merge_rows(plan.columns)
        return float(plan.build(columns)(counts[np.newaxis, :])[0])


def _by_its_form(plan: Plan, value: float, drawn: Resampling) -> Law | None:
    if plan.law is not None:
        return plan.law(np.ones(len(plan.columns[0])))
    if plan.interval is not None:
        known = plan.interval(LEVEL) is not None
        return Stated(value, plan.interval, "score intervals of all groups") if known else None
    if plan.extreme is None:
        return _apart(plan, drawn)
    parts = [estimate(part, resamples=drawn.resamples, seed=drawn.seed) for part in plan.extreme.plans]
    laws = tuple(part.law for part in parts if part.law is not None)
    return Worst(laws, plan.extreme.highest) if laws else None


def _apart(plan: Plan, drawn: Resampling) -> Law | None:
    """Set two figures against each other where resamples of one of them mislead."""
    if len(plan.parts) != 2 or plan.parts[0][0] != 1 or plan.parts[1][0] >= 0:  # noqa: PLR2004 - one and the other
        return None
    (_, first), (factor, second) = plan.parts
    if not any(part.extreme or part.interval or part.law for part in (first, second)):
        return None
    one, two = (estimate(part, resamples=drawn.resamples, seed=drawn.seed) for part in (first, second))
    if one.law is None or two.law is None:
        return None
    # What few rows overstate lies to one side: the distances to the ends add up then.
    shared = -1.0 if first.law or second.law else drawn.correlation(first, second)
    return Apart((one.value, two.value), (one.law, two.law), shared, -factor)


def _resampled(plan: Plan, value: float, resampling: Resampling) -> Law | None:
    terms = _rank_terms(plan)
    if terms is not None:
        return resampling.ranked(terms, value)
    columns, counts = _merged(plan.columns)
    if plan.sums is not None:
        return resampling.studentized(plan.sums.expand(columns), plan.sums.finish, counts, value)
    return resampling.corrected(plan.build(columns), counts, value)


# To draw around a count takes as long as to draw so many rows by themselves.
_ROWS_A_COUNT = 15


def _merged(columns: tuple[Floats, ...]) -> tuple[tuple[Floats, ...], Floats]:
    """Merge equal rows where that saves time."""
    rows = len(columns[0])
    merged, counts = merge_rows(columns)
    return (merged, counts) if len(counts) * _ROWS_A_COUNT < rows else (columns, np.ones(rows))


def _twins(plan: Plan) -> bool:
    """Say whether a model stands against one that answers the same: what can't differ doesn't vary."""
    if not plan.is_difference:
        return False
    first = plan.parts[0][1]
    same = all(_alike(first, part) for _, part in plan.parts[1:])
    # Equal columns don't make accuracy of f1: the figures must be the same too.
    return same and len({figure(part) for _, part in plan.parts}) == 1


def _alike(one: Plan, other: Plan) -> bool:
    return len(one.columns) == len(other.columns) and all(map(np.array_equal, one.columns, other.columns))


def _of_shares(plan: Plan) -> Law | None:
    if plan.share is not None:
        return _wilson(plan.share) if plan.share.among.any() else None
    if [factor for factor, _ in plan.parts] != [1.0, -1.0]:
        return None
    first, second = (part.share for _, part in plan.parts)
    if first is None or second is None or not (first.among.any() and second.among.any()):
        return None
    return None if first.harmonic or second.harmonic else _of_two_shares(first, second)


def _of_two_shares(first: Share, second: Share) -> Law | None:
    if np.array_equal(first.among, second.among):
        only_first, only_second = (
            float((a.hit > b.hit).sum()) for a, b in ((first, second), (second, first))
        )
        return Matched(only_first, only_second, float(first.among.sum()))
    if not (first.among * second.among).any():
        return Independent(_wilson(first), _wilson(second))
    return None


def _wilson(share: Share) -> Wilson:
    return Wilson(float(share.hit.sum()), float(share.among.sum()), share.harmonic)


def _rank_terms(plan: Plan) -> list[Term] | None:
    found: list[Term] = []
    for factor, part in plan.parts or ((1.0, plan),):
        if part.ranks is None:
            return None
        terms = part.ranks.terms(part.columns)
        found += [Term(factor / len(terms), part.ranks.kind, *term) for term in terms]
    return found


def _of_areas(plan: Plan, value: float) -> Law | None:
    terms = _rank_terms(plan)
    if terms is None or any(term.kind != "roc_auc" for term in terms):
        return None
    moved = np.sum(
        [term.factor * ranking.influence(term.kind, term.positive, term.scores) for term in terms], axis=0
    )
    error = float(np.sqrt(moved @ moved))
    if not error > 0:
        return _of_perfect_areas(terms, value) if not plan.parts else None
    return Normal(value, error, "DeLong", share=len(terms) == 1)


def _of_perfect_areas(terms: list[Term], value: float) -> Law | None:
    """Take areas of 0 or 1 for the share of right pairs among as many pairs as have no row in common."""
    if value not in (0.0, 1.0):
        return None
    pairs = min(min(float((term.positive == kind).sum()) for kind in (0, 1)) for term in terms)
    return Wilson(value * pairs, pairs)
