"""What stands below a gate's conditions: the version's usual figures, its fairness, and how groups fare."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from jupyter_mlops.errors import GateError
from jupyter_mlops.evaluation import conditions
from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.evaluation.pictures import axes
from jupyter_mlops.evaluation.pictures.axes import Bar, number
from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jupyter_mlops.evaluation.conditions import Metric
    from jupyter_mlops.evaluation.pictures.axes import Axis
    from jupyter_mlops.records.evaluation import ConditionResult, Evaluation, Figure, Slice

# More groups than these are for the JSON.
_MOST = 12
_THOUSANDTH = 0.001
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
    asked = {
        str(metric): each for each in evaluation.conditions if (metric := _metric(each.text)) is not None
    }
    return (
        *_overall(evaluation, champion),
        *_fairness(evaluation, asked),
        *_groups(evaluation, asked),
        *_found(evaluation, asked),
    )


def _overall(evaluation: Evaluation, champion: Evaluation | None) -> Iterator[Section]:
    figures = [each for each in evaluation.figures if _name(each.metric) not in names.FAIRNESS]
    if not figures:
        return
    theirs = {each.metric: each.value for each in champion.figures} if champion else {}
    note = (
        f"The dashed line is the champion's figure, version {champion.version}."
        if champion and theirs
        else ""
    )
    beside = [(each, theirs.get(each.metric)) for each in figures]
    shares = [(each, mark) for each, mark in beside if _is_share(each.metric, _ends(each, mark))]
    axis = axes.of_shares(end for each, mark in shares for end in _ends(each, mark))
    points = [
        point(each, each.metric, axis if (each, mark) in shares else None, ("champion", mark))
        for each, mark in beside
    ]
    chart = Chart(title="", points=tuple(points), ends=_axis_words(axis, points), note=note)
    lead = ", ".join(f"{each.metric} {number(each.value)}" for each in figures[:3])
    yield Section(title="Figures", summary=lead, charts=(chart,))


def _fairness(evaluation: Evaluation, asked: dict[str, ConditionResult]) -> Iterator[Section]:
    charts: dict[tuple[str, float], list[tuple[Figure, Metric]]] = {}
    for each in evaluation.figures:
        metric = _metric(f"{each.metric} >= 0")
        if metric is not None and metric.name in names.FAIRNESS:
            fair = 1.0 if metric.name.endswith("_ratio") else 0.0
            charts.setdefault((", ".join(metric.attributes), fair), []).append((each, metric))
    if not charts:
        return
    yield Section(
        title="Fairness",
        summary=f"by {', '.join(dict.fromkeys(attribute for attribute, _ in charts))}",
        charts=tuple(
            _of_fairness(attribute, fair, figures, asked) for (attribute, fair), figures in charts.items()
        ),
        opened=any(
            each.status == "failed" and _name(metric) in names.FAIRNESS for metric, each in asked.items()
        ),
    )


def _of_fairness(
    attribute: str,
    fair: float,
    figures: Sequence[tuple[Figure, Metric]],
    asked: dict[str, ConditionResult],
) -> Chart:
    held = [(figure, metric, _threshold(asked.get(str(metric)))) for figure, metric in figures]
    ends = [fair, *(end for figure, _, threshold in held for end in _ends(figure, threshold))]
    axis = axes.of_shares(ends) if _within(ends) else axes.around(*ends)
    points = [
        point(figure, metric.name, axis, ("threshold", threshold)) for figure, metric, threshold in held
    ]
    notes = [
        "Ratios of two groups; 1 is no difference."
        if fair
        else "Largest difference between two groups; 0 is none.",
        *(["The dashed line is the gate's threshold."] if any(each[2] is not None for each in held) else []),
    ]
    return Chart(title=attribute, points=tuple(points), ends=_axis_words(axis, points), note=" ".join(notes))


def _groups(evaluation: Evaluation, asked: dict[str, ConditionResult]) -> Iterator[Section]:
    given = [each for each in evaluation.slices if not each.found]
    failed = _failed_part(asked, names.WORST_SLICE)
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
    axis = axes.of_shares(ends) if _is_share(metric, ends) else axes.around(*ends)
    worst = _worst(metric, [figure for _, figure in figures])
    points = [
        point(
            figure,
            part.group,
            axis,
            ("all rows", overall),
            rows=part.rows,
            tag=WORST if figure is worst else "",
        )
        for part, figure in figures
    ]
    shown = points[:_MOST]
    if not any(each.tag for each in shown):
        shown[-1:] = [each for each in points if each.tag] or shown[-1:]
    more = [f"{len(points) - _MOST} more groups are in the JSON."] if len(points) > _MOST else []
    line = ["The dashed line is all rows."] if overall is not None else []
    return Chart(
        title=metric,
        points=tuple(shown),
        ends=_axis_words(axis, points),
        note=" ".join([*line, *more]),
    )


def _found(evaluation: Evaluation, asked: dict[str, ConditionResult]) -> Iterator[Section]:
    found = [each for each in evaluation.slices if each.found]
    metrics = dict.fromkeys(
        figure.metric for part in found for figure in part.figures if _name(figure.metric) in names.QUALITY
    )
    if not metrics:
        return
    overall = {each.metric: each.value for each in evaluation.figures}
    charts = [_of_groups(metric, found, overall.get(metric)) for metric in metrics]
    yield Section(
        title="Slices found",
        summary=_worst_in_words(charts) or f"{found[0].group}, {found[0].rows:,} rows",
        charts=tuple(charts),
        opened=_failed_part(asked, names.WORST_FOUND_SLICE),
    )


def point(
    figure: Figure,
    label: str,
    axis: Axis | None,
    against: tuple[str, float | None] = ("", None),
    *,
    rows: int | None = None,
    tag: str = "",
    amount: bool = False,
) -> Point:
    """Show a figure on an axis.

    Args:
        figure: what is shown.
        label: what it is called beside the others.
        axis: where it stands; None where it stands alone.
        against: what it is held against, and its name.
        rows: how many it is of.
        tag: what is special about it.
        amount: it is drawn from zero, and zero is marked.
    """
    small = abs(figure.value) < _THOUSANDTH and figure.value
    write = axes.share if axis is not None and axis.in_shares and not small else number
    ends = f"{write(figure.ci[0])} to {write(figure.ci[1])}" if figure.ci else ""
    name, mark = against
    words = [
        f"{label}: {write(figure.value)}",
        *([f"95% interval {ends}"] if ends else []),
        *([f"{name} {write(mark)}"] if mark is not None else []),
    ]
    zero = 0.0 if amount else None
    bar = None
    if axis is not None:
        bar = axis.bar(figure.value, figure.ci, mark=mark, zero=zero, base=zero, words=", ".join(words))
    return Point(
        label=label,
        figure=write(figure.value),
        interval=ends,
        rows="" if rows is None else f"{rows:,}",
        tag=tag,
        bar=bar,
    )


def _worst(metric: str, figures: Sequence[Figure]) -> Figure | None:
    """Return the worst of several groups' figures; of a mere rate none is worse than another."""
    known = [each for each in figures if math.isfinite(each.value)]
    if len(known) < 2 or _name(metric) not in names.QUALITY:  # noqa: PLR2004 - one group is not worse than itself
        return None
    sign = -1 if _name(metric) in names.LOWER_IS_BETTER else 1
    worst, next_worst, *_ = sorted(known, key=lambda each: sign * each.value)
    return worst if worst.value != next_worst.value else None


