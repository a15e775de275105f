"""What the picture of a gate shows, decided once: its words, and where each mark stands.

A notebook cell, a run's page and the sidebar draw the same view; none of them counts, compares or words anything itself.
All places are shares of a picture's width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.errors import GateError
from jupyter_mlops.evaluation import conditions
from jupyter_mlops.evaluation.pictures import axes, groups_view
from jupyter_mlops.evaluation.pictures.axes import Bar, interval, number, p_value
from jupyter_mlops.evaluation.pictures.groups_view import Section
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.evaluation import ConditionStatus

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.conditions import Operator
    from jupyter_mlops.records.evaluation import ConditionResult, Evaluation

_SIGNS = {">=": "≥", ">": ">", "<=": "≤", "<": "<"}


class ConditionView(Value, frozen=True, kw_only=True):
    """Show one condition: its figure and threshold, the interval, the test against the champion, each in words."""

    text: str
    status: ConditionStatus
    optional: bool
    figure: str
    threshold: str
    interval: str
    test: str
    reason: str
    bar: Bar | None


class GateView(Value, frozen=True, kw_only=True):
    """Show a gate's result; ``sections`` are what stands below the conditions, folded in."""

    model: str
    version: int
    passed: bool
    title: str
    count: str
    context: str
    conditions: tuple[ConditionView, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def view(evaluation: Evaluation, champion: Evaluation | None = None) -> GateView:
    """Say what the picture of an evaluation shows; ``champion``'s figures stand beside it where they are given."""
    held = sum(each.status == "passed" for each in evaluation.conditions)
    return GateView(
        model=evaluation.model,
        version=evaluation.version,
        passed=evaluation.passed,
        title="Gate passed" if evaluation.passed else "Gate failed",
        count=f"{held} of {len(evaluation.conditions)} conditions hold",
        context=context(evaluation),
        conditions=tuple(_condition(each) for each in evaluation.conditions),
        sections=groups_view.sections(evaluation, champion),
        notes=evaluation.notes,
    )


def context(evaluation: Evaluation) -> str:
    """Say on how many rows, on what and against which version a gate judged."""
    rows = evaluation.rows
    parts = [
        f"{rows:,} test row{'' if rows == 1 else 's'}" if rows else "no test rows",
        evaluation.device,
    ]
    gpu = evaluation.accelerator
    if gpu is not None:
        others = f", shared with {', '.join(gpu.shared_with)}" if gpu.shared_with else ""
        parts.append(f"model on {gpu.name} ({gpu.memory_mb / 1000:.0f} GB, driver {gpu.driver}{others})")
    if evaluation.champion is not None:
        parts.append(f"champion: version {evaluation.champion}")
    return ", ".join(parts)


def said(result: ConditionResult) -> str:
    """Say in a line what was measured for a condition; empty where nothing was."""
    figure = "" if result.value is None else number(result.value)
    return ", ".join(filter(None, [figure, _interval(result), p_values(result)]))


def _condition(result: ConditionResult) -> ConditionView:
    operator = _operator(result.text)
    paired = result.difference is not None
    return ConditionView(
        text=result.text,
        status=result.status,
        optional=result.optional,
        figure="" if result.value is None else number(result.value),
        threshold=""
        if result.threshold is None
        else f"{_SIGNS.get(operator or '', 'threshold')} {number(result.threshold)}",
        interval=_interval(result),
        test=_test(result),
        reason=result.reason,
        bar=_bar(result, operator, paired=paired),
    )


def _operator(text: str) -> Operator | None:
    """Return how a condition compares; None where an older one is no longer understood."""
    try:
        return conditions.parse(text).operator
    except GateError:
        return None


def _interval(result: ConditionResult) -> str:
    if result.difference is None:
        return f"95% interval {interval(result.ci)}" if result.ci else ""
    ends = f" ({interval(result.ci, signed=True)})" if result.ci else ""
    return f"difference {number(result.difference, signed=True, digits=3)}{ends}"


def _test(result: ConditionResult) -> str:
    """Say how sure a condition's figure is: the p-values where there was a test, and by which method."""
    return "; ".join(filter(None, [p_values(result), result.method]))


def p_values(result: ConditionResult) -> str:
    """Write the p-value of a comparison, and what is left of it among the gate's other tests; empty without one."""
    if result.p_value is None:
        return ""
    if result.p_adjusted is None or result.p_adjusted == result.p_value:
        return p_value(result.p_value)
    return f"{p_value(result.p_value)}, corrected {p_value(result.p_adjusted)}"


def _bar(result: ConditionResult, operator: Operator | None, *, paired: bool) -> Bar | None:
    """Place the interval, the figure and the threshold; those of the difference where there is one."""
    value = result.difference if paired else result.value
    if value is None or result.threshold is None or result.value is None:
        return None
    # Beside a difference the threshold is the margin: what it lies away from the champion's figure.
    tick = result.threshold - (result.value - value) if paired else result.threshold
    axis = axes.around(value, tick, *(result.ci or ()), *((0.0,) if paired else ()))
    if axis is None:
        return None
    words = _interval(result) or number(value)
    return axis.bar(
        value,
        result.ci,
        mark=tick,
        zero=0.0 if paired else None,
        holds=operator,
        words=f"{words}; {'margin' if paired else 'threshold'} {number(tick, signed=paired)}",
    )
