"""Classification by predicted label: figures of the confusion of true and predicted classes, over weighted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.evaluation.plan import Floats, Plan, Sums, mean_plan, share_plan, sums_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.rows import Array
    from jupyter_mlops.stats.bootstrap import Statistic

    Counts = tuple[Floats, Floats, Floats]

# Of more classes than that most sums are zero, and a sparse product forms them.
_DENSE = 32


def label_plan(name: str, rows: TestRows, predictions: Predictions, keywords: Mapping[str, Any]) -> Plan:
    """Plan a figure of predicted labels.

    Raises:
        NotMeasurableError: when the keywords don't fit the classes.
    """
    if name in ("accuracy", "zero_one_loss"):
        _, true, called = label_codes(rows, predictions)
        return mean_plan(((true == called) == (name == "accuracy")).astype(np.float64))
    if name == "cohen_kappa":
        return _kappa_plan(rows, predictions, keywords.get("weights", ""))
    classes, (truth, predicted) = encode(rows.truth, predictions.labels, known=predictions.classes)
    if name == "balanced_accuracy":
        figure = _balanced(adjusted=keywords.get("adjusted", False))
    elif name == "matthews_corrcoef":
        figure = _matthews
    else:
        average, chosen = _average(classes, keywords)
        if average == "binary" and name != "fbeta":
            return _share_of_class(name, truth == chosen, predicted == chosen)
        if average == "micro" and name in ("precision", "recall", "f1", "fbeta"):
            return mean_plan((truth == predicted).astype(np.float64))
        figure = _averaged(name, average, chosen, float(keywords.get("beta", 1.0)) ** 2)
    return _counted(truth.astype(np.float64), predicted.astype(np.float64), len(classes), figure)


def label_codes(rows: TestRows, predictions: Predictions) -> tuple[int, Floats, Floats]:
    """Number the classes; return how many there are, and truth and prediction as codes."""
    classes, (truth, predicted) = encode(rows.truth, predictions.labels, known=predictions.classes)
    return len(classes), truth.astype(np.float64), predicted.astype(np.float64)


def code_of(label: Any, classes: Array) -> int:
    """Return the place of a class that a condition names.

    Raises:
        NotMeasurableError: when there is no such class.
    """
    texts = classes.dtype.kind not in "biuf"
    found = [
        place for place, each in enumerate(classes) if (str(each) == str(label) if texts else each == label)
    ]
    if not found:
        known = ", ".join(repr(each) for each in classes[:10].tolist())
        raise NotMeasurableError(f"pos_label={label!r} is none of the classes {known}")
    return found[0]


def _counted(truth: Floats, predicted: Floats, classes: int, figure: Callable[[Counts], Floats]) -> Plan:
    """Plan a figure of three counts a class: hits, predicted, true."""

    def finish(sums: Floats) -> Floats:
        hits, guessed, support = np.hsplit(sums, 3)
        with np.errstate(divide="ignore", invalid="ignore"):
            return figure((hits, guessed, support))

    def expand(columns: tuple[Floats, ...]) -> Floats:
        true, guessed = (np.eye(classes)[column.astype(np.int64)] for column in columns)
        return np.hstack([true * guessed, guessed, true])

    def build(columns: tuple[Floats, ...]) -> Statistic:
        from scipy.sparse import csr_array

        true, guessed = (column.astype(np.int64) for column in columns)
        line, hit = np.arange(len(true)), true == guessed
        places = (
            np.concatenate([line[hit], line, line]),
            np.concatenate([true[hit], classes + guessed, 2 * classes + true]),
        )
        counted = csr_array((np.ones(len(places[0])), places), shape=(len(true), 3 * classes))
        return lambda weights: finish(weights @ counted)

    if classes <= _DENSE:
        return sums_plan((truth, predicted), Sums(expand, finish))
    return Plan((truth, predicted), build)


def _balanced(*, adjusted: bool) -> Callable[[Counts], Floats]:
    def figure(counts: Counts) -> Floats:
        hits, _, support = counts
        present = (support > 0).sum(axis=1)
        mean: Floats = _share(hits, support).sum(axis=1) / present
        return (mean - 1 / present) / (1 - 1 / present) if adjusted else mean

    return figure


def _matthews(counts: Counts) -> Floats:
    hits, guessed, support = counts
    total = support.sum(axis=1)
    covariance = hits.sum(axis=1) * total - (guessed * support).sum(axis=1)
    spreads = (total**2 - (guessed**2).sum(axis=1)) * (total**2 - (support**2).sum(axis=1))
    return np.where(spreads > 0, covariance / np.sqrt(np.where(spreads > 0, spreads, 1.0)), 0.0)


def _share_of_class(name: str, true: NDArray[np.bool_], guessed: NDArray[np.bool_]) -> Plan:
    """Plan a figure of one class that is a share of rows; of none it is 0, as scikit-learn has it."""
    hit, among = {
        "precision": (true, guessed),
        "recall": (guessed, true),
        "specificity": (~guessed, ~true),
    }.get(name, (true & guessed, true | guessed))
    return share_plan(hit.astype(np.float64), among.astype(np.float64), harmonic=name == "f1", empty=0.0)


def _averaged(name: str, average: str, chosen: int, beta2: float) -> Callable[[Counts], Floats]:
    def figure(counts: Counts) -> Floats:
        hits, guessed, support = counts
        total = support.sum(axis=1, keepdims=True)
        if average == "micro":
            total = total * support.shape[1]
            hits, guessed, support = (part.sum(axis=1, keepdims=True) for part in counts)
        by_class = _share(*_fraction(name, (hits, guessed, support), total, beta2))
        if average in ("micro", "binary"):
            return by_class[:, 0 if average == "micro" else chosen]
        weights = support if average == "weighted" else (guessed + support > 0).astype(np.float64)
        mean: Floats = (by_class * weights).sum(axis=1) / weights.sum(axis=1)
        return mean

    return figure


def _average(classes: Array, keywords: Mapping[str, Any]) -> tuple[str, int]:
    """Say how classes make one figure, and which class counts where one does."""
    if "pos_label" in keywords:
        return "binary", code_of(keywords["pos_label"], classes)
    two = len(classes) == 2  # noqa: PLR2004 - of two classes the second is the positive one
    average = keywords.get("average", "macro" if len(classes) > 2 else "binary")  # noqa: PLR2004 - as above
    if average == "binary" and not two:
        raise NotMeasurableError(
            f"average='binary' is for two classes, and there are {len(classes)}; name the one that counts by pos_label"
        )
    return average, len(classes) - 1


def _fraction(name: str, counts: Counts, total: Floats, beta2: float) -> tuple[Floats, Floats]:
    """Return numerator and denominator, a class each."""
    hits, guessed, support = counts
    if name == "precision":
        return hits, guessed
    if name == "recall":
        return hits, support
    if name == "specificity":
        return total - guessed - support + hits, total - support
    if name == "jaccard":
        return hits, guessed + support - hits
    return (1 + beta2) * hits, guessed + beta2 * support


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _kappa_plan(rows: TestRows, predictions: Predictions, weights: str) -> Plan:
    # Distances are between classes that occur, as scikit-learn counts them.
    classes, (truth, predicted) = encode(rows.truth, predictions.labels)
    kinds = np.arange(len(classes))
    apart = np.abs(kinds[:, np.newaxis] - kinds)
    cost = {"linear": apart, "quadratic": apart**2}.get(weights, apart > 0).astype(np.float64)

    def expand(columns: tuple[Floats, ...]) -> Floats:
        true, guessed = (column.astype(np.int64) for column in columns)
        hot = np.eye(len(classes))
        return np.hstack([cost[true, guessed][:, np.newaxis], hot[true], hot[guessed]])

    def finish(sums: Floats) -> Floats:
        support, guessed = np.hsplit(sums[:, 1:], 2)
        by_chance = ((support @ cost) * guessed).sum(axis=1) / support.sum(axis=1)
        kappa: Floats = 1 - np.divide(
            sums[:, 0], by_chance, out=np.full(len(sums), np.nan), where=by_chance > 0
        )
        return kappa

    return sums_plan((truth.astype(np.float64), predicted.astype(np.float64)), Sums(expand, finish))
