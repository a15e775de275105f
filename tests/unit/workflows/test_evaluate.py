from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from jupyter_mlops import settings as configuration
from jupyter_mlops.data import versions
from jupyter_mlops.errors import GateError, IntegrityError, NotFoundError
from jupyter_mlops.records.model import Manifest, ModelVersion, Promotion, Signature, Tensor, TestData
from jupyter_mlops.records.pipeline import Gate
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import as_served
from jupyter_mlops.workflows.evaluate import evaluate_gate

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.evaluation import ConditionResult, Evaluation

RANDOM = np.random.default_rng(0)
X = pd.DataFrame({"a": RANDOM.normal(size=600), "b": RANDOM.normal(size=600)})
Y = pd.Series(np.where(X.a + 0.3 * RANDOM.normal(size=600) > 0, 1, 0), name="bought")
SEX = np.where(RANDOM.random(600) < 0.5, "f", "m")


def put(
    model: Any,
    number: int = 1,
    *,
    columns: tuple[str, ...] = ("a", "b"),
    layout: Any = "frame",
    task: Any = "classification",
    test: bool = True,
    target: pd.Series = Y,
    **more: Any,
) -> ModelVersion:
    """Put a version on record as log_model would, but for MLflow."""
    store = open_store(configuration.load())
    if layout == "array":
        inputs: tuple[Tensor, ...] = (Tensor(name="input", datatype="FP64", shape=(-1, len(columns))),)
    else:
        inputs = tuple(Tensor(name=name, datatype="FP64", shape=(-1,)) for name in columns)
    answers = "FP64" if task == "regression" else "INT64"
    outputs = (Tensor(name="predict", datatype=answers, shape=(-1,)),)
    signature = Signature(layout=layout, inputs=inputs, outputs=outputs)
    bundle = store.bundles.write(model, Manifest(name="churn", task=task, signature=signature))
    rows = None
    if test:
        frame = X.assign(bought=target, SEX=SEX)
        dataset = versions.add(store, "churn-test", frame)
        rows = TestData(dataset=str(dataset.ref), target="bought", features=columns, sensitive={"SEX": "SEX"})
    version = ModelVersion(
        name="churn", version=number, bundle=bundle, signature=signature, mlflow_run="", test=rows, **more
    )
    store.ledger.append(version)
    return version


def gate(*conditions: str) -> Gate:
    return Gate(model="churn", conditions=conditions, cell=4)


def judged(*conditions: str, version: int | None = None) -> Evaluation:
    return evaluate_gate(configuration.load(), gate(*conditions), version)


