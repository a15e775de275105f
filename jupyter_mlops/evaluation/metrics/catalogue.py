"""The figures a gate can ask for: each with its family, the keywords it takes, and which side is the worse one.

The names are scikit-learn's without ``_score``, where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Literal

from jupyter_mlops.evaluation.metrics import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.evaluation.metrics.options import Option

Family = Literal["label", "score", "regression", "forecast", "ranking", "fairness", "gpu", "system"]

WORST_SLICE = "worst_slice"
WORST_FOUND_SLICE = "worst_found_slice"
LATENCIES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}


@dataclass(frozen=True, slots=True)
class Entry:
    """Describe a figure.

    ``keywords`` may stand in round brackets, ``needs`` are those that have to. ``parts`` may follow a dot;
    ``lower`` where less is better. ``ends`` are the least and the largest value there can be.
    """

    family: Family
    keywords: Mapping[str, Option] = field(default_factory=dict)
    lower: bool = False
    parts: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    ends: tuple[float, float] = (-inf, inf)


_AVERAGE = {
    "average": options.one_of("binary", "macro", "micro", "weighted"),
    "pos_label": options.label(),
}
_ALPHA = options.between(0, 1)
_POWER = options.number(" that is not between 0 and 1", lambda power: 0 < power < 1)
_LEVEL = {"level": options.between(0, 1)}
_LISTS = {"query": options.text("the column that says which rows make one list"), "k": options.whole()}

# What may be done to the rows first.
_HARM = {"noise": options.positive(), "missing": options.between(0, 1)}

_LABEL: dict[str, dict[str, Option]] = {
    "accuracy": {},
    "balanced_accuracy": {"adjusted": options.flag()},
    "precision": _AVERAGE,
    "recall": _AVERAGE,
    "specificity": _AVERAGE,
    "f1": _AVERAGE,
    "fbeta": {"beta": options.positive(), **_AVERAGE},
    "jaccard": _AVERAGE,
    "matthews_corrcoef": {},
    "cohen_kappa": {"weights": options.one_of("linear", "quadratic")},
    "zero_one_loss": {},
}
_SCORE: dict[str, dict[str, Option]] = {
    "roc_auc": {
        "average": options.one_of("macro", "micro", "weighted"),
        "multi_class": options.one_of("ovr", "ovo"),
        "pos_label": options.label(),
    },
    "average_precision": {
        "average": options.one_of("macro", "micro", "weighted"),
        "pos_label": options.label(),
    },
    "top_k_accuracy": {"k": options.whole()},
    "log_loss": {},
    "brier_score": {},
    "d2_log_loss": {},
    "d2_brier": {},
    "expected_calibration_error": {
        "n_bins": options.whole(),
        "strategy": options.one_of("uniform", "quantile"),
    },
}
_REGRESSION: dict[str, dict[str, Option]] = {
    "r2": {},
    "explained_variance": {},
    "mean_absolute_error": {},
    "mean_squared_error": {},
    "root_mean_squared_error": {},
    "mean_squared_log_error": {},
    "root_mean_squared_log_error": {},
    "mean_absolute_percentage_error": {},
    "median_absolute_error": {},
    "max_error": {},
    "mean_poisson_deviance": {},
    "mean_gamma_deviance": {},
    "mean_tweedie_deviance": {"power": _POWER},
    "d2_absolute_error": {},
    "d2_pinball": {"alpha": _ALPHA},
    "d2_tweedie": {"power": _POWER},
}
_FORECAST: dict[str, dict[str, Option]] = {
    "mean_pinball_loss": {"alpha": _ALPHA},
    "crps": {},
    "interval_coverage": _LEVEL,
    "interval_width": _LEVEL,
    "interval_score": _LEVEL,
}
_RANKING: dict[str, dict[str, Option]] = {
    "ndcg": _LISTS,
    "dcg": _LISTS,
    "mean_reciprocal_rank": _LISTS,
    "mean_average_precision": _LISTS,
    "precision_at_k": _LISTS,
    "recall_at_k": _LISTS,
}
_GAPS = {"pos_label": options.label()}
_FAIRNESS: dict[str, dict[str, Option]] = {
    **{
        f"{criterion}_{kind}": _GAPS
        for criterion in (
            "demographic_parity",
            "equalized_odds",
            "equal_opportunity",
            "predictive_parity",
            "false_positive_rate",
            "false_negative_rate",
        )
        for kind in ("difference", "ratio")
    },
    "calibration_gap": {"n_bins": options.whole(2), **_GAPS},
    "mean_error_gap": {},
    "mean_absolute_error_gap": {},
}
_BATCH = {"batch": options.whole()}
_GPU = (
    "gpu_peak_memory_mb",
    "gpu_utilisation",
    "gpu_power_w",
    "gpu_energy_j_per_1000",
    "gpu_throughput_rows_per_s",
)
# What only the serving process itself shows.
SERVED = frozenset({"latency_ms", "throughput_rows_per_s", "memory_mb"})

_LOWER = frozenset(
    {name for name in (*_LABEL, *_SCORE) if name.endswith("_loss")}
    | {name for name in _REGRESSION if name.endswith(("_error", "_deviance")) and not name.startswith("d2_")}
    | {"brier_score", "expected_calibration_error"}
    | {"mean_pinball_loss", "crps", "interval_width", "interval_score"}
) - {"d2_log_loss"}

# What figures can be that aren't between 0 and 1.
_ENDS = {
    (-1.0, 1.0): {"matthews_corrcoef", "cohen_kappa"},
    (0.0, 2.0): {"brier_score", "calibration_gap"},
    (-inf, 1.0): {"r2", "explained_variance", *(name for name in (*_SCORE, *_REGRESSION) if name.startswith("d2_"))},
    (0.0, inf): {
        *(name for name in _REGRESSION if name in _LOWER),
        *("log_loss", "mean_pinball_loss", "crps", "interval_score", "dcg", "mean_error_gap"),
        "mean_absolute_error_gap",
    },
    # Quantiles may cross.
    (-inf, inf): {"interval_width"},
}  # fmt: skip


def _ends(name: str) -> tuple[float, float]:
    return next((ends for ends, names in _ENDS.items() if name in names), (0.0, 1.0))


def _entries(family: Family, table: Mapping[str, Mapping[str, Option]]) -> dict[str, Entry]:
    slices = (WORST_SLICE, WORST_FOUND_SLICE)
    return {
        name: Entry(family, {**keywords, **_HARM}, name in _LOWER, slices, ends=_ends(name))
        for name, keywords in table.items()
    }


def _lists(table: Mapping[str, Mapping[str, Option]]) -> dict[str, Entry]:
    """Make the entries of figures of whole lists, which no slice of single rows cuts."""
    return {
        name: Entry(
            "ranking",
            keywords,
            needs=("query", "k") if name.endswith("_at_k") else ("query",),
            ends=_ends(name),
        )
        for name, keywords in table.items()
    }


CATALOGUE: Mapping[str, Entry] = {
    **_entries("label", _LABEL),
    **_entries("score", _SCORE),
    **_entries("regression", _REGRESSION),
    **_entries("forecast", _FORECAST),
    **_lists(_RANKING),
    **{
        name: Entry("fairness", keywords, not name.endswith("_ratio"), ends=_ends(name))
        for name, keywords in _FAIRNESS.items()
    },
    **{
        name: Entry("gpu", _BATCH, lower=name not in ("gpu_utilisation", "gpu_throughput_rows_per_s"))
        for name in _GPU
    },
    "latency_ms": Entry("system", _BATCH, lower=True, parts=tuple(LATENCIES)),
    "throughput_rows_per_s": Entry("system", _BATCH),
    "memory_mb": Entry("system", lower=True),
    "model_size_mb": Entry("system", lower=True),
}
