"""Figures, times and names as a card writes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jupyter_mlops.governance.model_card.document import Bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_mlops.records.evaluation import Figure

SHORT = 12
_THOUSAND = 1_000
_COUNTLESS = 1e15
# Figures that are shares have one axis, so that pictures of several can be compared.
_SHARES = frozenset(
    {
        "accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "base_rate",
        "selection_rate", "true_positive_rate", "false_positive_rate", "demographic_parity_difference",
        "demographic_parity_ratio", "equalized_odds_difference", "equal_opportunity_difference",
        "predictive_parity_difference", "calibration_gap",
    }
)  # fmt: skip
_SPOKEN = {
    "roc_auc": "ROC AUC", "f1": "F1", "r2": "R²", "brier_score": "Brier score", "average_precision": "average precision",
    "base_rate": "truly positive", "selection_rate": "predicted positive", "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate", "mean_error": "mean error (bias)",
}  # fmt: skip


def spoken(metric: str) -> str:
    """Return a metric's name as people say it: ``roc_auc`` is ROC AUC, ``a_difference["sex"]`` a difference by sex."""
    name, _, attribute = metric.partition("[")
    words = _SPOKEN.get(name, name.replace("_", " "))
    return f"{words}, {attribute.strip(chr(93) + chr(34))}" if attribute else words


def number(value: float) -> str:
    """Write a figure as people read it: four digits, or all before the point where there are more."""
    return f"{value:,.0f}" if _THOUSAND <= abs(value) < _COUNTLESS else f"{value:.4g}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Write an interval, or say that there is none."""
    return f"{number(bounds[0])} to {number(bounds[1])}" if bounds else "no interval"


def p_value(value: float) -> str:
    """Write a p-value as people read it."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"  # noqa: PLR2004 - the customary last digit


def time(stamp: str) -> str:
    """Write a time to the minute."""
    return f"{stamp[:16].replace('T', ' ')} UTC" if stamp else ""


def short(ref: str) -> str:
    """Write ``dataset/name@digest`` with the beginning of its digest."""
    name, at, version = ref.rpartition("/")[2].partition("@")
    return f"{name}{at}{version[:SHORT]}"


def count(number_of: int, what: str) -> str:
    """Write ``3 rows``."""
    return f"{number_of:,} {what}{'' if number_of == 1 else 's'}"


def size(bytes_: int) -> str:
    """Write a size in the unit that fits."""
    amount = float(bytes_)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < _THOUSAND or unit == "GB":
            break
        amount /= _THOUSAND
    return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:.3g} {unit}"


def bar(figure: Figure, axis: tuple[float, float], tick: float | None = None) -> Bar:
    """Place a figure on an axis, with a tick at what it is held against."""
    words = f"{spoken(figure.metric)} {number(figure.value)}"
    if figure.ci:
        words += f", 95% interval {interval(figure.ci)}"
    return Bar(figure.value, *axis, figure.ci, tick, words)


def axis_of(figures: Sequence[Figure], ticks: Iterable[float | None] = ()) -> tuple[float, float]:
    """Return an axis on which figures, intervals and ticks have room."""
    ends = [end for each in figures for end in (each.ci or (each.value, each.value))]
    ends += [tick for tick in ticks if tick is not None]
    room = (max(ends) - min(ends)) * 0.15 or abs(max(ends)) or 1.0
    return min(ends) - room, max(ends) + room


def axis_of_shares(
    figures: Sequence[Figure], ticks: Iterable[float | None] = ()
) -> tuple[float, float] | None:
    """Return one axis in tenths for the figures that are shares, so that their pictures compare; None without any."""
    shares = [each for each in figures if is_share(each)]
    if not shares:
        return None
    ends = [end for each in shares for end in (each.ci or (each.value, each.value))]
    ends += [tick for tick in ticks if tick is not None]
    low = math.floor(round(min(ends) * 10, 6)) / 10
    return max(0.0, low), min(1.0, max(math.ceil(round(max(ends) * 10, 6)) / 10, low + 0.1))


def is_share(figure: Figure) -> bool:
    """Say whether a figure is one of those that share an axis."""
    return figure.metric.partition("[")[0] in _SHARES
