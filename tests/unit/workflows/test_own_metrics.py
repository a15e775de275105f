from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.linear_model import LinearRegression, LogisticRegression

import jupyter_mlops as mlops
from jupyter_mlops import settings as configuration
from jupyter_mlops.errors import DataError, GateError, IntegrityError
from jupyter_mlops.records.model import Promotion
from jupyter_mlops.records.pipeline import Gate
from jupyter_mlops.store.bundles import METRICS
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.evaluate import evaluate_gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
    from jupyter_mlops.records.model import ModelVersion

RANDOM = np.random.default_rng(0)
X = pd.DataFrame({"a": RANDOM.normal(size=400), "amount": RANDOM.gamma(2, 10, size=400)})
Y = pd.Series(np.where(X.a + 0.5 * RANDOM.normal(size=400) > 0, "yes", "no"), name="bought")
SEX = np.where(RANDOM.random(400) < 0.5, "f", "m")
MODEL = LogisticRegression().fit(X, Y)


def cost(y_true: Any, y_pred: Any, missed: float = 5.0) -> float:
    return float(np.mean((y_true != y_pred) * np.where(y_true == "yes", missed, 1.0)))


def lost(y_true: Any, y_pred: Any, X: Any, /) -> Any:
    return X.amount * (y_true != y_pred)


def gap(y_true: Any, sensitive_features: Any, sample_weight: Any) -> float:
    f = sensitive_features["SEX"].to_numpy() == "f"
    hit = y_true == "yes"
    return float(
        abs(np.average(hit[f], weights=sample_weight[f]) - np.average(hit[~f], weights=sample_weight[~f]))
    )


def logged(model: Any = MODEL, rows: Any = X, truth: Any = Y, **metrics: Any) -> ModelVersion:
    return mlops.log_model(model, "churn", test=(rows, truth), sensitive={"SEX": SEX}, metrics=metrics)


def judged(*conditions: str, version: int | None = None) -> Evaluation:
    return evaluate_gate(configuration.load(), Gate(model="churn", conditions=conditions, cell=4), version)


def first(condition: str) -> ConditionResult:
    return judged(condition).conditions[0]


def test_functions_are_metrics(workspace: Path) -> None:
    version = logged(train_loss=0.3, cost=cost, lost=lost, gap=gap)
    assert version.metrics == {"train_loss": 0.3}
    found = judged(
        "cost <= 1",
        "cost(missed=1) <= 1",
        "lost <= 9",
        "gap <= 0.9",
        "train_loss < 1",
        "cost.worst_slice < 2",
    )
    assert [each.status for each in found.conditions] == ["passed"] * 6
    predicted = MODEL.predict(X)
    truth = Y.to_numpy()
    values = [each.value for each in found.conditions]
    assert values[0] == pytest.approx(cost(truth, predicted))
    assert values[1] == pytest.approx(np.mean(truth != predicted))
    assert values[2] == pytest.approx(lost(truth, predicted, X).mean())
    assert values[3] == pytest.approx(gap(truth, pd.DataFrame({"SEX": SEX}), np.ones(400)))
    assert values[5] == pytest.approx(max(cost(truth[sex == SEX], predicted[sex == SEX]) for sex in "fm"))
    for each, value in zip(found.conditions[:4], values[:4], strict=True):
        assert each.ci is not None
        assert value is not None
        assert each.ci[0] < value < each.ci[1]


def test_functions_of_scikit_learn_work_as_they_stand(workspace: Path) -> None:
    logged(own_auc=sklearn_metrics.roc_auc_score)
    found = judged("own_auc >= 0.1")
    ours = judged("roc_auc >= 0.1")
    for theirs, own in zip(found.conditions, ours.conditions, strict=True):
        assert theirs.value == pytest.approx(own.value)
        assert theirs.ci == pytest.approx(own.ci, abs=0.03)


def test_the_champion_is_measured_by_the_same_function(workspace: Path) -> None:
    logged(LogisticRegression(C=1e-4).fit(X[["amount"]], Y), X[["amount"]])
    ledger = open_store(configuration.load()).ledger
    ledger.append(Promotion(name="churn", version=1, alias="champion", authority="ledger"))
    logged(cost=cost, lost=lost)
    found = judged("cost <= champion.cost", "lost <= champion.lost")
    assert found.passed
    assert found.champion == 1
    for each in found.conditions:
        assert each.difference is not None
        assert each.difference < 0
        assert each.p_value is not None
        assert each.p_value < 0.05


