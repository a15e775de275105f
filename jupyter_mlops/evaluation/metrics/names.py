"""Whether a figure that a gate names is one there is, and is asked for as it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.errors import GateError, NotFoundError
from jupyter_mlops.evaluation.metrics.catalogue import (
    CATALOGUE,
    LATENCIES,
    SERVED,
    WORST_FOUND_SLICE,
    WORST_SLICE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_mlops.evaluation.metrics.catalogue import Family
    from jupyter_mlops.evaluation.metrics.options import Setting

__all__ = ["LATENCIES", "SERVED", "WORST_FOUND_SLICE", "WORST_SLICE"]


def _family(*families: Family) -> frozenset[str]:
    return frozenset(name for name, entry in CATALOGUE.items() if entry.family in families)


LABELS = _family("label")
SCORES = _family("score")
REGRESSION = _family("regression")
FORECASTS = _family("forecast")
RANKING = _family("ranking")
FAIRNESS = _family("fairness")
GPU = _family("gpu")
SYSTEM = _family("system")

# Figures that are of class scores, not of predicted classes alone.
OF_SCORES = SCORES | RANKING | frozenset({"calibration_gap"})
QUALITY = LABELS | SCORES | REGRESSION | FORECASTS | RANKING
KNOWN = frozenset(CATALOGUE)
LOWER_IS_BETTER = frozenset(name for name, entry in CATALOGUE.items() if entry.lower)

# What people call them elsewhere.
_ALIASES = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "auprc": "average_precision",
    "pr_auc": "average_precision",
    "sensitivity": "recall",
    "true_positive_rate": "recall",
    "true_negative_rate": "specificity",
    "positive_predictive_value": "precision",
    "mcc": "matthews_corrcoef",
    "kappa": "cohen_kappa",
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "brier": "brier_score",
    "brier_score_loss": "brier_score",
    "ece": "expected_calibration_error",
    "hamming_loss": "zero_one_loss",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "rmsle": "root_mean_squared_log_error",
    "mape": "mean_absolute_percentage_error",
    "quantile_loss": "mean_pinball_loss",
    "pinball_loss": "mean_pinball_loss",
    "coverage": "interval_coverage",
    "winkler_score": "interval_score",
    "mrr": "mean_reciprocal_rank",
    "map": "mean_average_precision",
    "model_size": "model_size_mb",
    "latency": "latency_ms.p95",
    "throughput": "throughput_rows_per_s",
    "gpu_energy_j": "gpu_energy_j_per_1000",
}


def ends_of(name: str, keywords: Mapping[str, Setting] | None = None) -> tuple[float, float]:
    """Return the least and the largest value that a figure can have."""
    # Adjusted for chance, it is below zero where a model is worse than that.
    return (-1.0, 1.0) if (keywords or {}).get("adjusted") else CATALOGUE[name].ends


def check_shape(
    name: str, part: str, attributes: tuple[str, ...], keywords: Mapping[str, Setting] | None = None
) -> None:
    """Refuse a part, an attribute or a keyword that the metric doesn't have.

    Names that aren't ours pass: they may be figures of the notebook's own.

    Raises:
        GateError: with the parts or keywords there are.
    """
    if name in FAIRNESS and not attributes:
        raise GateError(f"{name} needs a protected attribute", hint=f'write {name}["sex"]')
    if attributes and name not in FAIRNESS:
        raise GateError(f"{name} takes no attribute", hint=f"write {name}, or {name}.{WORST_SLICE}")
    if name == "latency_ms" and not part:
        raise GateError(
            "latency_ms needs a percentile", hint=f"write latency_ms.{' or latency_ms.'.join(LATENCIES)}"
        )
    entry = CATALOGUE.get(name)
    if entry is None:
        return
    if part and part not in entry.parts:
        error = NotFoundError.of(f"part of {name}", part, entry.parts)
        raise GateError(f"{name} has no {part!r}", hint=error.hint if entry.parts else f"write {name}")
    _check_keywords(name, keywords or {})


def _check_keywords(name: str, keywords: Mapping[str, Setting]) -> None:
    entry = CATALOGUE[name]
    for keyword, value in keywords.items():
        if keyword not in entry.keywords:
            error = NotFoundError.of(f"keyword of {name}", keyword, entry.keywords)
            raise GateError(
                f"{name} has no keyword {keyword!r}",
                hint=error.hint if entry.keywords else f"{name} takes none",
                near=error.details["near"],
            )
        option = entry.keywords[keyword]
        if not option.accepts(value):
            raise GateError(f"{name}({keyword}={value!r}): it must be {option.what}", hint="mend the value")
    if "pos_label" in keywords and keywords.get("average", "binary") != "binary":
        raise GateError(
            f"{name} is of one class by pos_label, or of all by average", hint="leave one of them out"
        )
    missing = [keyword for keyword in entry.needs if keyword not in keywords]
    if missing:
        example = ", ".join(
            'query="query_id"' if keyword == "query" else f"{keyword}=10" for keyword in entry.needs
        )
        raise GateError(f"{name} needs {' and '.join(missing)}", hint=f"write {name}({example})")


def check_known(name: str, own: Iterable[str]) -> None:
    """Refuse a metric that is neither one of ours nor one of the notebook's ``own``.

    Raises:
        GateError: with near names.
    """
    known = KNOWN | set(own)
    if name in known:
        return
    error = NotFoundError.of("metric", name, known)
    meant = _meant(name)
    near = [meant] if meant else error.details["near"]
    raise GateError(error.message, hint=f"write {meant}" if meant else error.hint, near=near)


def _meant(name: str) -> str:
    """Return our name for a metric that scikit-learn, or the field, calls otherwise; empty where there is none."""
    bare = name.lower().removeprefix("neg_")
    for spelling in (bare, bare.removesuffix("_score")):
        if spelling in KNOWN:
            return spelling
        if spelling in _ALIASES:
            return _ALIASES[spelling]
    return ""


def check_task(name: str, task: str) -> None:
    """Refuse a metric that a model of this task can't have.

    Raises:
        GateError: with what the model is.
    """
    entry = CATALOGUE.get(name)
    if entry is None:
        return
    if task == "classification" and entry.family in ("regression", "forecast"):
        raise GateError(
            f"{name} is for regression; the model is a classifier", hint="ask for accuracy, f1 or roc_auc"
        )
    if task == "regression" and entry.family in ("label", "score"):
        raise GateError(
            f"{name} is for classification; the model is a regression",
            hint="ask for r2 or mean_absolute_error",
        )
