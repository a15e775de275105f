"""From a metric's name to its plan: quality, its worst slice, fairness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation.estimate import figure
from jupyter_mlops.evaluation.groups.fairness import rates_plan
from jupyter_mlops.evaluation.groups.grouping import groups_of
from jupyter_mlops.evaluation.groups.means import means_plan
from jupyter_mlops.evaluation.groups.slices import found_plan
from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.evaluation.metrics.quality import quality_plan
from jupyter_mlops.evaluation.plan import Plan, extreme_plan, restricted
from jupyter_mlops.evaluation.robustness import Again, harm_of, harmed_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows
from jupyter_mlops.stats.fairness import CRITERIA

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.conditions import Metric


def plan_of(metric: Metric, rows: TestRows, predictions: Predictions, again: Again | None = None) -> Plan:
    """Plan one metric of a model's predictions; ``again`` asks the model for these rows with a harm done to them.

    Raises:
        NotMeasurableError: when these rows and this model don't give the figure.
    """
    if metric.name in names.FAIRNESS:
        by_rates = metric.name in CRITERIA
        plan = (rates_plan if by_rates else means_plan)(metric, rows, predictions)
        return replace(plan, ends=names.ends_of(metric.name))
    if any(harm_of(metric)):
        return harmed_plan(metric, lambda bare, answers: plan_of(bare, rows, answers), predictions, again)
    plan = quality_plan(metric.name, rows, predictions, dict(metric.keywords))
    return sliced(metric, plan, rows, lower_is_better=metric.name in names.LOWER_IS_BETTER)


def sliced(metric: Metric, plan: Plan, rows: TestRows, *, lower_is_better: bool) -> Plan:
    """Plan the part of a metric that is asked for: on all rows, or where it is worst.

    Raises:
        NotMeasurableError: when there are no slices, or none has a value.
    """
    if metric.part == names.WORST_FOUND_SLICE:
        return found_plan(plan, rows, lower_is_better=lower_is_better)
    return _worst_slice(plan, rows, highest=lower_is_better) if metric.part == names.WORST_SLICE else plan


def _worst_slice(plan: Plan, rows: TestRows, *, highest: bool) -> Plan:
    """Plan a metric in the group of any protected attribute where it is worst."""
    if not rows.sensitive:
        raise NotMeasurableError("there are no slices; pass sensitive={...} to mlops.log_model")
    notes, labels, parts = [], [], []
    for attribute in rows.sensitive:
        try:
            groups = groups_of(rows, attribute)
        except NotMeasurableError as error:
            notes.append(str(error))
            continue
        notes.append(groups.note)
        labels += list(groups.labels)
        parts += [restricted(plan, (groups.codes == code) * 1.0) for code in range(len(groups.labels))]
    if not parts:
        raise NotMeasurableError("; ".join(notes))
    figures = np.array([figure(part) for part in parts])
    if not np.isfinite(figures).any():
        raise NotMeasurableError("no slice has a value of the metric")
    place = int(np.nanargmax(figures) if highest else np.nanargmin(figures))
    worst = f"worst: {labels[place]} ({parts[place].columns[-1].sum():,.0f} rows)"
    return extreme_plan(parts, highest=highest, note="; ".join(filter(None, [worst, *notes])))