def first(*conditions: str) -> ConditionResult:
    return judged(*conditions).conditions[0]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure speed no longer than it takes to see that it is."""
    monkeypatch.setattr(as_served, "SECONDS", 0.1)
    monkeypatch.setattr(as_served, "THROUGHPUT_SECONDS", 0.1)
    monkeypatch.setattr(as_served, "WARM_UP_SECONDS", 0.1)
    monkeypatch.setattr(as_served, "BATCHES", (1, 8))


@pytest.fixture
def fitted() -> LogisticRegression:
    return LogisticRegression().fit(X, Y)


def champion_is(number: int) -> None:
    ledger = open_store(configuration.load()).ledger
    ledger.append(Promotion(name="churn", version=number, alias="champion", authority="ledger"))


def test_every_kind_of_condition(workspace: Path, fitted: LogisticRegression) -> None:
    version = put(fitted, metrics={"own": 3.0})
    found = judged(
        "accuracy >= 0.8",
        "roc_auc >= champion.roc_auc - 0.005",
        'demographic_parity_difference["SEX"] <= 0.9',
        "accuracy.worst_slice >= 0.7",
        "latency_ms.p95 <= 10000",
        "throughput_rows_per_s(batch=64) >= 1",
        "memory_mb <= 10000",
        "model_size_mb <= 10",
        "own >= 3",
        "gpu_peak_memory_mb <= 8000 optional",
    )
    assert found.passed
    assert [result.status for result in found.conditions] == ["passed"] * 9 + ["not evaluated"]
    assert (found.rows, found.champion, found.version) == (600, None, 1)
    assert version.test is not None
    assert found.parents == ("model/churn@1", version.test.dataset)
    store = open_store(configuration.load())
    assert store.ledger.get(str(found.ref)) == found
    assert store.ledger.children("model/churn@1", "evaluation") == [found]


def test_the_newest_version_unless_one_is_named(workspace: Path, fitted: LogisticRegression) -> None:
    put(fitted)
    put(LogisticRegression(C=1e-9).fit(X, Y), 2)
    assert judged("accuracy >= 0.5").version == 2
    assert judged("accuracy >= 0.5", version=1).version == 1


def test_the_champion_is_measured_on_the_same_rows(workspace: Path, fitted: LogisticRegression) -> None:
    put(LogisticRegression().fit(X[["b"]], Y), columns=("b",), test=False)
    put(fitted, 2)
    champion_is(1)
    found = judged("accuracy >= champion.accuracy + 0.1")
    assert found.passed
    assert found.champion == 1
    assert found.parents[:2] == ("model/churn@2", "model/churn@1")
    [result] = found.conditions
    assert result.ci is not None
    assert result.ci[0] > 0.1
    assert result.p_value is not None
    assert result.p_value < 0.001


def test_what_was_judged_before_is_judged_again_only_when_asked_to(
    workspace: Path, fitted: LogisticRegression
) -> None:
    put(fitted)
    where = configuration.load()
    lines = ("accuracy >= 0.5", "roc_auc >= champion.roc_auc - 0.1")
    one = evaluate_gate(where, gate(*lines))
    assert evaluate_gate(where, gate(*lines), afresh=False) == one
    assert evaluate_gate(where, gate(*lines)) != one
    assert evaluate_gate(where, gate("accuracy >= 0.6", lines[1]), afresh=False) != one, "another condition"
    champion_is(1)
    assert evaluate_gate(where, gate(*lines), afresh=False) != one, "another champion"


def test_what_could_not_be_evaluated_is_tried_again(workspace: Path, fitted: LogisticRegression) -> None:
    put(fitted, test=False)
    where = configuration.load()
    one = evaluate_gate(where, gate("accuracy >= 0.5"), afresh=False)
    assert evaluate_gate(where, gate("accuracy >= 0.5"), afresh=False).created_at != one.created_at


def test_what_may_stay_unevaluated_is_not_tried_again_by_each_run(
    workspace: Path, fitted: LogisticRegression
) -> None:
    put(fitted)
    lines = ("accuracy >= 0.5", "gpu_power_w <= 300 optional")
    one = evaluate_gate(configuration.load(), gate(*lines), afresh=False)
    assert evaluate_gate(configuration.load(), gate(*lines), afresh=False) == one


def test_each_step_is_told(workspace: Path, fitted: LogisticRegression) -> None:
    put(fitted)
    told: list[str] = []
    evaluate_gate(configuration.load(), gate("accuracy >= 0.5", "f1 >= 0.5"), on_step=told.append)
    assert told == ["churn/1 answers its test rows", "accuracy >= 0.5 (1 of 2)", "f1 >= 0.5 (2 of 2)"]


def test_the_champion_itself_passes(workspace: Path, fitted: LogisticRegression) -> None:
    put(fitted)
    champion_is(1)
    found = judged("accuracy >= champion.accuracy", "log_loss <= champion.log_loss")
    assert found.passed
    assert found.conditions[0].difference == 0
    assert found.parents.count("model/churn@1") == 1


def test_a_champion_that_cannot_answer_is_told(workspace: Path, fitted: LogisticRegression) -> None:
    put(LogisticRegression().fit(X.assign(c=1.0), Y), columns=("a", "b", "c"), test=False)
    put(fitted, 2)
    champion_is(1)
    result = first("accuracy >= champion.accuracy")
    assert result.status == "not evaluated"
    assert result.reason == "the champion: the test rows lack its columns c"


def test_a_champion_whose_bundle_is_broken_is_told(workspace: Path, fitted: LogisticRegression) -> None:
    old = put(LogisticRegression(C=2).fit(X, Y))
    put(fitted, 2)
    champion_is(1)
    path = open_store(configuration.load()).bundles.path(old.bundle) / "model.pkl"
    path.chmod(0o644)
    path.write_bytes(b"x")
    assert "is not what was logged" in first("accuracy >= champion.accuracy").reason
    with pytest.raises(IntegrityError):
        judged("accuracy >= 0.1", version=1)


def test_without_test_rows_nothing_is_evaluated(workspace: Path, fitted: LogisticRegression) -> None:
    put(fitted, test=False)
    found = judged("accuracy >= 0.1", "model_size_mb <= 10")
    assert not found.passed
    assert [result.status for result in found.conditions] == ["not evaluated", "passed"]
    assert "pass test=(X, y) to mlops.log_model" in found.conditions[0].reason


def test_rows_without_a_true_value_are_left_out(workspace: Path, fitted: LogisticRegression) -> None:
    put(fitted, target=Y.where(Y.index < 400))
    assert judged("accuracy >= 0.1").rows == 400
    put(fitted, 2, target=Y.where(Y.index < 0))
    assert first("accuracy >= 0.1").status == "not evaluated"


def test_a_champion_of_another_width_is_told(workspace: Path) -> None:
    put(LogisticRegression().fit(X[["a"]].to_numpy(), Y), layout="array", columns=("a",), test=False)
    put(LogisticRegression().fit(X.to_numpy(), Y), 2, layout="array")
    champion_is(1)
    result = first("accuracy >= champion.accuracy")
    assert result.reason == "the champion: it takes 1 columns, the test rows have 2"


def test_array_models(workspace: Path) -> None:
    put(LogisticRegression().fit(X.to_numpy(), Y), layout="array")
    assert judged("accuracy >= 0.8").passed
    put(LogisticRegression().fit(X.to_numpy(), Y), 2, layout="array", columns=("a",))
    assert "X has 1 features" in first("accuracy >= 0.8").reason


@pytest.mark.parametrize("task", ["regression", "other"])
def test_regression(workspace: Path, task: str) -> None:
    target = pd.Series(2 * X.a + 1)
    put(LinearRegression().fit(X, target), task=task, target=target)
    assert judged("r2 >= 0.99", "mean_absolute_error.worst_slice <= 0.01").passed
    if task == "other":
        assert "the model is a regression" in first("accuracy >= 0.1").reason
    else:
        with pytest.raises(GateError, match="the model is a regression"):
            judged("accuracy >= 0.1")


@pytest.mark.parametrize(
    "condition, message",
    [
        ("acuracy >= 0.8", "no metric 'acuracy'; did you mean accuracy"),
        ("f1 >= champion.f11", "no metric 'f11'; did you mean f1"),
        ("accuracy >=", "gate churn, line 1: condition 'accuracy >=': it doesn't parse"),
    ],
)
def test_a_gate_that_is_not_understood_leaves_no_record(
    workspace: Path, fitted: LogisticRegression, condition: str, message: str
) -> None:
    put(fitted)
    with pytest.raises(GateError) as caught:
        judged(condition)
    assert message in str(caught.value)
    assert open_store(configuration.load()).ledger.find("evaluation") == []


def test_a_model_that_is_not_there(workspace: Path, fitted: LogisticRegression) -> None:
    with pytest.raises(NotFoundError, match="no model 'churn'"):
        judged("accuracy >= 0.8")
    put(fitted)
    with pytest.raises(NotFoundError, match="churn@7"):
        judged("accuracy >= 0.8", version=7)


def test_the_rule_the_method_and_the_device_are_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    put(LogisticRegression().fit(X, Y))
    by_figure = judged("accuracy >= 0.88")
    condition = by_figure.conditions[0]
    assert condition.value is not None
    assert condition.ci is not None
    assert by_figure.rule == "figure"
    assert by_figure.device.startswith("cpu (n")
    assert condition.method == "Wilson score"
    # A number within the interval: the figure holds it, the whole interval doesn't.
    within = f"accuracy >= {condition.ci[0] + 0.001:.4f}"
    assert first(within).status == "passed"
    monkeypatch.setenv("JUPYTER_MLOPS_GATE_RULE", "interval")
    by_interval = judged(within)
    assert (by_interval.rule, by_interval.conditions[0].status) == ("interval", "failed")
    assert by_interval.conditions[0].p_adjusted == by_interval.conditions[0].p_value
    # Another rule is another question: what was judged before doesn't answer it.
    again = evaluate_gate(configuration.load(), gate(within), afresh=False)
    assert again == by_interval
