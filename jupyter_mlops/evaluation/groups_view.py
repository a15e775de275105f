"""What stands below a gate's conditions: the version's usual figures, its fairness, and how groups fare."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jupyter_mlops.evaluation import axes, names
from jupyter_mlops.evaluation.axes import Bar, number
from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jupyter_mlops.evaluation.axes import Axis
    from jupyter_mlops.records.evaluation import Evaluation, Figure, Slice

# More groups than these are for the JSON.
_MOST = 12
WORST = "worst"
# What groups have beside figures of quality: shares too, of which none is better than another.
_RATES = frozenset({"base_rate", "selection_rate", "true_positive_rate", "false_positive_rate"})
_SHARES = (names.LABELS | names.SCORES | _RATES) - names.LOWER_IS_BETTER


class Point(Value, frozen=True, kw_only=True):
    """Show one figure of a chart; ``tag`` says what is special about it: ``worst``."""

    label: str
    figure: str
    interval: str
    rows: str = ""
    tag: str = ""
    bar: Bar | None = None


class Chart(Value, frozen=True, kw_only=True):
    """Show figures below one another on one axis; ``ends`` are the axis's in words, empty where each has its own."""

    title: str
    points: tuple[Point, ...]
    ends: tuple[str, ...] = ()
    note: str = ""


class Section(Value, frozen=True, kw_only=True):
    """Show charts that belong together; ``summary`` says the most important of them, ``opened`` that it is to be seen."""

    title: str
    summary: str
    charts: tuple[Chart, ...]
    opened: bool = False


def sections(evaluation: Evaluation, champion: Evaluation | None = None) -> tuple[Section, ...]:
    """Return what is shown below the conditions; where nothing of it was measured there is none."""
    return (
        *_overall(evaluation, champion),
        *_fairness(evaluation),
        *_groups(evaluation),
        *_found(evaluation),
    )


def _overall(evaluation: Evaluation, champion: Evaluation | None) -> Iterator[Section]:
    figures = [each for each in evaluation.figures if not _attribute(each.metric)]
    if not figures:
        return
    theirs = {each.metric: each.value for each in champion.figures} if champion else {}
    note = (
        f"The dashed line is the champion's figure, version {champion.version}."
        if champion and theirs
        else ""
    )
    axis = axes.of_shares(
        end for each in figures if _is_share(each.metric) for end in _ends(each, theirs.get(each.metric))
    )
    points = [
        _point(each, each.metric, axis if _is_share(each.metric) else None, theirs.get(each.metric))
        for each in figures
    ]
    chart = Chart(title="", points=tuple(points), ends=_axis_words(axis, points), note=note)
    lead = ", ".join(f"{each.metric} {number(each.value)}" for each in figures[:3])
    yield Section(title="Figures", summary=lead, charts=(chart,))


def _fairness(evaluation: Evaluation) -> Iterator[Section]:
    figures = [each for each in evaluation.figures if _attribute(each.metric)]
    if not figures:
        return
    thresholds = {
        each.text.split()[0]: each.threshold for each in evaluation.conditions if each.difference is None
    }
    ratios = [each for each in figures if "_ratio" in each.metric]
    gaps = [each for each in figures if each not in ratios]
    charts = [
        *(
            [_of_fairness(gaps, thresholds, 0.0, "Largest difference between two groups; 0 is none.")]
            if gaps
            else []
        ),
        *(
            [_of_fairness(ratios, thresholds, 1.0, "Smallest ratio of two groups; 1 is none.")]
            if ratios
            else []
        ),
    ]
    attributes = dict.fromkeys(_attribute(each.metric) for each in figures)
    failed = any(
        each.status == "failed" and _attribute(each.text.split()[0]) for each in evaluation.conditions
    )
    yield Section(
        title="Fairness", summary=f"by {', '.join(attributes)}", charts=tuple(charts), opened=failed
    )


def _of_fairness(
    figures: Sequence[Figure], thresholds: dict[str, float | None], fair: float, note: str
) -> Chart:
    held = [(each, thresholds.get(each.metric)) for each in figures]
    axis = axes.of_shares([fair, *(end for each, threshold in held for end in _ends(each, threshold))])
    points = [_point(each, each.metric, axis, threshold) for each, threshold in held]
    line = " The dashed line is the gate's threshold." if any(tick is not None for _, tick in held) else ""
    return Chart(title="", points=tuple(points), ends=_axis_words(axis, points), note=note + line)


