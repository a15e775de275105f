"""Fairness figures as plans: how a model's rates, errors and calibration differ between groups."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.evaluation.groups.grouping import groups_of
from jupyter_mlops.evaluation.metrics.labels import code_of
from jupyter_mlops.evaluation.plan import Sums, sums_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, encode
from jupyter_mlops.stats import fairness

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.conditions import Metric
    from jupyter_mlops.evaluation.groups.grouping import Groups
    from jupyter_mlops.evaluation.plan import Floats, Plan
    from jupyter_mlops.evaluation.rows import Array, Predictions, TestRows

# What a rate is a share of, and what it counts, in words; {} is the class that counts.
_BASES = {
    "selection rate": "rows",
    "true positive rate": "rows that are {}",
    "false positive rate": "rows that are not {}",
    "false negative rate": "rows that are {}",
    "precision": "rows called {}",
}
_HITS = {
    "selection rate": "is called {}",
    "true positive rate": "is {} and called so",
    "false positive rate": "is called {} wrongly",
    "false negative rate": "is {} and missed",
    "precision": "is called {} rightly",
}


def rates_plan(metric: Metric, rows: TestRows, predictions: Predictions) -> Plan:
    """Plan a difference or ratio of groups' rates.

    Raises:
        NotMeasurableError: when the task, the attribute or the groups don't give it, or a ratio is 0 / 0.
    """
    if rows.task == "regression":
        raise NotMeasurableError(f"{metric.name} is for classification; the model is a regression")
    truth, predicted, code, classes = positives(metric, rows, predictions)
    positive = str(classes[code]) if code < len(classes) else "positive"
    groups = groups_of(rows, *metric.attributes)
    codes, count = groups.codes.astype(np.float64), len(groups.labels)
    outcomes = (np.ones((1, len(truth))) @ _indicator((truth, predicted, codes), count))[0]
    outcomes = outcomes.reshape(count, 2, 2)
    use = {rate: fairness.known(outcomes, rate) for rate in fairness.CRITERIA[metric.name]}
    notes = [groups.note, *_thin(groups, outcomes, use, positive)]
    _check(metric, outcomes, use, positive, notes)

    def finish(totals: Floats) -> Floats:
        return fairness.figure(metric.name, totals.reshape(len(totals), count, 2, 2), use)

    plan = sums_plan(
        (truth, predicted, codes),
        Sums(lambda columns: _indicator(columns, count), finish),
        "; ".join(filter(None, notes)),
    )
    return replace(plan, interval=fairness.contrasts(metric.name, outcomes, use).interval)


def positives(metric: Metric, rows: TestRows, predictions: Predictions) -> tuple[Floats, Floats, int, Array]:
    """Return truth and prediction as 1 where they are the class that counts, that class's place, and all classes.

    It is the second of two classes, or that of ``pos_label``.

    Raises:
        NotMeasurableError: when there are more classes and none is named, or there is no such class.
    """
    classes, (truth, predicted) = encode(rows.truth, predictions.labels, known=predictions.classes)
    wanted: Any = metric.keyword("pos_label")
    if wanted is not None:
        code = code_of(wanted, classes)
    elif len(classes) > 2:  # noqa: PLR2004 - the second of two counts
        raise NotMeasurableError(
            f"the model has {len(classes)} classes; name the one that counts, as in "
            f"{metric.name}(pos_label={classes[-1].item()!r})"
        )
    else:
        # With one class in sight, nobody is favoured: everything is of class 0.
        code = 1
    return (truth == code).astype(np.float64), (predicted == code).astype(np.float64), code, classes


def _indicator(columns: tuple[Floats, ...], groups: int) -> Floats:
    """Return rows x (groups x true class x predicted class): 1 in a row's own cell, nothing for rows of no group."""
    truth, predicted, codes = (column.astype(np.int64) for column in columns)
    inside = codes >= 0
    indicator = np.zeros((len(codes), groups * 4))
    indicator[np.flatnonzero(inside), (codes * 4 + truth * 2 + predicted)[inside]] = 1.0
    return indicator


def _thin(groups: Groups, outcomes: Floats, use: dict[str, fairness.Flags], positive: str) -> list[str]:
    """Name the groups that a rate leaves out because too few rows stand under it."""
    notes = []
    for rate, enough in use.items():
        base = fairness.counts(outcomes, rate)[1]
        named = [f"{groups.labels[i]} ({base[i]:.0f})" for i in np.flatnonzero(~enough)]
        if named:
            what = _BASES[rate].format(positive)
            notes.append(
                f"left out of the {rate}, fewer than {fairness.SMALLEST_BASE} {what}: {', '.join(named)}"
            )
    return list(dict.fromkeys(notes))


def _check(
    metric: Metric, outcomes: Floats, use: dict[str, fairness.Flags], positive: str, notes: list[str]
) -> None:
    """Refuse a figure that no rate gives, and note a ratio of zeros where another rate gives it.

    Raises:
        NotMeasurableError: with the reason of each rate.
    """
    problems = []
    for rate, enough in use.items():
        hits, _ = fairness.counts(outcomes, rate)
        if enough.sum() < 2:  # noqa: PLR2004 - a gap needs two groups
            what = _BASES[rate].format(positive)
            problems.append(f"fewer than two groups have {fairness.SMALLEST_BASE} {what}")
        elif metric.name.endswith("_ratio") and not hits[enough].any():
            problems.append(
                f"nobody in any group {_HITS[rate].format(positive)}: the ratio of the {rate}s is 0 / 0"
            )
    if len(problems) == len(use):
        raise NotMeasurableError("; ".join(dict.fromkeys(problems)))
    notes += problems
