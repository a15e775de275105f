"""Rankings: figures of lists, each the rows of one query, averaged over the queries.

A query's figure stands at its first row, and that row alone counts: so whoever resamples rows resamples queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.evaluation.plan import Floats, Plan, Sums, sums_plan
from jupyter_mlops.evaluation.rows import Codes, NotMeasurableError, Predictions, TestRows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TWO = 2


@dataclass(frozen=True, slots=True)
class _Lists:
    """Rows in the order of their queries, best score first; ``start`` and ``size`` of each query.

    ``first`` and ``last`` say where in its list the rows of the same score begin and end.
    """

    order: Codes
    query: Codes
    relevance: Floats
    start: Codes
    size: Codes
    first: Codes
    last: Codes


def ranking_plan(name: str, rows: TestRows, predictions: Predictions, keywords: Mapping[str, Any]) -> Plan:
    """Plan a figure of rankings; the target is the relevance, the prediction the score.

    Raises:
        NotMeasurableError: when there is no such column of queries, or the target isn't a relevance.
    """
    query = keywords["query"]
    relevance, scores = _relevance(name, rows, predictions), _scores(name, rows, predictions)
    lists = _lists(relevance, scores, _queries(rows, query))
    figures, counts = _FIGURES[name](lists, keywords.get("k") or int(lists.size.max()))
    if not counts.any():
        raise NotMeasurableError(f"no {query} holds a relevant row")
    note = f"over {int(counts.sum()):,} lists by {query}"
    left = int((~counts).sum())
    note += f"; {left:,} without a relevant row left out" if left else ""
    value, among = np.zeros(len(rows)), np.zeros(len(rows))
    # The row that comes first in the data: the same one for every model, so that lists are resampled in pairs.
    places = np.minimum.reduceat(lists.order, lists.start)
    value[places], among[places] = np.where(counts, figures, 0.0), counts

    def finish(sums: Floats) -> Floats:
        mean: Floats = np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)
        return mean

    return sums_plan((value, among), Sums(np.column_stack, finish), note)


def _queries(rows: TestRows, name: str) -> Codes:
    known = {**rows.features, **rows.sensitive, **rows.groups}
    if name not in known:
        there = ", ".join([*rows.groups, *rows.sensitive, *rows.features][:10])
        raise NotMeasurableError(
            f"the test rows have no column {name!r} to make lists by; there are: {there}; "
            f'pass groups={{"{name}": ...}} to mlops.log_model'
        )
    column = known[name]
    codes, _ = pd.factorize(pd.Series(column), use_na_sentinel=False)
    return codes.astype(np.int64)


def _relevance(name: str, rows: TestRows, predictions: Predictions) -> Floats:
    """Return how relevant each row is; of two classes the second one is."""
    try:
        relevance = np.asarray(rows.truth, dtype=np.float64)
    except (TypeError, ValueError):
        classes = predictions.classes
        if len(classes) != _TWO:
            raise NotMeasurableError(f"{name} needs a relevance as target, and it holds text") from None
        second: Floats = (rows.truth == classes[1]).astype(np.float64)
        return second
    if not np.isfinite(relevance).all() or relevance.min() < 0:
        raise NotMeasurableError(f"{name} needs a relevance of at least 0 as target")
    return relevance


def _scores(name: str, rows: TestRows, predictions: Predictions) -> Floats:
    """Return what rows are ranked by: the chance of the second class of two, else the prediction."""
    if predictions.scores is not None and predictions.scores.shape[1] == _TWO:
        return predictions.scores[:, 1]
    if rows.task == "classification" and predictions.scores is not None:
        raise NotMeasurableError(
            f"{name} needs one score a row; the model has {predictions.scores.shape[1]} classes"
        )
    try:
        scores = np.asarray(predictions.labels, dtype=np.float64)
    except (TypeError, ValueError):
        raise NotMeasurableError(f"{name} needs numbers to rank by; the model answers text") from None
    if not np.isfinite(scores).all():
        raise NotMeasurableError(f"{int((~np.isfinite(scores)).sum())} predictions are not finite numbers")
    return scores


def _lists(relevance: Floats, scores: Floats, codes: Codes) -> _Lists:
    order = np.lexsort((-scores, codes))
    query, score = codes[order], scores[order]
    start = _starts(query[1:] != query[:-1])
    tied = _starts((query[1:] != query[:-1]) | (score[1:] != score[:-1]))
    size = np.diff(start, append=len(order))
    lengths = np.diff(tied, append=len(order))
    offset = np.repeat(start, size)
    first = np.repeat(tied, lengths) - offset
    return _Lists(
        order=order,
        query=np.repeat(np.arange(len(start)), size),
        relevance=relevance[order],
        start=start,
        size=size,
        first=first,
        last=first + np.repeat(lengths, lengths) - 1,
    )


def _starts(changes: Any) -> Codes:
    return np.flatnonzero(np.concatenate([[True], changes]))


def _gains(lists: _Lists, discount: Floats) -> Floats:
    """Sum relevance times the discount of its place; rows of one score share their places' mean discount."""
    upto = np.concatenate([[0.0], np.cumsum(discount)])
    mean = (upto[lists.last + 1] - upto[lists.first]) / (lists.last - lists.first + 1)
    return np.add.reduceat(lists.relevance * mean, lists.start)


