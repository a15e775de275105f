"""Judge what was measured; pure.

The rules, in one place:

- A figure against a number: the figure itself decides, its interval is shown.
- A figure against the champion: both are measured on the same rows, and the version passes when the 95% interval of
  the difference lies wholly on the right side of the margin. That shows non-inferiority (with ``- 0.005``), or
  superiority (with ``+ 0.005``); a point estimate that happens to lie right is not enough. The p-value is one-sided,
  so the interval decides at 0.025. The champion itself, and a version that predicts just what it predicts, differ by
  exactly zero and pass wherever a tie is enough.
- No champion yet: passed.
- Not measured: not evaluated, and that blocks unless the condition is ``optional``.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from jupyter_mlops.records.base import Value
from jupyter_mlops.records.evaluation import ConditionResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.evaluation.conditions import Condition

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt,
}  # fmt: skip


class Measurement(Value, frozen=True, kw_only=True):
    """Hold what was measured for one condition.

    ``value`` is the version's figure (None: not measured, ``reason`` says why). ``ci`` is its 95% interval; where the
    threshold names the champion, ``champion`` is the champion's part of it, ``difference`` is ``value - champion``,
    and ``ci`` and ``p_value`` are those of the difference.
    """

    value: float | None = None
    ci: tuple[float, float] | None = None
    champion: float | None = None
    difference: float | None = None
    p_value: float | None = None
    has_champion: bool = True
    reason: str = ""


def judge(condition: Condition, measured: Measurement) -> ConditionResult:
    """Say whether one condition holds."""
    if measured.value is None:
        return _result(condition, measured, "not evaluated", measured.reason)
    if not condition.threshold.champion:
        holds = _HOLDS[condition.operator](measured.value, condition.threshold.constant)
        return _result(condition, measured, "passed" if holds else "failed", measured.reason)
    if not measured.has_champion:
        return _result(condition, measured, "passed", "no champion yet")
    if measured.champion is None or measured.difference is None:
        return _result(condition, measured, "not evaluated", measured.reason)
    return _against_champion(condition, measured, measured.difference)


def passed(results: tuple[ConditionResult, ...]) -> bool:
    """Say whether a gate lets the version through: nothing failed, nothing but the optional unevaluated."""
    return all(
        result.status == "passed" or (result.status == "not evaluated" and result.optional)
        for result in results
    )


def _against_champion(condition: Condition, measured: Measurement, difference: float) -> ConditionResult:
    margin = condition.threshold.constant
    holds = _HOLDS[condition.operator]
    if measured.ci is None:
        status = holds(difference, margin)
        return _result(
            condition, measured, "passed" if status else "failed", measured.reason or "no interval"
        )
    decisive = measured.ci[0] if condition.operator in (">=", ">") else measured.ci[1]
    if holds(decisive, margin):
        return _result(condition, measured, "passed", measured.reason)
    if holds(difference, margin):
        reason = "the difference may be chance: its interval reaches beyond the margin"
        return _result(condition, measured, "failed", "; ".join(filter(None, [measured.reason, reason])))
    return _result(condition, measured, "failed", measured.reason)


def _result(condition: Condition, measured: Measurement, status: str, reason: str) -> ConditionResult:
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
        p_value=measured.p_value,
        reason=reason,
        optional=condition.optional,
    )