def test_regression_and_arrays(workspace: Path) -> None:
    target = 2 * X.a + RANDOM.normal(size=400)
    logged(
        LinearRegression().fit(X.to_numpy(), target),
        X.to_numpy(),
        target,
        over=lambda y_true, y_pred, X: X[:, 1] * (y_pred > y_true),
    )
    assert first("over <= 100").status == "passed"


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda y_true: 1 / 0, "own fails on these rows: ZeroDivisionError: division by zero"),
        (lambda y_true: "good", "own gives a <U4 instead of a number"),
        (lambda y_true: [1.0, 2.0], "own gives shape (2,) for 400 rows; it must be one number, or one a row"),
        (lambda y_true: float("nan"), "own has no value on these rows"),
    ],
)  # fmt: skip
def test_what_a_function_makes_wrong_is_said(
    workspace: Path, function: Callable[..., Any], reason: str
) -> None:
    logged(own=function)
    result = first("own >= 0")
    assert result.status == "not evaluated"
    assert reason in result.reason


def test_what_a_function_raises_is_one_line_of_a_few_words(workspace: Path) -> None:
    def endless(y_true: Any) -> float:
        raise ValueError("first " + "z" * 100_000 + "\nsecond")

    logged(endless=endless)
    reason = first("endless >= 0").reason
    assert reason.startswith("endless fails on these rows: ValueError: first z")
    assert len(reason) < 400


def test_a_function_ends_no_process_and_prints_nothing_among_results(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def leaving(y_true: Any) -> float:
        sys.stdout.write("so long")
        raise SystemExit(0)

    logged(leaving=leaving)
    found = first("leaving >= 0")
    assert (found.status, found.reason) == ("not evaluated", "leaving fails on these rows: SystemExit: 0")
    said = capsys.readouterr()
    assert "so long" in said.err
    assert "so long" not in said.out


def test_scores_that_a_model_does_not_give(workspace: Path) -> None:
    target = X.a * 1.0
    logged(LinearRegression().fit(X, target), truth=target, own=sklearn_metrics.roc_auc_score)
    assert first("own >= 0").reason == "own asks for scores, and the model gives none"


@pytest.mark.parametrize(
    "metrics, message",
    [
        ({"accuracy": cost}, "there is a metric accuracy already; name yours otherwise, as in my_accuracy"),
        ({"my cost": cost}, "no condition can name a metric 'my cost'"),
        ({"own": lambda estimator, X, y_true: 1.0}, "metric 'own' wants estimator, which nobody can give it"),
        ({"own": lambda y_pred: 1.0}, "metric 'own' doesn't ask for y_true"),
        ({"own": max}, "what parameters metric 'own' has can't be seen"),
        ({"own": "0.3x"}, "metric 'own' is '0.3x'"),
    ],
)  # fmt: skip
def test_what_can_be_no_metric_is_refused(workspace: Path, metrics: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        logged(**metrics)
    assert message in str(caught.value)
    assert open_store(configuration.load()).ledger.find("model") == []


def test_a_function_needs_rows_and_has_to_be_pickled(workspace: Path) -> None:
    with pytest.raises(DataError, match=r"metric 'cost' has no rows to be measured on; pass test=\(X, y\)"):
        mlops.log_model(MODEL, "churn", example=X[:5], metrics={"cost": cost})
    lock = threading.Lock()
    with pytest.raises(DataError, match="metric own can't be pickled"):
        logged(own=lambda y_true: 1.0 if lock.locked() else 0.0)


def test_keywords_that_a_function_does_not_have(workspace: Path) -> None:
    logged(cost=cost, train_loss=0.3)
    with pytest.raises(GateError, match=r"cost has no keyword 'mised'; it has: missed"):
        judged("cost(mised=3) <= 1")
    for asked in ("train_loss(a=3)", "train_loss.worst_slice"):
        with pytest.raises(GateError, match="train_loss is a number that was logged; it takes no keyword"):
            judged(f"{asked} <= 1")
    with pytest.raises(
        GateError, match=r"condition 'accuracy >= champion\.cost\.p95': cost has no 'p95'; write cost"
    ):
        judged("accuracy >= champion.cost.p95")


def test_a_changed_function_is_not_called(workspace: Path) -> None:
    store = open_store(configuration.load())
    folder = store.bundles.path(logged(cost=cost).bundle)
    changed = (folder / METRICS).read_bytes() + b" "
    (folder / METRICS).unlink()
    (folder / METRICS).write_bytes(changed)
    with pytest.raises(IntegrityError, match=METRICS):
        judged("cost <= 1")
