"""The quality metrics, with scikit-learn's names and definitions: from a name to the plan of its family."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.evaluation.metrics.forecasts import forecast_plan
from jupyter_mlops.evaluation.metrics.labels import label_plan
from jupyter_mlops.evaluation.metrics.rankings import ranking_plan
from jupyter_mlops.evaluation.metrics.regression import regression_plan
from jupyter_mlops.evaluation.metrics.scores import score_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.evaluation.plan import Plan


def quality_plan(
    name: str, rows: TestRows, predictions: Predictions, keywords: Mapping[str, Any] | None = None
) -> Plan:
    """Plan a quality metric of one model; ``keywords`` are those that the condition wrote.

    Raises:
        NotMeasurableError: when the metric doesn't fit the task, or the model gives not what it needs.
    """
    given = keywords or {}
    plan, ends = _of_family(name, rows, predictions, given), names.ends_of(name, given)
    # Errors that happen to be 0 or 1, or all 0, are no share of rows.
    return replace(plan, ends=ends, share=plan.share if ends == (0.0, 1.0) else None)


def _of_family(name: str, rows: TestRows, predictions: Predictions, given: Mapping[str, Any]) -> Plan:
    if name in names.RANKING:
        return ranking_plan(name, rows, predictions, given)
    if name in names.REGRESSION | names.FORECASTS:
        if rows.task == "classification":
            raise NotMeasurableError(f"{name} is for regression; the model is a classifier")
        plan = regression_plan if name in names.REGRESSION else forecast_plan
        return plan(name, rows, predictions, given)
    if rows.task == "regression":
        raise NotMeasurableError(f"{name} is for classification; the model is a regression")
    return (label_plan if name in names.LABELS else score_plan)(name, rows, predictions, given)
