"""Fairness figures that compare groups' means: calibration of classifiers, errors of regressions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation.groups.fairness import positives
from jupyter_mlops.evaluation.groups.grouping import groups_of
from jupyter_mlops.evaluation.plan import Sums, sums_plan
from jupyter_mlops.evaluation.rows import Codes, NotMeasurableError, encode
from jupyter_mlops.stats.extremes import Extreme
from jupyter_mlops.stats.fairness import SMALLEST_BASE, gap

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.conditions import Metric
    from jupyter_mlops.evaluation.plan import Floats, Plan
    from jupyter_mlops.evaluation.rows import Predictions, TestRows
    from jupyter_mlops.stats.fairness import Flags


def means_plan(metric: Metric, rows: TestRows, predictions: Predictions) -> Plan:
    """Plan the largest difference between two groups' means, in all rows or in any bin of the predicted chance.

    Raises:
        NotMeasurableError: when the task, the model or the groups don't give it.
    """
    groups = groups_of(rows, *metric.attributes)
    calibration = metric.name == "calibration_gap"
    values, bins = (
        _miscalibration(metric, rows, predictions) if calibration else _errors(metric, rows, predictions)
    )
    width, strata = len(groups.labels), int(bins.max()) + 1
    cells = np.where(groups.codes >= 0, bins * width + groups.codes, -1)
    inside = cells >= 0
    sizes = np.bincount(cells[inside], minlength=strata * width).reshape(strata, width).astype(np.float64)
    use = sizes >= SMALLEST_BASE
    if not (use.sum(axis=1) > 1).any():
        raise NotMeasurableError(f"no bin has two groups of {SMALLEST_BASE} rows; ask for fewer bins")
    notes = [groups.note]
    if strata > 1 and not use.all():
        notes.append(
            f"{int((~use).sum())} of {use.size} groups in a bin left out, fewer than {SMALLEST_BASE} rows"
        )
    plan = sums_plan(
        (values, cells.astype(np.float64)),
        Sums(lambda columns: _expanded(columns, use.size), lambda totals: _largest(totals, use)),
        "; ".join(filter(None, notes)),
    )
    return replace(plan, interval=_contrasts(values[inside], cells[inside], use).interval)


def _expanded(columns: tuple[Floats, ...], cells: int) -> Floats:
    """Return rows x (cells of sums, cells of counts)."""
    values, codes = columns[0], columns[1].astype(np.int64)
    inside = np.flatnonzero(codes >= 0)
    summands = np.zeros((len(codes), 2 * cells))
    summands[inside, codes[inside]] = values[inside]
    summands[inside, cells + codes[inside]] = 1.0
    return summands


def _largest(totals: Floats, use: Flags) -> Floats:
    sums, counts = (half.reshape(len(totals), *use.shape) for half in np.hsplit(totals, 2))
    means = np.full_like(sums, np.nan)
    np.divide(sums, counts, out=means, where=use & (counts > 0))
    largest: Floats = np.fmax.reduce(gap(means), axis=1)
    return largest


def _contrasts(values: Floats, cells: Codes, use: Flags) -> Extreme:
    counts = np.bincount(cells, minlength=use.size).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.bincount(cells, values, minlength=use.size) / counts
        squares = np.bincount(cells, (values - means[cells]) ** 2, minlength=use.size)
        errors = np.sqrt(squares / (counts - 1) / counts)
    extremes = Extreme()
    for stratum, chosen in enumerate(use):
        own = slice(stratum * use.shape[1], (stratum + 1) * use.shape[1])
        if chosen.sum() > 1:
            extremes.add_means(means[own][chosen], errors[own][chosen], counts[own][chosen])
    return extremes


def _miscalibration(metric: Metric, rows: TestRows, predictions: Predictions) -> tuple[Floats, Codes]:
    """Return by how much the predicted chance lies above the outcome, and the bin of the chance, a row each."""
    if rows.task == "regression":
        raise NotMeasurableError("calibration_gap is for classification; ask for mean_error_gap")
    truth, _, code, classes = positives(metric, rows, predictions)
    if predictions.scores is None or not predictions.probabilities:
        raise NotMeasurableError("calibration_gap needs predict_proba; the model has none")
    _, (known, wanted) = encode(
        np.asarray(predictions.classes), classes[code : code + 1], known=tuple(classes.tolist())
    )
    column = np.flatnonzero(known == wanted) if len(wanted) else wanted
    if not len(column):
        raise NotMeasurableError(
            f"the model gives no chance of the class {'' if code >= len(classes) else classes[code]}"
        )
    chances = predictions.scores[:, column[0]]
    edges = np.quantile(chances, np.linspace(0, 1, (metric.keyword("n_bins") or 1) + 1)[1:-1])
    return chances - truth, np.searchsorted(np.unique(edges), chances, side="right").astype(np.int64)


def _errors(metric: Metric, rows: TestRows, predictions: Predictions) -> tuple[Floats, Codes]:
    if rows.task == "classification":
        raise NotMeasurableError(f"{metric.name} is for regression; the model is a classifier")
    try:
        errors = predictions.labels.astype(np.float64) - rows.truth.astype(np.float64)
    except (TypeError, ValueError):
        raise NotMeasurableError(
            f"{metric.name} needs numbers; the target or the predictions hold text"
        ) from None
    if not np.isfinite(errors).all():
        raise NotMeasurableError(f"{int((~np.isfinite(errors)).sum())} predictions are not finite numbers")
    values = np.abs(errors) if metric.name == "mean_absolute_error_gap" else errors
    return values, np.zeros(len(values), dtype=np.int64)
