"""Measure what the conditions of a gate ask for, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation.estimate import TOO_FEW, Estimate, estimate, figure
from jupyter_mlops.evaluation.gates import Measurement
from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.evaluation.metrics.own import OwnMetrics, own_plan
from jupyter_mlops.evaluation.metrics.planning import plan_of, sliced
from jupyter_mlops.evaluation.plan import Plan, combined
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows
from jupyter_mlops.evaluation.system import Probe, interval
from jupyter_mlops.stats.intervals import Certain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.conditions import Condition, Metric
    from jupyter_mlops.evaluation.robustness import Again

NO_ROWS = "there are no test rows; pass test=(X, y) to mlops.log_model"

_RESAMPLED = "bootstrap, {:,} resamples"


@dataclass(frozen=True, slots=True)
class Subject:
    """Hold one model version under test: its answers, or the reason why there are none.

    ``system`` measures its figures as a running system; it is called only where a condition asks for one. ``again`` asks
    it for the rows with a harm done to them. ``own`` are the functions that the version under test brought along.
    """

    predictions: Predictions | None = None
    problem: str = ""
    logged: Mapping[str, float] = field(default_factory=dict)
    system: Probe | None = None
    again: Again | None = None
    own: OwnMetrics = field(default_factory=OwnMetrics)


@dataclass(frozen=True, slots=True)
class _Figure:
    """Hold a figure with its interval, and the plan to pair it by where it is one of the rows, else its draws."""

    value: float
    ci: tuple[float, float] | None = None
    note: str = ""
    plan: Plan | None = None
    draws: NDArray[np.float64] | None = None
    found: Estimate | None = None

    @property
    def method(self) -> str:
        if self.found is not None:
            return self.found.method
        return "" if self.draws is None else _RESAMPLED.format(len(self.draws))


def measure(
    condition: Condition, rows: TestRows | None, version: Subject, champion: Subject | None = None
) -> Measurement:
    """Measure one condition of a version, against the champion where the condition names it.

    What can't be measured comes back without value and with the reason.
    """
    try:
        alone = not condition.threshold.champion or not champion
        own = _figure(condition.metric, condition, rows, version, with_interval=alone)
    except NotMeasurableError as error:
        return Measurement(reason=str(error))
    if not condition.threshold.champion:
        return Measurement(
            value=own.value,
            ci=own.ci,
            p_value=_p_value(own.found, condition),
            method=own.method,
            reason=own.note,
        )
    if champion is None:
        return Measurement(value=own.value, ci=own.ci, method=own.method, has_champion=False)
    try:
        theirs = [
            (weight, _figure(metric, condition, rows, champion, with_interval=False))
            for metric, weight in condition.threshold.champion
        ]
    except NotMeasurableError as error:
        return Measurement(value=own.value, reason=f"the champion: {error}")
    return _compare(condition, own, theirs)


def _compare(condition: Condition, own: _Figure, theirs: list[tuple[float, _Figure]]) -> Measurement:
    against = sum(weight * figure.value for weight, figure in theirs)
    notes = [own.note, *(f"champion {figure.note}" for _, figure in theirs if figure.note)]
    measurement = {
        "value": own.value,
        "champion": against,
        "difference": own.value - against,
        "reason": "; ".join(filter(None, notes)),
    }
    plans = [(1.0, own.plan), *((-weight, figure.plan) for weight, figure in theirs)]
    paired = [(factor, plan) for factor, plan in plans if plan is not None]
    if len(paired) < len(plans):
        return Measurement(**measurement, **_unpaired(own, theirs, condition))  # type: ignore[arg-type]  # as below
    found = estimate(combined(paired))
    if isinstance(found.law, Certain):
        # Not a rounding away from it.
        measurement["difference"] = found.law.value
    measurement["reason"] = _noted(str(measurement["reason"]), found, "the difference")
    return Measurement(
        **measurement,  # type: ignore[arg-type]  # the dict's values are of several types
        ci=found.interval,
        p_value=_p_value(found, condition),
        method=found.method,
    )


def _unpaired(own: _Figure, theirs: list[tuple[float, _Figure]], condition: Condition) -> dict[str, object]:
    """Return the interval of a difference of figures measured one after the other; nothing where one doesn't vary."""
    if own.draws is None or any(figure.draws is None for _, figure in theirs):
        return {}
    # In another order, so that equal seeds don't pair them; but a version is no slower than itself.
    against = sum(
        weight * (figure.draws if figure.draws is own.draws else figure.draws[::-1])
        for weight, figure in theirs
        if figure.draws is not None
    )
    gaps = own.draws - against
    beyond = (
        gaps <= condition.threshold.constant if _above(condition) else gaps >= condition.threshold.constant
    )
    p_value = None if gaps.min() == gaps.max() else float((1 + beyond.sum()) / (1 + len(gaps)))
    return {"ci": interval(gaps), "p_value": p_value, "method": _RESAMPLED.format(len(gaps))}


def _p_value(found: Estimate | None, condition: Condition) -> float | None:
    """Return the one-sided p-value of "the figure lies on the wrong side of the number"; None where nothing varies."""
    if found is not None and found.note == TOO_FEW:
        # Too few rows are no proof of anything.
        return 1.0
    if found is None or found.law is None or isinstance(found.law, Certain):
        return None
    return found.law.p_value(condition.threshold.constant, above=_above(condition))


def _above(condition: Condition) -> bool:
    return condition.operator in (">=", ">")


def _figure(
    metric: Metric, condition: Condition, rows: TestRows | None, subject: Subject, *, with_interval: bool
) -> _Figure:
    if metric.name in names.GPU | names.SYSTEM:
        return _system(metric, subject)
    if metric.name not in names.KNOWN and metric.name not in subject.own.functions:
        return _logged(metric, subject)
    if rows is None:
        raise NotMeasurableError(NO_ROWS)
    if subject.predictions is None:
        raise NotMeasurableError(subject.problem)
    if metric.name in subject.own.functions:
        plan = own_plan(metric.name, subject.own, dict(metric.keywords), rows, subject.predictions)
        # Which side is the worse one nobody says but the condition.
        plan = sliced(metric, plan, rows, lower_is_better=condition.operator in ("<", "<="))
    else:
        plan = plan_of(metric, rows, subject.predictions, subject.again)
    found = estimate(plan) if with_interval else Estimate(figure(plan), None)
    note = _noted(plan.note, found, "it")
    return _Figure(_defined(found.value, metric), found.interval, note, plan, found=found)


def _noted(note: str, found: Estimate, what: str) -> str:
    """Add to a plan's note what its estimate says of itself."""
    misstated = f"few rows {found.misstated} {what}" if found.misstated else ""
    return "; ".join(filter(None, [note, found.note, misstated]))


def _defined(value: float, metric: Metric) -> float:
    if not np.isfinite(value):
        raise NotMeasurableError(f"{metric} has no value on these rows: a class or a group is absent")
    return value


def _system(metric: Metric, subject: Subject) -> _Figure:
    if subject.system is None:
        raise NotMeasurableError("the model can't be run here")
    found = subject.system(metric)
    return _Figure(found.value, found.ci, found.note, draws=found.draws)


def _logged(metric: Metric, subject: Subject) -> _Figure:
    value = subject.logged.get(str(metric))
    if value is None or not np.isfinite(value):
        raise NotMeasurableError(f"this version logged no finite {metric}")
    return _Figure(float(value), note="as the notebook logged it")