def _groups(evaluation: Evaluation) -> Iterator[Section]:
    given = [each for each in evaluation.slices if not getattr(each, "found", False)]
    failed = any(each.status == "failed" and "worst" in each.text for each in evaluation.conditions)
    overall = {each.metric: each.value for each in evaluation.figures}
    for attribute in dict.fromkeys(each.attribute for each in given):
        parts = [each for each in given if each.attribute == attribute]
        metrics = list(dict.fromkeys(figure.metric for part in parts for figure in part.figures))
        charts = [_of_groups(metric, parts, overall.get(metric)) for metric in metrics]
        yield Section(
            title=f"By {attribute}",
            summary=_worst_in_words(charts) or f"{len(parts)} groups",
            charts=tuple(charts),
            opened=failed,
        )


def _of_groups(metric: str, parts: Sequence[Slice], overall: float | None) -> Chart:
    figures = [(part, figure) for part in parts for figure in part.figures if figure.metric == metric]
    ends = [end for _, figure in figures for end in _ends(figure, overall)]
    axis = axes.of_shares(ends) if _is_share(metric) else axes.around(*ends)
    worst = _worst(metric, [figure for _, figure in figures])
    points = tuple(
        _point(figure, part.group, axis, overall, rows=part.rows, worst=figure is worst)
        for part, figure in figures
    )
    more = [f"{len(points) - _MOST} more groups are in the JSON"] if len(points) > _MOST else []
    line = ["the dashed line is all rows"] if overall is not None else []
    return Chart(
        title=metric,
        points=points[:_MOST],
        ends=_axis_words(axis, points),
        note="; ".join([*line, *more]).capitalize(),
    )


def _found(evaluation: Evaluation) -> Iterator[Section]:
    found = [each for each in evaluation.slices if getattr(each, "found", False)]
    metrics = list(dict.fromkeys(figure.metric for part in found for figure in part.figures))
    if not metrics:
        return
    overall = {each.metric: each.value for each in evaluation.figures}
    charts = [_of_groups(metric, [_named(part) for part in found], overall.get(metric)) for metric in metrics]
    failed = any(each.status == "failed" and "found" in each.text for each in evaluation.conditions)
    yield Section(title="Slices found", summary=_worst_in_words(charts), charts=tuple(charts), opened=failed)


def _point(
    figure: Figure,
    label: str,
    axis: Axis | None,
    mark: float | None,
    *,
    rows: int | None = None,
    worst: bool = False,
) -> Point:
    write = number if axis is None or not axis.of_shares else axes.share
    ends = f"{write(figure.ci[0])} to {write(figure.ci[1])}" if figure.ci else ""
    words = f"{label}: {write(figure.value)}" + (f", 95% interval {ends}" if ends else "")
    return Point(
        label=label,
        figure=write(figure.value),
        interval=ends,
        rows="" if rows is None else f"{rows:,}",
        tag=WORST if worst else "",
        bar=None if axis is None else axis.bar(figure.value, figure.ci, mark=mark, words=words),
    )


def _worst(metric: str, figures: Sequence[Figure]) -> Figure | None:
    """Return the worst of several groups' figures; of a mere rate none is worse than another."""
    known = [each for each in figures if math.isfinite(each.value)]
    if len(known) < 2 or metric not in names.QUALITY:  # noqa: PLR2004 - one group is not worse than itself
        return None
    sign = -1 if metric in names.LOWER_IS_BETTER else 1
    worst, next_worst, *_ = sorted(known, key=lambda each: sign * each.value)
    return worst if worst.value != next_worst.value else None


def _worst_in_words(charts: Iterable[Chart]) -> str:
    for chart in charts:
        for point in chart.points:
            if point.tag == WORST:
                return f"worst {chart.title}: {point.label}, {point.figure} on {point.rows} rows"
    return ""


def _named(part: Slice) -> Slice:
    from msgspec.structs import replace

    return replace(part, group=f"{part.attribute} = {part.group}" if part.attribute else part.group)


def _ends(figure: Figure, *more: float | None) -> list[float]:
    return [figure.value, *(figure.ci or ()), *(each for each in more if each is not None)]


def _axis_words(axis: Axis | None, points: Sequence[Point]) -> tuple[str, ...]:
    drawn = axis is not None and any(point.bar for point in points)
    return (number(axis.low), number(axis.high)) if axis is not None and drawn else ()


def _attribute(metric: str) -> str:
    """Return the protected attribute that a fairness figure is by; empty for other figures."""
    name, bracket, rest = metric.partition("[")
    return rest.rstrip("]").strip("\"'") if bracket and name in names.FAIRNESS else ""


def _is_share(metric: str) -> bool:
    return metric in _SHARES