def _worst_in_words(charts: Iterable[Chart]) -> str:
    for chart in charts:
        for each in chart.points:
            if each.tag == WORST:
                return f"worst {chart.title}: {each.label}, {each.figure} on {each.rows} rows"
    return ""


def _ends(figure: Figure, *more: float | None) -> list[float]:
    return [figure.value, *(figure.ci or ()), *(each for each in more if each is not None)]


def _axis_words(axis: Axis | None, points: Sequence[Point]) -> tuple[str, ...]:
    drawn = axis is not None and any(each.bar for each in points)
    return (number(axis.low), number(axis.high)) if axis is not None and drawn else ()


def _metric(condition: str) -> Metric | None:
    """Return the figure that a condition is about; None where an older one is no longer understood."""
    try:
        return conditions.parse(condition).metric
    except GateError:
        return None


def _name(metric: str) -> str:
    return re.split(r"[\[(.]", metric, maxsplit=1)[0]


def _threshold(result: ConditionResult | None) -> float | None:
    return None if result is None or result.difference is not None else result.threshold


def _failed_part(asked: dict[str, ConditionResult], part: str) -> bool:
    return any(each.status == "failed" and metric.endswith(f".{part}") for metric, each in asked.items())


def _is_share(metric: str, figures: Sequence[float]) -> bool:
    return _name(metric) in _SHARES and _within(figures)


def _within(figures: Iterable[float]) -> bool:
    return all(0 <= figure <= 1 for figure in figures)
