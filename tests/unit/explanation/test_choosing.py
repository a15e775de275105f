from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from jupyter_mlops.explanation.attributions import Attributions, NotExplainableError, by_row, checked
from jupyter_mlops.explanation.choosing import choose
from jupyter_mlops.explanation.trees import load_shap


def piped(model: Any) -> Any:
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "age_b"]),
            (OneHotEncoder(), ["job", "city"]),
        ),
        model,
    )


def boosted(**more: Any) -> Any:
    return GradientBoostingClassifier(n_estimators=10, random_state=0, **more)


@pytest.mark.parametrize(
    "model, truth, method, scale, outputs",
    [
        (LogisticRegression(), "two", "linear weights", "score", (1,)),
        (LogisticRegression(), "three", "linear weights", "score", (0, 1, 2)),
        (LinearSVC(), "two", "linear weights", "score", (1,)),
        (SVC(kernel="linear"), "two", "linear weights", "score", (1,)),
        (Ridge(), "number", "linear weights", "prediction", ()),
        (PoissonRegressor(), "number", "sampled Shapley values", "prediction", ()),
        (boosted(), "two", "tree paths", "score", (1,)),
        (boosted(), "three", "sampled Shapley values", "probability", (0, 1, 2)),
        (HistGradientBoostingClassifier(max_iter=5), "three", "tree paths", "score", (0, 1, 2)),
        (RandomForestClassifier(5, random_state=0), "two", "tree paths", "probability", (1,)),
        (RandomForestClassifier(5, random_state=0), "three", "tree paths", "probability", (0, 1, 2)),
        (ExtraTreesRegressor(5, random_state=0), "number", "tree paths", "prediction", ()),
        (SVC(), "two", "sampled Shapley values", "score", (1,)),
        (
            VotingClassifier(
                [("a", LogisticRegression()), ("b", RandomForestClassifier(3, random_state=0))], voting="soft"
            ),
            "two",
            "sampled Shapley values",
            "probability",
            (1,),
        ),
    ],
)
def test_every_kind_adds_up_to_what_the_model_says_column_by_column(
    people: pd.DataFrame,
    bought: pd.Series,
    model: Any,
    truth: str,
    method: str,
    scale: str,
    outputs: tuple[Any, ...],
):
    truths = {
        "two": bought,
        "three": pd.cut(people["age_b"], 3, labels=False),
        "number": people["age_b"] ** 2,
    }
    fitted = piped(model).fit(people, truths[truth])
    task = "regression" if truth == "number" else "classification"
    classes = tuple(getattr(fitted, "classes_", ()))
    found = choose(fitted, people[:40], task=task, classes=classes, width=4)
    assert (found.method, found.scale, found.outputs) == (method, scale, outputs)
    rows = people[100:105]
    attributed = checked(found, rows)
    asked = {"probability": "predict_proba", "score": "decision_function", "prediction": "predict"}[scale]
    expected = np.asarray(getattr(fitted, asked)(rows)).reshape(5, -1)[:, -max(1, len(outputs)) :]
    np.testing.assert_allclose(attributed.answers, expected)
    np.testing.assert_allclose(attributed.base + attributed.parts.sum(axis=2), expected, rtol=1e-6, atol=1e-9)
    assert attributed.parts.shape == (5, max(1, len(outputs)), 4)


def test_linear_and_tree_attributions_are_shaps(people: pd.DataFrame, bought: pd.Series):
    X = people[["age_b"]].assign(other=people["age"].fillna(0))
    linear = LogisticRegression().fit(X, bought)
    ours = choose(linear, X[:50], task="classification", classes=(0, 1), width=2).explain(X[50:60])
    theirs = load_shap().LinearExplainer(linear, X[:50].to_numpy()).shap_values(X[50:60].to_numpy())
    np.testing.assert_allclose(ours.parts[:, 0], theirs)
    trees = boosted().fit(X, bought)
    ours = choose(trees, None, task="classification", classes=(0, 1), width=2).explain(X[50:60])
    np.testing.assert_allclose(
        ours.parts[:, 0], load_shap().TreeExplainer(trees).shap_values(X[50:60].to_numpy())
    )


