"""A metric as a plan: the columns of the rows it needs, and how weighted rows make the figure.

Bootstrap, slices and paired comparisons only change the weights, so no metric knows of them. A plan may say more about
its figure than how to compute it: that it is a share of rows, a function of sums, a mean of rank metrics, or the worst
of several figures. Each of these has a better interval, a sharper test or a faster kernel than the figure as such.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jupyter_mlops.stats import ranking

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.stats.bootstrap import Statistic
    from jupyter_mlops.stats.intervals import Law

Floats: TypeAlias = NDArray[np.float64]


# What a figure can be of which nothing is known.
ANYTHING = (-np.inf, np.inf)
# Rows of fewer kinds than that are counted.
MOST_CODES = 4096
# Factors that add up to no more are a difference's.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Sums:
    """Say that a metric is a function of weighted sums, so that a kernel can form them without holding the weights.

    ``expand`` makes the summands (rows x k) of the plan's columns, ``finish`` the figures (resamples) of their sums
    (resamples x k). Weights twice as large must give the same figure.
    """

    expand: Callable[[tuple[Floats, ...]], Floats]
    finish: Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Share:
    """Say that a metric is a share of rows: of those ``among`` (0 or 1 a row) the ones that ``hit`` (0 or 1).

    ``harmonic`` is for figures that are 2s / (1 + s) of the share s, as f1 is of the share of true positives among all
    rows that are positive or called so.
    """

    hit: Floats
    among: Floats
    harmonic: bool = False


@dataclass(frozen=True, slots=True)
class Ranks:
    """Say that a metric is the mean of rank metrics; ``terms`` makes (positive, scores) of each from the columns."""

    kind: Literal["roc_auc", "average_precision"]
    terms: Callable[[tuple[Floats, ...]], list[tuple[Floats, Floats]]]


@dataclass(frozen=True, slots=True)
class Extreme:
    """Say that a metric is the largest (``highest``) or smallest figure of several plans over the same rows."""

    plans: tuple[Plan, ...]
    highest: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what a metric needs: ``columns`` (a value a row each) and ``build``, which makes the statistic of them.

    ``build`` may be given fewer rows, each with the count it stands for: equal rows are merged. ``parts`` are the
    factors and plans of a figure that is a weighted sum of others. ``interval`` gives the figure's interval at a level
    where its own form says better than resampling how sure it is, as that of a gap between groups, and ``law`` its whole law on part of the rows (1 in, 0 out). ``resamples`` is the
    most that are drawn, where each takes long, as a call of the user's own code does. ``ends`` are the least and the
    largest value that the figure can have.
    """

    columns: tuple[Floats, ...]
    build: Callable[[tuple[Floats, ...]], Statistic]
    note: str = ""
    sums: Sums | None = None
    share: Share | None = None
    ranks: Ranks | None = None
    extreme: Extreme | None = None
    parts: tuple[tuple[float, Plan], ...] = ()
    interval: Callable[[float], tuple[float, float] | None] | None = None
    law: Callable[[Floats], Law | None] | None = None
    resamples: int | None = None
    ends: tuple[float, float] = ANYTHING

    @property
    def is_difference(self) -> bool:
        """Whether it is a figure less others of its kind, weighted or not, so that equal ones make zero."""
        return len(self.parts) > 1 and abs(sum(factor for factor, _ in self.parts)) < _ROUNDING


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

    plan = sums_plan(
        (values,), Sums(lambda columns: np.column_stack([columns[0], np.ones(len(columns[0]))]), of_sums)
    )
    of_zeros_and_ones = finish is None and bool(np.all((values == 0) | (values == 1)))
    return replace(plan, share=Share(values, np.ones(len(values)))) if of_zeros_and_ones else plan


def share_plan(hit: Floats, among: Floats, *, harmonic: bool = False, empty: float = np.nan) -> Plan:
    """Plan a share of rows, as accuracy, precision, recall and the rate of a group are; see ``Share``.

    Args:
        hit: 0 or 1 a row; counts only where ``among`` is 1.
        among: 0 or 1 a row.
        harmonic: for the harmonic mean of precision and recall.
        empty: the figure where no row is ``among``.
    """
    hit = hit * among

    def of_sums(totals: Floats) -> Floats:
        share = np.full(len(totals), empty)
        np.divide(totals[:, 0], totals[:, 1], out=share, where=totals[:, 1] > 0)
        return 2 * share / (1 + share) if harmonic else share

    plan = sums_plan((hit, among), Sums(np.column_stack, of_sums))
    return replace(plan, share=Share(hit, among, harmonic))


def rank_plan(columns: tuple[Floats, ...], ranks: Ranks) -> Plan:
    """Plan the mean of rank metrics."""
    metric = ranking.roc_auc if ranks.kind == "roc_auc" else ranking.average_precision

    def build(merged: tuple[Floats, ...]) -> Statistic:
        parts = [metric(positive, scores) for positive, scores in ranks.terms(merged)]

        def statistic(weights: Floats) -> Floats:
            mean: Floats = np.mean([part(weights) for part in parts], axis=0)
            return mean

        return statistic

    return Plan(columns, build, ranks=ranks)