def _log_discount(lists: _Lists, k: int) -> Floats:
    places = np.arange(int(lists.size.max()))
    return np.where(places < k, 1 / np.log2(places + 2.0), 0.0)


def _ideal(lists: _Lists, k: int) -> Floats:
    best = np.lexsort((-lists.relevance, lists.query))
    place = np.arange(len(best)) - np.repeat(lists.start, lists.size)
    return np.add.reduceat(lists.relevance[best] * _log_discount(lists, k)[place], lists.start)


def _everywhere(lists: _Lists) -> Any:
    return np.ones(len(lists.start), dtype=bool)


def _dcg(lists: _Lists, k: int) -> tuple[Floats, Any]:
    return _gains(lists, _log_discount(lists, k)), _everywhere(lists)


def _ndcg(lists: _Lists, k: int) -> tuple[Floats, Any]:
    ideal = _ideal(lists, k)
    gained = _gains(lists, _log_discount(lists, k))
    # Without a relevant row it is 0, as scikit-learn has it.
    return np.divide(gained, ideal, out=np.zeros_like(gained), where=ideal > 0), _everywhere(lists)


def _relevant(lists: _Lists) -> Floats:
    return np.add.reduceat((lists.relevance > 0).astype(np.float64), lists.start)


def _reciprocal_rank(lists: _Lists, k: int) -> tuple[Floats, Any]:
    # Of rows with one score the relevant one comes last: a model that scores all alike has found nothing.
    rank = np.where(lists.relevance > 0, lists.last + 1.0, np.inf)
    best = np.minimum.reduceat(rank, lists.start)
    return np.where(best <= k, 1 / best, 0.0), _everywhere(lists)


def _average_precision(lists: _Lists, k: int) -> tuple[Floats, Any]:
    """As scikit-learn's: rows of one score are found together, at the last of their places."""
    hit = (lists.relevance > 0).astype(np.float64)
    upto = np.concatenate([[0.0], np.cumsum(hit)])
    offset = np.repeat(lists.start, lists.size)
    precision = (upto[offset + lists.last + 1] - upto[offset]) / (lists.last + 1)
    found = np.add.reduceat(np.where(lists.last < k, hit * precision, 0.0), lists.start)
    relevant = _relevant(lists)
    known = relevant > 0
    return np.divide(found, np.minimum(relevant, k), out=np.zeros_like(found), where=known), known


def _precision_at(lists: _Lists, k: int) -> tuple[Floats, Any]:
    return _found_at(lists, k) / k, _everywhere(lists)


def _recall_at(lists: _Lists, k: int) -> tuple[Floats, Any]:
    relevant, found = _relevant(lists), _found_at(lists, k)
    known = relevant > 0
    return np.divide(found, relevant, out=np.zeros_like(found), where=known), known


def _found_at(lists: _Lists, k: int) -> Floats:
    """Count the relevant rows in the first k places, as expected where rows of one score share them."""
    places = np.arange(int(lists.size.max()))
    upto = np.concatenate([[0.0], np.cumsum(places < k)])
    chance = (upto[lists.last + 1] - upto[lists.first]) / (lists.last - lists.first + 1)
    return np.add.reduceat((lists.relevance > 0) * chance, lists.start)


_FIGURES: dict[str, Callable[[_Lists, int], tuple[Floats, Any]]] = {
    "dcg": _dcg,
    "ndcg": _ndcg,
    "mean_reciprocal_rank": _reciprocal_rank,
    "mean_average_precision": _average_precision,
    "precision_at_k": _precision_at,
    "recall_at_k": _recall_at,
}
