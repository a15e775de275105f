"""Rankings, forecasts and models of many classes, from ``log_model`` to the gate's verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression, QuantileRegressor
from sklearn.metrics import ndcg_score, top_k_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import jupyter_mlops as mlops
from jupyter_mlops import settings as configuration
from jupyter_mlops.errors import DataError, GateError
from jupyter_mlops.records.model import Promotion
from jupyter_mlops.records.pipeline import Gate
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.evaluate import evaluate_gate

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.evaluation import ConditionResult

RANDOM = np.random.default_rng(1)
X = pd.DataFrame({"a": RANDOM.normal(size=300), "b": RANDOM.normal(size=300)})
QUERIES = np.repeat([f"q{number:02d}" for number in range(30)], 10)
NOISY = X.a + RANDOM.normal(size=300)
RELEVANCE = np.clip(np.round(NOISY.to_numpy()), 0, 3)


class Quantiles:
    """Three regressors behind one predict, as people write it."""

    quantiles = (0.05, 0.5, 0.95)

    def fit(self, X: Any, y: Any) -> Quantiles:
        self.models = [QuantileRegressor(quantile=level, alpha=0).fit(X, y) for level in self.quantiles]
        return self

    def predict(self, X: Any) -> Any:
        return np.column_stack([model.predict(X) for model in self.models])


def judged(*conditions: str) -> tuple[ConditionResult, ...]:
    return evaluate_gate(configuration.load(), Gate(model="m", conditions=conditions, cell=4)).conditions


def champion_is(number: int) -> None:
    ledger = open_store(configuration.load()).ledger
    ledger.append(Promotion(name="m", version=number, alias="champion", authority="ledger"))


def test_rankings(workspace: Path) -> None:
    def log(column: str) -> Any:
        model = LinearRegression().fit(X, X[column])
        mlops.log_model(model, "m", test=(X, RELEVANCE), groups={"query": QUERIES})
        return model.predict(X)

    log("b")
    champion_is(1)
    scores = log("a")
    found = judged(
        'ndcg(k=5, query="query") >= champion.ndcg(k=5, query="query")',
        'ndcg(query="query", k=5) >= 0.5',
        'precision_at_k(k=3, query="query") >= 0.3',
        'mean_reciprocal_rank(query="query") >= 0.5',
    )
    assert [each.status for each in found] == ["passed"] * 4
    expected = ndcg_score(RELEVANCE.reshape(30, 10), scores.reshape(30, 10), k=5)
    assert found[0].value == found[1].value == pytest.approx(expected)
    assert found[0].p_value is not None
    assert found[0].p_value < 0.025
    assert found[1].ci is not None
    low, high = found[1].ci
    # As wide as thirty lists let it be, not three hundred rows.
    each = [
        ndcg_score([r], [s], k=5)
        for r, s in zip(RELEVANCE.reshape(30, 10), scores.reshape(30, 10), strict=True)
    ]
    assert high - low == pytest.approx(2 * 1.96 * np.std(each) / np.sqrt(30), rel=0.25)
    (missing,) = judged('ndcg(query="user") >= 0.5')
    assert missing.reason.startswith(
        "the test rows have no column 'user' to make lists by; there are: query, a"
    )


def test_groups_are_checked(workspace: Path) -> None:
    model = LinearRegression().fit(X, RELEVANCE)
    with pytest.raises(DataError, match="the group column 'q' has 2 values for 300 test rows"):
        mlops.log_model(model, "m", test=(X, RELEVANCE), groups={"q": [1, 2]})
    with pytest.raises(DataError, match=r"groups belong to test rows; pass test=\(X, y\) too"):
        mlops.log_model(model, "m", example=X, groups={"q": [1, 2]})
    with pytest.raises(DataError, match=r"a list can't be group columns"):
        mlops.log_model(model, "m", test=(X, RELEVANCE), groups=[1, 2])


def test_a_model_of_quantiles(workspace: Path) -> None:
    mlops.log_model(Quantiles().fit(X, NOISY), "m", test=(X, NOISY))
    found = judged(
        "interval_coverage(level=0.9) >= 0.8",
        "interval_width <= 9",
        "crps <= 1",
        "mean_pinball_loss(alpha=0.05) <= 1",
        "mean_absolute_error <= 2",
        "interval_width(level=0.5) <= 9",
    )
    assert [each.status for each in found] == ["passed"] * 5 + ["not evaluated"]
    assert found[0].value == pytest.approx(0.9, abs=0.03)
    assert found[0].ci is not None
    assert (
        found[5].reason
        == "interval_width needs the quantile at 0.25; the model answers those at 0.05, 0.5, 0.95"
    )


@pytest.mark.parametrize("scaled", [False, True])
def test_a_model_of_mean_and_deviation(workspace: Path, scaled: bool) -> None:
    model = make_pipeline(StandardScaler(), BayesianRidge()) if scaled else BayesianRidge()
    mlops.log_model(model.fit(X, NOISY), "m", test=(X, NOISY))
    found = judged("interval_coverage(level=0.8) >= 0.7", "crps <= 1", "r2 >= 0.3")
    assert [each.status for each in found] == ["passed"] * 3
    assert found[0].value == pytest.approx(0.8, abs=0.06)


def test_a_model_of_points_has_no_interval(workspace: Path) -> None:
    mlops.log_model(LinearRegression().fit(X, NOISY), "m", test=(X, NOISY))
    (found,) = judged("crps <= 1")
    assert found.status == "not evaluated"
    assert "crps needs a forecast's spread" in found.reason
    with pytest.raises(GateError, match="f1 is for classification; the model is a regression"):
        judged("f1 >= 0.5")


def test_a_model_of_many_classes(workspace: Path) -> None:
    kinds = np.array(["low", "mid", "high"])[np.clip(np.round(NOISY) + 1, 0, 2).astype(int)]
    model = LogisticRegression().fit(X, kinds)
    mlops.log_model(model, "m", test=(X, kinds))
    found = judged(
        'f1(average="macro") >= 0.4',
        'recall(pos_label="high") >= 0.4',
        "top_k_accuracy(k=2) >= 0.7",
        'roc_auc(multi_class="ovo") >= 0.6',
        'roc_auc(average="weighted") >= 0.6',
        "cohen_kappa >= 0.1",
        "expected_calibration_error(n_bins=5) <= 0.3",
        "d2_log_loss >= 0",
        'recall(pos_label="hihg") >= 0.4',
    )  # fmt: skip
    assert [each.status for each in found] == ["passed"] * 8 + ["not evaluated"]
    assert found[2].value == pytest.approx(top_k_accuracy_score(kinds, model.predict_proba(X), k=2))
    assert all(each.ci is not None for each in found[:8])
    assert found[8].reason == "pos_label='hihg' is none of the classes 'high', 'low', 'mid'"
    with pytest.raises(GateError, match="crps is for regression; the model is a classifier"):
        judged("crps <= 1")
