"""From a metric's name to its plan: quality, its worst slice, fairness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation import names
from jupyter_mlops.evaluation.fairness import rates_plan
from jupyter_mlops.evaluation.group_means import means_plan
from jupyter_mlops.evaluation.groups import Groups, groups_of
from jupyter_mlops.evaluation.plan import Floats, Plan, merge_rows
from jupyter_mlops.evaluation.quality import quality_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows
from jupyter_mlops.stats.fairness import CRITERIA

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.conditions import Metric
    from jupyter_mlops.stats.bootstrap import Statistic


def plan_of(metric: Metric, rows: TestRows, predictions: Predictions) -> Plan:
    """Plan one metric of a model's predictions.

    Raises:
        NotMeasurableError: when these rows and this model don't give the figure.
    """
    if metric.name in names.FAIRNESS:
        by_rates = metric.name in CRITERIA
        return (rates_plan if by_rates else means_plan)(metric, rows, predictions)
    plan = quality_plan(metric.name, rows, predictions)
    return _worst_slice_plan(metric, plan, rows) if metric.part == names.WORST_SLICE else plan


def _worst_slice_plan(metric: Metric, plan: Plan, rows: TestRows) -> Plan:
    if not rows.sensitive:
        raise NotMeasurableError("there are no slices; pass sensitive={...} to mlops.log_model")
    splits, problems = [], []
    for attribute in rows.sensitive:
        try:
            splits.append(groups_of(rows, attribute))
        except NotMeasurableError as error:
            problems.append(str(error))
    if not splits:
        raise NotMeasurableError("; ".join(problems))
    columns = (*plan.columns, *(split.codes.astype(np.float64) for split in splits))
    lower_is_better = metric.name in names.LOWER_IS_BETTER

    def build(merged: tuple[Floats, ...]) -> Statistic:
        slices = _slices(plan, merged, splits)

        def statistic(weights: Floats) -> Floats:
            figures = slices(weights)
            worst: Floats = np.fmax.reduce(figures) if lower_is_better else np.fmin.reduce(figures)
            return worst

        return statistic

    merged, counts = merge_rows(columns)
    figures = _slices(plan, merged, splits)(counts[np.newaxis, :])[:, 0]
    labels = [label for split in splits for label in split.labels]
    known = np.isfinite(figures)
    if not known.any():
        raise NotMeasurableError(f"no slice has a value of {metric.name}")
    worst = np.argmax(
        np.where(known, figures, -np.inf) if lower_is_better else -np.where(known, figures, np.inf)
    )
    notes = [f"worst: {labels[int(worst)]}", *(split.note for split in splits if split.note), *problems]
    return Plan(columns, build, "; ".join(notes))


def _slices(plan: Plan, columns: tuple[Floats, ...], splits: list[Groups]) -> Statistic:
    """Return the metric in each slice: slices x resamples."""
    own = len(plan.columns)
    inner = plan.build(columns[:own])
    masks = [
        (codes == group).astype(np.float64)
        for codes, split in zip(columns[own:], splits, strict=True)
        for group in range(len(split.labels))
    ]

    def statistic(weights: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack([inner(weights * mask) for mask in masks])

    return statistic
