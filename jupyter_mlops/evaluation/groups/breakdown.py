"""What every version shows of itself, whether a gate asks for it or not: the usual figures, and how groups fare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from jupyter_mlops.evaluation.conditions import Metric
from jupyter_mlops.evaluation.device.kernels import RESAMPLES
from jupyter_mlops.evaluation.estimate import estimate
from jupyter_mlops.evaluation.groups.grouping import groups_of
from jupyter_mlops.evaluation.groups.slices import find
from jupyter_mlops.evaluation.metrics.labels import label_codes
from jupyter_mlops.evaluation.metrics.planning import plan_of
from jupyter_mlops.evaluation.metrics.quality import quality_plan
from jupyter_mlops.evaluation.plan import mean_plan
from jupyter_mlops.evaluation.resampled import FEWEST
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows
from jupyter_mlops.records.evaluation import Figure, Slice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.plan import Plan
    from jupyter_mlops.evaluation.rows import Codes

_LABELS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
_SCORES = ("roc_auc", "brier_score")
_GAPS = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equal_opportunity_difference",
    "predictive_parity_difference",
    "calibration_gap",
)
_ERROR_GAPS = ("mean_error_gap", "mean_absolute_error_gap")
_ERRORS = ("r2", "mean_absolute_error", "root_mean_squared_error")
# Nobody asked for these: no more is drawn for an interval, unless even the fewest resamples of all rows are more.
_DRAWS = 20_000_000
# Slices that are searched for.
_FOUND = 3


def figures(rows: TestRows, predictions: Predictions) -> tuple[Figure, ...]:
    """Return the usual figures of a model on all test rows; what these rows don't give is left out."""
    regression = rows.task == "regression"
    metrics = [Metric(name=name) for name in (_ERRORS if regression else (*_LABELS, *_SCORES))]
    metrics += [
        Metric(name=name, attributes=(attribute,))
        for attribute in rows.sensitive
        for name in (_ERROR_GAPS if regression else _GAPS)
    ]
    found = []
    for metric in metrics:
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                found.append(_figure(str(metric), plan_of(metric, rows, predictions), len(rows)))
        except NotMeasurableError:
            continue
    return tuple(figure for figure in found if figure is not None)


def slices(rows: TestRows, predictions: Predictions) -> tuple[tuple[Slice, ...], tuple[str, ...]]:
    """Return the figures of each group and of the worst slices a search finds, and notes on what is left out."""
    found: list[Slice] = []
    notes: list[str] = []
    for attribute in rows.sensitive:
        try:
            groups = groups_of(rows, attribute)
        except NotMeasurableError as error:
            notes.append(str(error))
            continue
        notes += [f"{attribute}: {groups.note}"] if groups.note else []
        found += [
            _slice(attribute, label.removeprefix(f"{attribute}="), groups.codes == code, rows, predictions)
            for code, label in enumerate(groups.labels)
        ]
    searched = _found(rows, predictions, {f"{part.attribute}={part.group}" for part in found})
    if searched:
        notes.append("slices found: searched in some of the rows, measured on the others")
    return (*found, *searched), tuple(notes)


def _found(rows: TestRows, predictions: Predictions, given: set[str]) -> list[Slice]:
    """Search the worst slices that aren't among the ``given`` groups."""
    regression = rows.task == "regression"
    try:
        plan = plan_of(Metric(name=_ERRORS[1] if regression else _LABELS[0]), rows, predictions)
        worst = find(plan, rows, lower_is_better=regression, most=_FOUND)
    except NotMeasurableError:
        return []
    return [
        replace(
            _slice("", each.label, each.measured, rows, predictions), rows=int(each.inside.sum()), found=True
        )
        for each in worst
        if each.worse and each.label not in given
    ]


def _slice(
    attribute: str, group: str, inside: NDArray[np.bool_], rows: TestRows, predictions: Predictions
) -> Slice:
    try:
        plans = list(
            _errors(inside, rows, predictions)
            if rows.task == "regression"
            else _rates(inside, rows, predictions)
        )
    except NotMeasurableError:
        plans = []
    made = (_figure(name, plan, len(rows)) for name, plan in plans)
    return Slice(
        attribute=attribute,
        group=group,
        rows=int(inside.sum()),
        figures=tuple(figure for figure in made if figure is not None),
    )


def _errors(
    inside: NDArray[np.bool_], rows: TestRows, predictions: Predictions
) -> Iterator[tuple[str, Plan]]:
    part = _part(inside, rows, predictions)
    yield "mean_absolute_error", quality_plan("mean_absolute_error", *part)
    yield "mean_error", mean_plan(part[1].labels.astype(np.float64) - part[0].truth.astype(np.float64))


def _rates(inside: NDArray[np.bool_], rows: TestRows, predictions: Predictions) -> Iterator[tuple[str, Plan]]:
    # The classes are numbered over all rows: a group may lack one of them.
    classes, truth, predicted = label_codes(rows, predictions)
    yield "accuracy", _share((truth == predicted)[inside])
    if classes > 2:  # noqa: PLR2004 - rates are of the second class of two
        return
    positive, chosen = truth == 1, predicted == 1
    yield "base_rate", _share(positive[inside])
    yield "selection_rate", _share(chosen[inside])
    yield "true_positive_rate", _share(chosen[inside & positive])
    yield "false_positive_rate", _share(chosen[inside & ~positive])
    try:
        yield "roc_auc", quality_plan("roc_auc", *_part(inside, rows, predictions))
    except NotMeasurableError:
        return


def _part(
    inside: NDArray[np.bool_], rows: TestRows, predictions: Predictions
) -> tuple[TestRows, Predictions]:
    scores = None if predictions.scores is None else predictions.scores[inside]
    return (
        TestRows(rows.task, rows.truth[inside]),
        Predictions(predictions.labels[inside], scores, predictions.classes, predictions.probabilities),
    )


def _share(holds: NDArray[np.bool_] | Codes) -> Plan:
    return mean_plan(holds.astype(np.float64))


def _figure(name: str, plan: Plan, rows: int) -> Figure | None:
    """Measure one figure; of ``rows`` rows in all the resamples are the fewer the more rows there are."""
    found = estimate(plan, resamples=min(RESAMPLES, max(FEWEST, _DRAWS // rows)))
    return Figure(metric=name, value=found.value, ci=found.interval) if np.isfinite(found.value) else None