def combined(plans: list[tuple[float, Plan]]) -> Plan:
    """Plan the weighted sum of several plans over the same rows: the paired difference, with weights 1 and -1."""
    columns, places = _joined([plan for _, plan in plans])

    def build(merged: tuple[Floats, ...]) -> Statistic:
        statistics = [
            (factor, plan.build(tuple(merged[place] for place in own)))
            for (factor, plan), own in zip(plans, places, strict=True)
        ]

        def statistic(weights: Floats) -> Floats:
            total: Floats = sum(
                (factor * part(weights) for factor, part in statistics), np.zeros(len(weights))
            )
            return total

        return statistic

    return Plan(
        columns,
        build,
        sums=_combined_sums(plans, places),
        parts=tuple(plans),
        resamples=_fewest([plan for _, plan in plans]),
        ends=_summed_ends(plans),
    )


def extreme_plan(plans: list[Plan], *, highest: bool, note: str = "") -> Plan:
    """Plan the largest (``highest``) or smallest of several figures over the same rows: gaps, worst slices.

    A figure without a value is left out.
    """
    columns, places = _joined(plans)
    worst = np.fmax if highest else np.fmin

    def build(merged: tuple[Floats, ...]) -> Statistic:
        statistics = [
            plan.build(tuple(merged[place] for place in own)) for plan, own in zip(plans, places, strict=True)
        ]

        def statistic(weights: Floats) -> Floats:
            with np.errstate(divide="ignore", invalid="ignore"):
                figures: Floats = worst.reduce([part(weights) for part in statistics])
            return figures

        return statistic

    extreme = Extreme(tuple(plans), highest)
    return Plan(columns, build, note, extreme=extreme, resamples=_fewest(plans), ends=plans[0].ends)


def restricted(plan: Plan, inside: Floats) -> Plan:
    """Plan the same figure on a part of the rows: those where ``inside`` is 1 (else 0)."""
    if plan.extreme is not None:
        return extreme_plan(
            [restricted(part, inside) for part in plan.extreme.plans], highest=plan.extreme.highest
        )

    def build(columns: tuple[Floats, ...]) -> Statistic:
        inner, here = plan.build(columns[:-1]), columns[-1]
        return lambda weights: inner(weights * here)

    sums, share, ranks, law = plan.sums, plan.share, plan.ranks, plan.law
    return Plan(
        (*plan.columns, inside),
        build,
        plan.note,
        sums and Sums(lambda columns: sums.expand(columns[:-1]) * columns[-1][:, np.newaxis], sums.finish),
        share and replace(share, hit=share.hit * inside, among=share.among * inside),
        # A row outside is of neither class: it is left out of the ranks.
        ranks and Ranks(ranks.kind, lambda columns: _inside(ranks.terms(columns[:-1]), columns[-1])),
        parts=tuple((factor, restricted(part, inside)) for factor, part in plan.parts),
        resamples=plan.resamples,
        ends=plan.ends,
        law=law and (lambda part: law(part * inside)),
    )


def _inside(terms: list[tuple[Floats, Floats]], inside: Floats) -> list[tuple[Floats, Floats]]:
    return [(np.where(inside > 0, positive, np.nan), scores) for positive, scores in terms]


def _fewest(plans: list[Plan]) -> int | None:
    return min((plan.resamples for plan in plans if plan.resamples is not None), default=None)


def _summed_ends(plans: list[tuple[float, Plan]]) -> tuple[float, float]:
    """Return what a weighted sum can be at least and at most."""
    sides = [sorted(factor * end for end in plan.ends) for factor, plan in plans if factor]
    return sum(low for low, _ in sides), sum(high for _, high in sides)


def _joined(plans: list[Plan]) -> tuple[tuple[Floats, ...], list[tuple[int, ...]]]:
    """Return the distinct columns of several plans, and for each plan where its own are among them."""
    distinct: dict[int, Floats] = {}
    for plan in plans:
        distinct.update((id(column), column) for column in plan.columns)
    order = {key: place for place, key in enumerate(distinct)}
    return tuple(distinct.values()), [tuple(order[id(column)] for column in plan.columns) for plan in plans]


def _combined_sums(plans: list[tuple[float, Plan]], places: list[tuple[int, ...]]) -> Sums | None:
    known = [(factor, plan.sums) for factor, plan in plans if plan.sums is not None]
    if len(known) < len(plans):
        return None
    widths = [
        sums.expand(tuple(column[:1] for column in plan.columns)).shape[1]
        for (_, plan), (_, sums) in zip(plans, known, strict=True)
    ]
    borders = np.cumsum(widths)[:-1]

    def expand(columns: tuple[Floats, ...]) -> Floats:
        return np.hstack(
            [
                sums.expand(tuple(columns[place] for place in own))
                for (_, sums), own in zip(known, places, strict=True)
            ]
        )

    def finish(totals: Floats) -> Floats:
        parts = np.split(totals, borders, axis=1)
        figure: Floats = sum(
            (factor * sums.finish(part) for (factor, sums), part in zip(known, parts, strict=True)),
            np.zeros(len(totals)),
        )
        return figure

    return Sums(expand, finish)


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
