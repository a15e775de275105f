"""Classification by scores and probabilities, over weighted rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jupyter_mlops.evaluation.metrics.labels import code_of
from jupyter_mlops.evaluation.plan import Floats, Plan, Ranks, Sums, mean_plan, rank_plan, sums_plan
from jupyter_mlops.evaluation.rows import Codes, NotMeasurableError, Predictions, TestRows, encode
from jupyter_mlops.stats import ranking
from jupyter_mlops.stats.distances import SumOfDistances

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_mlops.stats.bootstrap import Statistic
    from jupyter_mlops.stats.intervals import Law

_RANKED = ("roc_auc", "average_precision")
_TWO = 2
_BINS = 10
# Of figures that rank all rows anew for each class of each resample.
_RESAMPLES = 500


def score_plan(name: str, rows: TestRows, predictions: Predictions, keywords: Mapping[str, Any]) -> Plan:
    """Plan a figure of scores.

    Raises:
        NotMeasurableError: when the model gives no such scores, or the rows hold a class it doesn't know.
    """
    scores, own = scores_of(name, rows, predictions)
    if name in _RANKED:
        positive = (
            code_of(keywords["pos_label"], np.asarray(predictions.classes))
            if "pos_label" in keywords
            else None
        )
        return _ranked_plan(name, scores, own, positive, keywords)
    if name == "top_k_accuracy":
        return mean_plan(
            _among_first(scores, own, keywords.get("k", 2), probabilities=predictions.probabilities)
        )
    if not predictions.probabilities:
        raise NotMeasurableError(f"{name} needs predict_proba; the model has none")
    if name == "log_loss":
        return mean_plan(_log_loss(scores, own))
    if name == "brier_score":
        return mean_plan(_brier(scores, own))
    if name == "expected_calibration_error":
        return _calibration_plan(
            scores, own, keywords.get("n_bins", _BINS), keywords.get("strategy", "uniform")
        )
    loss = _log_loss(scores, own) if name == "d2_log_loss" else _brier(scores, own)
    return _explained_plan(loss, own, scores.shape[1], entropy=name == "d2_log_loss")


def scores_of(name: str, rows: TestRows, predictions: Predictions) -> tuple[Floats, Codes]:
    """Return scores (rows x classes) and the column of each row's true class.

    Raises:
        NotMeasurableError: when there are no scores, or a class has none.
    """
    scores = predictions.scores
    if scores is None:
        raise NotMeasurableError(f"{name} needs predict_proba or decision_function; the model has neither")
    classes, (truth, order) = encode(rows.truth, np.asarray(predictions.classes))
    unknown = [str(classes[code]) for code in np.setdiff1d(truth, order)]
    if unknown:
        raise NotMeasurableError(f"the test rows hold a class the model doesn't know: {', '.join(unknown)}")
    column = np.empty(len(classes), dtype=np.int64)
    column[order] = np.arange(len(order))
    return scores, column[truth]


def _log_loss(scores: Floats, own: Codes) -> Floats:
    total = scores.sum(axis=1)
    smallest = np.finfo(np.float64).eps
    chance = scores[np.arange(len(scores)), own] / np.where(total > 0, total, 1.0)
    loss: Floats = -np.log(np.clip(chance, smallest, 1 - smallest))
    return loss


def _brier(scores: Floats, own: Codes) -> Floats:
    if scores.shape[1] == _TWO:  # scikit-learn counts the positive one only
        squared: Floats = (scores[:, 1] - own) ** 2
        return squared
    summed: Floats = ((scores - _hot(own, scores.shape[1])) ** 2).sum(axis=1)
    return summed


def _hot(own: Codes, classes: int) -> Floats:
    hot: Floats = np.eye(classes)[own]
    return hot


def _among_first(scores: Floats, own: Codes, k: int, *, probabilities: bool) -> Floats:
    """Say for each row whether its class is among the k best; of equal scores the later class is the better one."""
    if scores.shape[1] == _TWO and k == 1:
        called = scores[:, 1] > (0.5 if probabilities else 0.0)
        hit: Floats = (called == own).astype(np.float64)
        return hit
    best = np.argsort(scores, axis=1, kind="stable")[:, ::-1][:, :k]
    found: Floats = np.any(best == own[:, np.newaxis], axis=1).astype(np.float64)
    return found


def _ranked_plan(
    name: str, scores: Floats, own: Codes, positive: int | None, keywords: Mapping[str, Any]
) -> Plan:
    """Plan a rank metric: of one class against the rest, or over all classes or pairs of them."""
    if positive is None and scores.shape[1] == _TWO and "average" not in keywords:
        positive = 1
    kind: Literal["roc_auc", "average_precision"] = "roc_auc" if name == "roc_auc" else "average_precision"
    codes = own.astype(np.float64)
    if positive is not None:
        chosen = float(positive)
        # One score column of its own, so that the figure needs no other.
        one = np.where(codes == chosen, 1.0, 0.0)
        return rank_plan((one, scores[:, positive]), Ranks(kind, lambda columns: [(columns[0], columns[1])]))
    pairs = keywords.get("multi_class", "ovr") == "ovo"
    average = keywords.get("average", "macro")
    if pairs and average == "micro":
        raise NotMeasurableError("average='micro' is for multi_class='ovr'")
    columns = (codes, *scores.T)
    terms = _pairs if pairs else _one_against_rest
    if average == "macro":
        return rank_plan(columns, Ranks(kind, lambda parts: terms(parts[0], parts[1:])))
    metric = ranking.roc_auc if kind == "roc_auc" else ranking.average_precision
    if average == "micro":
        return Plan(columns, _micro(metric), resamples=_RESAMPLES)
    return Plan(columns, _weighted(metric, terms, pairs=pairs), resamples=_RESAMPLES)


def _one_against_rest(codes: Floats, scores: tuple[Floats, ...]) -> list[tuple[Floats, Floats]]:
    return [((codes == k).astype(np.float64), column) for k, column in enumerate(scores)]


def _pairs(codes: Floats, scores: tuple[Floats, ...]) -> list[tuple[Floats, Floats]]:
    """Each class against each other by its own score; rows of a third class are of neither: NaN."""
    return [
        (np.where(codes == one, 1.0, np.where(codes == other, 0.0, np.nan)), scores[one])
        for pair in combinations(range(len(scores)), 2)
        for one, other in (pair, pair[::-1])
    ]


def _weighted(
    metric: Callable[[Floats, Floats], Statistic],
    terms: Callable[[Floats, tuple[Floats, ...]], list[tuple[Floats, Floats]]],
    *,
    pairs: bool,
) -> Callable[[tuple[Floats, ...]], Statistic]:
    """Average the terms by their rows: those of the class, or of both classes of a pair."""

    def build(columns: tuple[Floats, ...]) -> Statistic:
        found = terms(columns[0], columns[1:])
        parts = [metric(*term) for term in found]
        rows = np.column_stack(
            [(np.isfinite(positive) if pairs else positive == 1).astype(np.float64) for positive, _ in found]
        )

        def statistic(weights: Floats) -> Floats:
            share = weights @ rows
            figures = np.column_stack([part(weights) for part in parts])
            # A class that doesn't occur has no figure, and no weight either.
            figures = np.where(share > 0, figures, 0.0)
            mean: Floats = (figures * share).sum(axis=1) / share.sum(axis=1)
            return mean

        return statistic

    return build


def _micro(metric: Callable[[Floats, Floats], Statistic]) -> Callable[[tuple[Floats, ...]], Statistic]:
    """Take every pair of a row and a class as one answer that is right or wrong."""

    def build(columns: tuple[Floats, ...]) -> Statistic:
        classes = len(columns) - 1
        of_pairs = metric(
            _hot(columns[0].astype(np.int64), classes).ravel(), np.column_stack(columns[1:]).ravel()
        )
        return lambda weights: of_pairs(np.repeat(weights, classes, axis=1))

    return build


def _calibration_plan(scores: Floats, own: Codes, bins: int, strategy: str) -> Plan:
    """Plan the mean distance between chance and frequency over bins of the chance.

    Of two classes it is the chance of the second, of more that of the class called.
    """
    if scores.shape[1] == _TWO:
        chance, right = scores[:, 1], own == 1
    else:
        chance, right = scores.max(axis=1), scores.argmax(axis=1) == own
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.quantile(chance, inner) if strategy == "quantile" else inner
    place = np.searchsorted(edges, chance)

    def expand(columns: tuple[Floats, ...]) -> Floats:
        places, gaps = columns
        return np.column_stack(
            [np.eye(bins)[places.astype(np.int64)] * gaps[:, np.newaxis], np.ones(len(gaps))]
        )

    def finish(sums: Floats) -> Floats:
        error: Floats = np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1]
        return error

    gaps = chance - right

    def law(among: Floats) -> Law | None:
        here = among > 0
        rows = int(here.sum())
        means, squares = (
            np.bincount(place[here], each[here], minlength=bins) / max(1, rows) for each in (gaps, gaps**2)
        )
        errors = np.sqrt(np.maximum(squares - means**2, 0.0) / max(1, rows))
        return SumOfDistances(means, errors) if rows > 1 and errors.any() else None

    return replace(sums_plan((place.astype(np.float64), gaps), Sums(expand, finish)), law=law)


def _explained_plan(loss: Floats, own: Codes, classes: int, *, entropy: bool) -> Plan:
    """Plan the share of a loss that the model takes away from always answering the frequencies of the classes."""

    def expand(columns: tuple[Floats, ...]) -> Floats:
        return np.column_stack([columns[0], _hot(columns[1].astype(np.int64), classes)])

    def finish(sums: Floats) -> Floats:
        support = sums[:, 1:]
        total = support.sum(axis=1)
        frequency = support / total[:, np.newaxis]
        if entropy:
            safe = np.where(frequency > 0, frequency, 1.0)
            known = -(support * np.log(safe)).sum(axis=1)
        elif classes == _TWO:
            known = total * frequency.prod(axis=1)
        else:
            known = total * (1 - (frequency**2).sum(axis=1))
        share: Floats = 1 - np.divide(sums[:, 0], known, out=np.full(len(sums), np.nan), where=known > 0)
        return share

    return sums_plan((loss, own.astype(np.float64)), Sums(expand, finish))
