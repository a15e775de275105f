"""Judge what was measured; pure.

The rules, in one place:

- A figure against a number: the figure itself decides; where its interval reaches over the number, the reason says so.
  Under the rule ``interval`` the whole interval must lie on the right side, and it counts as a test like those below.
- A figure against the champion: both are measured on the same rows, and the version passes when a one-sided paired test
  shows it at 0.025: non-inferiority (with ``- 0.005``), or superiority (with ``+ 0.005``); a point estimate that happens
  to lie right is not enough. For one test alone that is the same as the whole 95% interval lying on the right side. The
  champion itself, and a version that predicts just what it predicts, differ by exactly zero and pass wherever a tie is
  enough.
- Several tests in one gate: their p-values are corrected by Holm's method, so that each of the gate's verdicts holds, and
  all of them together, but for a chance of 2.5%.
- No champion yet: passed.
- Not measured: not evaluated, and that blocks unless the condition is ``optional``.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Literal, TypeAlias

from jupyter_mlops.records.base import Value
from jupyter_mlops.records.evaluation import ConditionResult
from jupyter_mlops.stats.corrections import holm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_mlops.evaluation.conditions import Condition

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt,
}  # fmt: skip

# The chance that all tests of a gate together may err with, on one side: that of a 95% interval's end.
ALPHA = 0.025
Rule: TypeAlias = Literal["figure", "interval"]


class Measurement(Value, frozen=True, kw_only=True):
    """Hold what was measured for one condition.

    ``value`` is the version's figure (None: not measured, ``reason`` says why). ``ci`` is its 95% interval; where the
    threshold names the champion, ``champion`` is the champion's part of it, ``difference`` is ``value - champion``,
    and ``ci`` is that of the difference. ``p_value`` is that of "the condition doesn't hold" (None: nothing varies),
    ``method`` how both were made.
    """

    value: float | None = None
    ci: tuple[float, float] | None = None
    champion: float | None = None
    difference: float | None = None
    p_value: float | None = None
    method: str = ""
    has_champion: bool = True
    reason: str = ""


def judge_all(
    conditions: Sequence[Condition], measured: Sequence[Measurement], rule: Rule = "figure"
) -> tuple[ConditionResult, ...]:
    """Say which conditions of a gate hold, correcting its tests for their number."""
    tested = [
        found.p_value if condition.threshold.champion or rule == "interval" else None
        for condition, found in zip(conditions, measured, strict=True)
    ]
    return tuple(
        judge(condition, found, p_adjusted=p, rule=rule)
        for condition, found, p in zip(conditions, measured, holm(tested), strict=True)
    )


def judge(
    condition: Condition, measured: Measurement, *, p_adjusted: float | None = None, rule: Rule = "figure"
) -> ConditionResult:
    """Say whether one condition holds; ``p_adjusted`` is its p-value corrected for the gate's other tests."""
    if measured.value is None:
        return _result(condition, measured, "not evaluated", measured.reason)
    if not condition.threshold.champion:
        if rule == "interval":
            return _tested(condition, measured, measured.value, p_adjusted)
        return _against_number(condition, measured, measured.value)
    if not measured.has_champion:
        return _result(condition, measured, "passed", "no champion yet")
    if measured.champion is None or measured.difference is None:
        return _result(condition, measured, "not evaluated", measured.reason)
    return _tested(condition, measured, measured.difference, p_adjusted)


def passed(results: tuple[ConditionResult, ...]) -> bool:
    """Say whether a gate lets the version through: nothing failed, nothing but the optional unevaluated."""
    return all(
        result.status == "passed" or (result.status == "not evaluated" and result.optional)
        for result in results
    )


def _against_number(condition: Condition, measured: Measurement, value: float) -> ConditionResult:
    number, holds = condition.threshold.constant, _HOLDS[condition.operator]
    status = "passed" if holds(value, number) else "failed"
    unsure = measured.ci is not None and len({holds(end, number) for end in measured.ci}) > 1
    reason = "its interval reaches over the threshold" if unsure else ""
    return _result(condition, measured, status, _joined(measured.reason, reason))


def _tested(
    condition: Condition, measured: Measurement, value: float, p_adjusted: float | None
) -> ConditionResult:
    """Judge a figure or a difference by its test, by itself where nothing varies."""
    margin, holds = condition.threshold.constant, _HOLDS[condition.operator]
    compared = bool(condition.threshold.champion)
    if measured.p_value is None:
        sure = measured.ci is None or holds(
            measured.ci[0] if condition.operator[0] == ">" else measured.ci[1], margin
        )
        reason = "" if measured.ci is not None else "no interval"
        status = "passed" if sure and holds(value, margin) else "failed"
        return _result(condition, measured, status, measured.reason or reason, p_adjusted)
    p_decides = measured.p_value if p_adjusted is None else p_adjusted
    if p_decides <= ALPHA and holds(value, margin):
        return _result(condition, measured, "passed", measured.reason, p_decides)
    reason = ""
    if holds(value, margin):
        what = ("the difference", "margin") if compared else ("the figure", "threshold")
        reach = f": its interval reaches beyond the {what[1]}" if measured.ci else ""
        reason = f"{what[0]} may be chance{reach}"
        if measured.p_value <= ALPHA:
            reason = f"{what[0]} may be chance, with the gate's other tests counted"
    return _result(condition, measured, "failed", _joined(measured.reason, reason), p_decides)


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def _result(
    condition: Condition, measured: Measurement, status: str, reason: str, p_adjusted: float | None = None
) -> ConditionResult:
    constant, champion = condition.threshold.constant, measured.champion
    threshold: float | None = constant
    if condition.threshold.champion:
        threshold = None if champion is None else champion + constant
    return ConditionResult(
        text=condition.text,
        status=status,  # type: ignore[arg-type]  # mypy widens the literals passed in
        value=measured.value,
        threshold=threshold,
        ci=measured.ci,
        difference=measured.difference,
        # A test that didn't decide is none.
        p_value=None if p_adjusted is None else measured.p_value,
        p_adjusted=p_adjusted,
        method=measured.method,
        reason=reason,
        optional=condition.optional,
    )
