"""The figures a gate can ask for, by name; scikit-learn's names where it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.errors import GateError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

LABELS = frozenset({"accuracy", "balanced_accuracy", "precision", "recall", "f1"})
SCORES = frozenset({"roc_auc", "average_precision", "log_loss", "brier_score"})
REGRESSION = frozenset({"r2", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error"})
FAIRNESS = frozenset(
    {"demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_difference"}
)
GPU = frozenset({"gpu_peak_memory_mb", "gpu_utilisation", "gpu_energy_j"})
SYSTEM = frozenset({"latency_ms", "model_size_mb"})

QUALITY = LABELS | SCORES | REGRESSION
KNOWN = QUALITY | FAIRNESS | GPU | SYSTEM
LOWER_IS_BETTER = frozenset(
    {"log_loss", "brier_score", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error"}
)

WORST_SLICE = "worst_slice"
LATENCIES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}


def check_shape(name: str, part: str, attributes: tuple[str, ...]) -> None:
    """Refuse a part or an attribute that the metric doesn't have.

    Names that aren't ours pass: they may be figures the notebook logged.

    Raises:
        GateError: with the parts there are.
    """
    if name in FAIRNESS and not attributes:
        raise GateError(f"{name} needs a protected attribute", hint=f'write {name}["sex"]')
    if attributes and name not in FAIRNESS:
        raise GateError(f"{name} takes no attribute", hint=f"write {name}, or {name}.{WORST_SLICE}")
    if name == "latency_ms" and not part:
        raise GateError(
            "latency_ms needs a percentile", hint=f"write latency_ms.{' or latency_ms.'.join(LATENCIES)}"
        )
    parts = _parts(name)
    if part and parts is not None and part not in parts:
        error = NotFoundError.of(f"part of {name}", part, parts)
        raise GateError(f"{name} has no {part!r}", hint=error.hint if parts else f"write {name}")


def check_known(name: str, logged: Iterable[str]) -> None:
    """Refuse a metric that is neither one of ours nor among those the notebook logged.

    Raises:
        GateError: with near names.
    """
    known = KNOWN | set(logged)
    if name not in known:
        error = NotFoundError.of("metric", name, known)
        raise GateError(error.message, hint=error.hint, near=error.details["near"])


def _parts(name: str) -> tuple[str, ...] | None:
    if name in QUALITY:
        return (WORST_SLICE,)
    if name == "latency_ms":
        return tuple(LATENCIES)
    return () if name in KNOWN else None
