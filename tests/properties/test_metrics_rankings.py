"""Metrics of rankings against scikit-learn, or the formula written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn import metrics as sk

from jupyter_mlops.evaluation.metrics.quality import quality_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows
from tests.properties.measured import FEW, Case, figure, same


@st.composite
def listed(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    size = draw(st.integers(2, 40))
    relevance = draw(arrays(np.float64, size, elements=st.sampled_from([0.0, 0.0, 1.0, 2.0, 3.0])))
    scores = draw(arrays(np.float64, size, elements=st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0])))
    queries = draw(arrays(np.int64, size, elements=st.integers(0, 5)))
    return relevance, scores, queries


@FEW
@given(listed(), st.sampled_from([None, 1, 2, 3, 50]))
def test_rankings(drawn: Any, k: int | None) -> None:
    relevance, scores, queries = drawn
    texts = np.array([f"q{each}" for each in queries])
    rows, said = TestRows("regression", relevance, features={"query": texts}), Predictions(scores)
    keywords: Case = {"query": "query", **({"k": k} if k else {})}
    lists = [(relevance[queries == one], scores[queries == one]) for one in np.unique(queries)]
    # scikit-learn has no list of one; an irrelevant row at the end changes nothing.
    padded = [(np.append(r, 0.0)[None], np.append(s, -9.0)[None]) for r, s in lists]
    same(figure("dcg", rows, said, **keywords), np.mean([sk.dcg_score(*each, k=k) for each in padded]), "dcg")
    same(
        figure("ndcg", rows, said, **keywords),
        np.mean([sk.ndcg_score(*each, k=k) for each in padded]),
        "ndcg",
    )
    found = [each for each in lists if each[0].any()]
    if not found:
        with pytest.raises(NotMeasurableError, match="no query holds a relevant row"):
            figure("mean_average_precision", rows, said, query="query")
        return
    precision = [sk.average_precision_score(r > 0, s) for r, s in found]
    same(figure("mean_average_precision", rows, said, query="query"), np.mean(precision), "map")
    most = k or 3
    within = {"query": "query", "k": most}
    reciprocal = []
    for r, s in lists:
        ranks = stats.rankdata(-s, "max")[r > 0]
        reciprocal.append(1 / ranks.min() if len(ranks) and ranks.min() <= most else 0.0)
    same(figure("mean_reciprocal_rank", rows, said, **within), np.mean(reciprocal), "mrr")
    hits = [_hits(r, s, most) for r, s in lists]
    same(figure("precision_at_k", rows, said, **within), np.mean(hits) / most, "precision")
    recalls = [_hits(r, s, most) / np.count_nonzero(r) for r, s in found]
    same(figure("recall_at_k", rows, said, **within), np.mean(recalls), "recall")


def _hits(relevance: Any, scores: Any, k: int) -> float:
    """Count the relevant ones among the first k, averaged over the orders that ties leave open."""
    total = 0.0
    for level in np.unique(scores)[::-1]:
        tied = scores == level
        before = np.count_nonzero(scores > level)
        seats = int(np.clip(k - before, 0, np.count_nonzero(tied)))
        total += np.count_nonzero(relevance[tied]) * seats / np.count_nonzero(tied)
    return total


def test_lists_are_resampled_as_a_whole() -> None:
    relevance, scores = np.array([1, 0, 0, 1, 1, 0.0]), np.array([2, 1, 2, 1, 5, 4.0])
    queries = np.array([7, 7, 8, 8, 9, 9])
    plan = quality_plan(
        "ndcg", TestRows("regression", relevance, {"user": queries}), Predictions(scores), {"query": "user"}
    )
    weights = np.array([[1, 0, 1, 0, 0, 0], [0, 1, 1, 1, 0, 1], [2, 0, 0, 0, 1, 0]], dtype=np.float64)
    second = 1 / np.log2(3)
    assert plan.build(plan.columns)(weights) == pytest.approx([(1 + second) / 2, second, 1])
    assert plan.note == "over 3 lists by user"


@pytest.mark.parametrize(
    "truth, predicted, more, reason",
    [
        (["a", "b"], [1.0, 2.0], {}, "needs a relevance as target, and it holds text"),
        ([1.0, -1.0], [1.0, 2.0], {}, "needs a relevance of at least 0"),
        ([1.0, 0.0], ["a", "b"], {}, "needs numbers to rank by"),
        ([1.0, 0.0], [np.nan, 2.0], {}, "1 predictions are not finite numbers"),
        ([1.0, 0.0], [1.0, 2.0], {"query": "user"}, "no column 'user' to make lists by; there are: q"),
    ],
)
def test_what_can_not_be_ranked(truth: Any, predicted: Any, more: Case, reason: str) -> None:
    rows = TestRows("regression", np.array(truth), features={"q": np.array([1, 1])})
    with pytest.raises(NotMeasurableError, match=reason):
        figure("ndcg", rows, Predictions(np.array(predicted)), **{"query": "q", **more})


def test_two_classes_are_ranked_by_the_chance_of_the_second() -> None:
    truth, chance = np.array(["no", "yes", "no", "yes"]), np.array([0.1, 0.8, 0.9, 0.7])
    said = Predictions(truth, np.column_stack([1 - chance, chance]), ("no", "yes"))
    rows = TestRows("classification", truth, groups={"user": np.array(["a", "a", "b", "b"])})
    assert figure("mean_reciprocal_rank", rows, said, query="user") == pytest.approx(0.75)
    many = Predictions(truth, np.full((4, 3), 0.3), ("a", "b", "c"))
    with pytest.raises(NotMeasurableError, match="needs a relevance as target, and it holds text"):
        figure("ndcg", rows, many, query="user")
    numbers = TestRows("classification", np.array([0, 1, 2, 0]), groups=rows.groups)
    with pytest.raises(NotMeasurableError, match="needs one score a row; the model has 3 classes"):
        figure("ndcg", numbers, many, query="user")