def exact_shapley(function: Any, row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Sum over all subsets, as it is defined."""
    width = len(row)

    def value(known: tuple[int, ...]) -> float:
        mixed = background.copy()
        mixed[:, list(known)] = row[list(known)]
        return float(np.mean(function(mixed)))

    parts = np.zeros(width)
    for place in range(width):
        others = [other for other in range(width) if other != place]
        for size in range(width):
            weight = math.factorial(size) * math.factorial(width - size - 1) / math.factorial(width)
            for known in itertools.combinations(others, size):
                parts[place] += weight * (value((*known, place)) - value(known))
    return parts


class Own:
    """A model by a function of the matrix."""

    def __init__(self, function: Any) -> None:
        self.predict = function


def tangled(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows[:, 0] * rows[:, 1] + np.maximum(rows[:, 2], rows[:, 3]) - 3 * (rows[:, 0] > 1))


def test_sampled_values_are_within_their_errors_of_the_exact_ones():
    random = np.random.default_rng(3)
    background, rows = random.normal(size=(30, 4)), random.normal(size=(20, 4))
    found = choose(Own(tangled), background, task="regression", classes=(), width=4).explain(rows)
    assert found.errors is not None
    exact = np.array([exact_shapley(tangled, row, background) for row in rows])
    off = (found.parts[:, 0] - exact) / np.maximum(found.errors[:, 0], 1e-9)
    assert np.mean(np.abs(off) < 2) > 0.85
    assert np.abs(off).max() < 5


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 7),
    rows=st.integers(1, 12),
    scale=st.sampled_from([1e-9, 1.0, 1e9]),
    seed=st.integers(0, 1000),
)
def test_sampled_values_always_add_up_and_an_unused_column_gets_nothing(
    width: int, rows: int, scale: float, seed: int
):
    random = np.random.default_rng(seed)
    weights = random.normal(size=width) * scale
    weights[0] = 0.0
    model = Own(lambda table: np.sin(table) @ weights)
    background = random.normal(size=(rows, width)).round(1)
    found = choose(model, background, task="regression", classes=(), width=width).explain(background + 0.5)
    assert found.gap < 1e-9
    np.testing.assert_allclose(found.parts[:, 0, 0], 0.0, atol=1e-9 * scale)


def test_equal_rows_get_equal_attributions(people: pd.DataFrame, bought: pd.Series):
    model = piped(SVC()).fit(people, bought)
    twice = people.iloc[[7, 7]].reset_index(drop=True)
    found = choose(model, people[:20], task="classification", classes=(0, 1), width=4).explain(twice)
    assert (found.parts[0] == found.parts[1]).all()


def test_a_classifier_that_gives_labels_only_is_explained_by_its_decision(people: pd.DataFrame):
    class Labels:
        def predict(self, rows: pd.DataFrame) -> Any:
            return np.where(rows["job"] == "cook", "yes", "no")

    found = choose(Labels(), people[:20], task="classification", classes=("no", "yes"), width=4)
    assert (found.scale, found.outputs) == ("probability", ("yes",))
    parts = found.explain(people[people["job"] == "cook"][:3]).parts[:, 0]
    assert (parts[:, 2] > 0.5).all()
    np.testing.assert_allclose(np.delete(parts, 2, axis=1), 0, atol=1e-12)


def test_categories_of_a_request_meet_those_of_the_background():
    background = pd.DataFrame({"job": pd.Categorical(["cook", "nurse"]), "age": [1.0, 2.0]})
    one = pd.DataFrame({"job": pd.Categorical(["clerk"]), "age": [3.0]})
    seen = []

    class Model:
        def predict(self, rows: pd.DataFrame) -> Any:
            seen.append(rows["job"].dtype)
            return (rows["job"] == "clerk").to_numpy().astype(float)

    found = choose(Model(), background, task="regression", classes=(), width=2).explain(one)
    assert found.parts[0, 0].tolist() == [1.0, 0.0]
    assert all(isinstance(dtype, pd.CategoricalDtype) for dtype in seen)


def test_splits_by_category_are_left_to_sampling(people: pd.DataFrame, bought: pd.Series):
    frame = people.astype({"job": "category", "city": "category"})
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(frame, bought)
    found = choose(model, frame[:10], task="classification", classes=(0, 1), width=4)
    assert found.method == "sampled Shapley values"
    assert checked(found, frame[10:12]).gap < 1e-9


def test_without_rows_to_compare_with_only_trees_are_explained(people: pd.DataFrame, bought: pd.Series):
    X = people[["age_b"]]
    trees = RandomForestClassifier(3, random_state=0).fit(X, bought)
    assert choose(trees, None, task="classification", classes=(0, 1), width=1).method == "tree paths"
    with pytest.raises(NotExplainableError, match="no rows to compare"):
        choose(GaussianNB().fit(X, bought), None, task="classification", classes=(0, 1), width=1)
    with pytest.raises(NotExplainableError, match="5000 columns are too many"):
        choose(Own(tangled), np.zeros((2, 5000)), task="regression", classes=(), width=5000)


def test_what_does_not_add_up_is_refused():
    class Liar:
        method, scale, outputs = "tree paths", "score", ()

        def explain(self, data: Any) -> Attributions:
            return Attributions(np.zeros(1), np.ones((1, 1)), np.zeros((1, 1, 2)))

    with pytest.raises(NotExplainableError, match=r"don't add up to what the model says: 1 apart"):
        checked(Liar(), np.zeros((1, 2)))  # type: ignore[arg-type]  # it stands in for a library gone wrong


def test_a_row_is_explained_for_the_class_it_tends_to():
    found = Attributions(np.array([0.2, 0.3]), np.array([[0.1, 0.9]]), np.array([[[-0.1, 0.0], [0.5, 0.1]]]))
    (row,) = by_row(found, ("a", "b"), ("no", "yes"))
    assert (row.output, row.base, row.value, row.errors) == ("yes", 0.3, 0.9, {})
    assert row.attributions == {"a": 0.5, "b": 0.1}
