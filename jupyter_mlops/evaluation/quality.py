"""The quality metrics, with scikit-learn's names and definitions, over weighted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation import names
from jupyter_mlops.evaluation.plan import Floats, Plan, mean_plan
from jupyter_mlops.evaluation.rows import Codes, NotMeasurableError, Predictions, TestRows, encode
from jupyter_mlops.stats import ranking

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.stats.bootstrap import Statistic


def quality_plan(name: str, rows: TestRows, predictions: Predictions) -> Plan:
    """Plan a quality metric of one model.

    Raises:
        NotMeasurableError: when the metric doesn't fit the task or the model gives no scores.
    """
    if name in names.REGRESSION:
        if rows.task == "classification":
            raise NotMeasurableError(f"{name} is for regression; the model is a classifier")
        return _regression_plan(name, rows, predictions)
    if rows.task == "regression":
        raise NotMeasurableError(f"{name} is for classification; the model is a regression")
    return (
        _label_plan(name, rows, predictions) if name in names.LABELS else _score_plan(name, rows, predictions)
    )


def label_codes(rows: TestRows, predictions: Predictions) -> tuple[int, Floats, Floats]:
    """Number the classes; return how many there are, and truth and prediction as codes."""
    classes, (truth, predicted) = encode(rows.truth, predictions.labels, known=predictions.classes)
    return len(classes), truth.astype(np.float64), predicted.astype(np.float64)


def _label_plan(name: str, rows: TestRows, predictions: Predictions) -> Plan:
    classes, truth, predicted = label_codes(rows, predictions)

    def build(columns: tuple[Floats, ...]) -> Statistic:
        true, guessed = (np.eye(classes)[column.astype(np.int64)] for column in columns)
        counted = np.hstack([true * guessed, guessed, true])
        present = np.flatnonzero(true.any(axis=0) | guessed.any(axis=0))
        figure = _LABEL_METRICS[name]

        def statistic(weights: Floats) -> Floats:
            hits, predicted, support = np.hsplit(weights @ counted, 3)
            return figure(hits, predicted, support, present)

        return statistic

    return Plan((truth, predicted), build)


def _accuracy(hits: Floats, _predicted: Floats, support: Floats, _present: Codes) -> Floats:
    share: Floats = hits.sum(axis=1) / support.sum(axis=1)
    return share


def _balanced_accuracy(hits: Floats, _predicted: Floats, support: Floats, _present: Codes) -> Floats:
    mean: Floats = _share(hits, support).sum(axis=1) / (support > 0).sum(axis=1)
    return mean


def _precision(hits: Floats, predicted: Floats, _support: Floats, present: Codes) -> Floats:
    return _averaged(_share(hits, predicted), present)


def _recall(hits: Floats, _predicted: Floats, support: Floats, present: Codes) -> Floats:
    return _averaged(_share(hits, support), present)


def _f1(hits: Floats, predicted: Floats, support: Floats, present: Codes) -> Floats:
    return _averaged(_share(2 * hits, predicted + support), present)


def _averaged(by_class: Floats, present: Codes) -> Floats:
    """Take the second class of two, else the mean over the classes present."""
    if by_class.shape[1] <= 2:  # noqa: PLR2004 - two classes: the second is the positive one
        return by_class[:, -1]
    mean: Floats = by_class[:, present].mean(axis=1)
    return mean


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


_LABEL_METRICS: dict[str, Callable[[Floats, Floats, Floats, Codes], Floats]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
}


def _score_plan(name: str, rows: TestRows, predictions: Predictions) -> Plan:
    scores = predictions.scores
    if scores is None:
        raise NotMeasurableError(f"{name} needs predict_proba or decision_function; the model has neither")
    classes, (truth, order) = encode(rows.truth, np.asarray(predictions.classes))
    unknown = [str(classes[code]) for code in np.setdiff1d(truth, order)]
    if unknown:
        raise NotMeasurableError(f"the test rows hold a class the model doesn't know: {', '.join(unknown)}")
    column = np.empty(len(classes), dtype=np.int64)
    column[order] = np.arange(len(order))
    own = column[truth]
    if name in ("log_loss", "brier_score"):
        if not predictions.probabilities:
            raise NotMeasurableError(f"{name} needs predict_proba; the model has none")
        return mean_plan(_log_loss(scores, own) if name == "log_loss" else _brier(scores, own))
    return _ranking_plan(ranking.roc_auc if name == "roc_auc" else ranking.average_precision, scores, own)


def _log_loss(scores: Floats, own: Codes) -> Floats:
    total = scores.sum(axis=1)
    smallest = np.finfo(np.float64).eps
    chance = scores[np.arange(len(scores)), own] / np.where(total > 0, total, 1.0)
    loss: Floats = -np.log(np.clip(chance, smallest, 1 - smallest))
    return loss


def _brier(scores: Floats, own: Codes) -> Floats:
    if scores.shape[1] == 2:  # noqa: PLR2004 - for two classes scikit-learn counts the positive one only
        squared: Floats = (scores[:, 1] - own) ** 2
        return squared
    hot = np.zeros_like(scores)
    hot[np.arange(len(scores)), own] = 1.0
    summed: Floats = ((scores - hot) ** 2).sum(axis=1)
    return summed


def _ranking_plan(metric: Callable[[Floats, Floats], Statistic], scores: Floats, own: Codes) -> Plan:
    """Plan a ranking metric: of the second class of two, else the mean over classes, each against the rest."""
    if scores.shape[1] == 2:  # noqa: PLR2004 - two classes: the second is the positive one
        return Plan((own.astype(np.float64), scores[:, 1]), lambda columns: metric(columns[0], columns[1]))

    def build(columns: tuple[Floats, ...]) -> Statistic:
        parts = [metric((columns[0] == k).astype(np.float64), part) for k, part in enumerate(columns[1:])]

        def statistic(weights: Floats) -> Floats:
            mean: Floats = np.mean([part(weights) for part in parts], axis=0)
            return mean

        return statistic

    return Plan((own.astype(np.float64), *scores.T), build)


def _regression_plan(name: str, rows: TestRows, predictions: Predictions) -> Plan:
    try:
        truth, predicted = (
            np.asarray(column, dtype=np.float64) for column in (rows.truth, predictions.labels)
        )
    except (TypeError, ValueError):
        raise NotMeasurableError(f"{name} needs numbers; the target or the predictions hold text") from None
    error = predicted - truth
    if not np.isfinite(error).all():
        raise NotMeasurableError(f"{int((~np.isfinite(error)).sum())} predictions are not finite numbers")
    if name == "mean_absolute_error":
        return mean_plan(np.abs(error))
    if name == "mean_squared_error":
        return mean_plan(error**2)
    if name == "root_mean_squared_error":
        return mean_plan(error**2, np.sqrt)
    centred = truth - truth.mean()
    return Plan((centred, error**2), _r2)


def _r2(columns: tuple[Floats, ...]) -> Statistic:
    centred, squared_error = columns

    def statistic(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        spread = weights @ centred**2 - (weights @ centred) ** 2 / total
        residual = weights @ squared_error
        # A constant target explains nothing: 1 for perfect predictions, else 0, as scikit-learn has it.
        constant = np.where(residual > 0, 0.0, 1.0)
        return np.where(
            spread > 0,
            1 - np.divide(residual, spread, where=spread > 0, out=np.zeros_like(residual)),
            constant,
        )

    return statistic
