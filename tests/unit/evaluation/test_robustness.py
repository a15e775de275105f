from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

from jupyter_mlops.evaluation.conditions import parse
from jupyter_mlops.evaluation.measure import Subject, measure
from jupyter_mlops.evaluation.robustness import ROUNDS, Harm, harmed
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows, predict

RANDOM = np.random.default_rng(0)
X = pd.DataFrame({"a": RANDOM.normal(size=1_000), "b": RANDOM.normal(size=1_000)})
Y = (X.a + 0.3 * RANDOM.normal(size=1_000) > 0).to_numpy().astype(int)
ROWS = TestRows("classification", Y, {"half": np.arange(1_000) % 2}, {"a": X.a.to_numpy()})


def subject(model: Any) -> Subject:
    model.fit(X, Y)

    def again(harm: Harm, place: int) -> Predictions:
        return predict(model, harmed(X, harm, place), classification=True)

    return Subject(predict(model, X, classification=True), again=again)


def test_noise_costs_accuracy_and_more_noise_more() -> None:
    model = LogisticRegression()
    known = subject(model)
    little = measure(parse("accuracy(noise=0.1) >= 0.5"), ROWS, known)
    much = measure(parse("accuracy(noise=1.0) >= 0.5"), ROWS, known)
    plain = accuracy_score(Y, model.predict(X))
    assert much.value is not None
    assert little.value is not None
    assert much.value < little.value < plain + 0.01
    rounds = [accuracy_score(Y, model.predict(harmed(X, Harm(noise=1.0), place))) for place in range(ROUNDS)]
    assert much.value == pytest.approx(np.mean(rounds))
    assert much.reason == f"noise of 1 standard deviations, 5 rounds; without it {plain:.4g}"
    assert much.ci is not None
    assert much.ci[0] < much.value < much.ci[1]


def test_a_model_that_cant_take_missing_cells_says_so() -> None:
    found = measure(parse("accuracy(missing=0.1) >= 0.5"), ROWS, subject(LogisticRegression()))
    assert found.value is None
    assert found.reason == (
        "with 0.1 of the cells missing: the model can't predict these rows: ValueError: Input X contains NaN."
    )
    trees = measure(
        parse("f1(missing=0.1) >= 0.5"), ROWS, subject(HistGradientBoostingClassifier(max_iter=20))
    )
    assert trees.value is not None
    assert 0.5 < trees.value < 1


def test_the_champion_gets_the_same_noise() -> None:
    own = subject(LogisticRegression())
    found = measure(parse("roc_auc(noise=0.5) >= champion.roc_auc(noise=0.5)"), ROWS, own, own)
    assert found.difference == 0


def test_with_slices_too() -> None:
    found = measure(parse("accuracy(noise=0.5).worst_slice >= 0.5"), ROWS, subject(LogisticRegression()))
    assert found.value is not None
    assert "worst: half=" in found.reason
    assert "noise of 0.5" in found.reason


def test_a_subject_without_its_model_cant_be_asked_again() -> None:
    bare = Subject(Predictions(Y))
    assert measure(parse("accuracy(noise=0.1) >= 0"), ROWS, bare).reason == "the model can't be asked again"


def test_what_noise_falls_on() -> None:
    frame = pd.DataFrame(
        {
            "number": RANDOM.normal(5, 2, 500),
            "code": RANDOM.integers(1, 4, 500),
            "flag": RANDOM.random(500) < 0.5,
            "text": RANDOM.choice(["x", "y"], 500),
            "empty": np.full(500, np.nan),
            "nullable": pd.array([1, None] * 250, dtype="Int64"),
        }
    )
    after = harmed(frame, Harm(noise=0.5), 0)
    assert (after.dtypes == frame.dtypes).all()
    assert (after.number - frame.number).std() == pytest.approx(0.5 * frame.number.std(), rel=0.1)
    assert set(after.code) == {1, 2, 3}
    assert (after.code != frame.code).any()
    pd.testing.assert_frame_equal(
        after[["flag", "text", "empty", "nullable"]], frame[["flag", "text", "empty", "nullable"]]
    )
    pd.testing.assert_frame_equal(after, harmed(frame, Harm(noise=0.5), 0))
    assert not after.number.equals(harmed(frame, Harm(noise=0.5), 1).number)


def test_cells_go_missing_in_every_kind_of_column() -> None:
    frame = pd.DataFrame(
        {"n": np.arange(2_000), "f": np.ones(2_000), "t": ["x"] * 2_000, "b": [True, False] * 1_000}
    )
    after = harmed(frame, Harm(missing=0.2), 0)
    assert after.isna().mean().to_numpy() == pytest.approx(0.2, abs=0.03)
    assert (after.n.dropna() == frame.n[after.n.notna()]).all()
    array = harmed(frame[["n", "f"]].to_numpy(), Harm(noise=0.1, missing=0.2), 0)
    assert np.isnan(array).mean() == pytest.approx(0.2, abs=0.03)
    images = np.random.default_rng(0).normal(size=(50, 2, 3))
    flat = harmed(images.reshape(50, 6), Harm(noise=0.1, missing=0.2), 0)
    assert np.array_equal(
        harmed(images, Harm(noise=0.1, missing=0.2), 0).reshape(50, 6), flat, equal_nan=True
    )
    with pytest.raises(NotMeasurableError, match="have no columns"):
        harmed(np.ones(3), Harm(noise=1), 0)
