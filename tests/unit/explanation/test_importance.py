from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from jupyter_mlops.explanation import importance, scores
from jupyter_mlops.explanation.attributions import Attributions
from jupyter_mlops.explanation.choosing import choose
from jupyter_mlops.explanation.importance import Score

# Simulated data sets in the test of the intervals; the long form is 2,000.
SIMULATED = int(os.environ.get("JUPYTER_MLOPS_TEST_SIMULATIONS", "150"))
WEIGHTS = np.array([1.0, 0.4, 0.0])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([-1e9, -1.0, 0.0, 0.5, 1.0, 1e-9])), min_size=2
    ).filter(lambda rows: len({truth for truth, _ in rows}) == 2)
)
def test_the_mean_share_is_the_metric_as_scikit_learn_has_it(rows: list[tuple[int, float]]):
    truth, answers = (np.array(values) for values in zip(*rows, strict=True))
    assert importance.roc_auc(truth, answers).mean() == pytest.approx(roc_auc_score(truth, answers))
    labels = (answers > 0).astype(int)
    assert importance.accuracy(truth, labels).mean() == pytest.approx(accuracy_score(truth, labels))
    found = importance.r2(truth.astype(float), answers)
    assert found.mean() == pytest.approx(r2_score(truth, answers), rel=1e-6)


def ranked(table: Any) -> Any:
    return table @ WEIGHTS


def decided(table: Any) -> Any:
    return (table @ WEIGHTS > 0).astype(int)


def simulated(kind: str, random: np.random.Generator, rows: int) -> tuple[Score, Any, Any]:
    X = random.normal(size=(rows, 3))
    if kind == "r2":
        return Score(kind, ranked, importance.r2), X, ranked(X) + random.normal(size=rows)
    truth = (random.random(rows) < 1 / (1 + np.exp(-1.5 * ranked(X)))).astype(int)
    if kind == "accuracy":
        return Score(kind, decided, importance.accuracy), X, truth
    return Score(kind, ranked, importance.roc_auc), X, truth


@pytest.mark.parametrize("kind", ["accuracy", "roc_auc", "r2"])
@pytest.mark.parametrize("rounds", [1, 5])
def test_intervals_hold_what_they_promise(kind: str, rounds: int):
    many = simulated(kind, np.random.default_rng(9), 200_000)
    true = importance.losses(*many, seconds=1e9, rounds=2).loss
    random = np.random.default_rng(1)
    held = np.zeros(3)
    for _ in range(SIMULATED):
        found = importance.losses(*simulated(kind, random, 400), seconds=1e9, rounds=rounds)
        held += [low <= value <= high for value, (low, high) in zip(true, found.intervals, strict=True)]
    shares = held / SIMULATED
    # Four standard errors of a share of 95%.
    assert (np.abs(shares[:2] - 0.95) < 0.01 + 4 * np.sqrt(0.95 * 0.05 / SIMULATED)).all(), shares
    assert shares[2] == 1.0
    assert found.loss[2] == 0.0


def test_losses_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(2000, 3)), columns=["a", "b", "c"])
    y = 3 * X["a"] + X["b"] + random.normal(size=2000)
    model = LinearRegression().fit(X, y)
    found = scores.score_of(model, X, y.to_numpy(), task="regression", classes=())
    assert found is not None
    ours = importance.losses(found[0], X, found[1], seconds=1e9, rounds=40)
    theirs = permutation_importance(model, X, y, n_repeats=40, random_state=0).importances_mean
    np.testing.assert_allclose(ours.loss, theirs, atol=0.03)
    assert ours.score == pytest.approx(model.score(X, y))
    assert (ours.rows, ours.rounds) == (2000, 40)
    assert importance.losses(found[0], X, found[1], seconds=1e9, rounds=40) == ours


def test_a_slow_model_gets_fewer_rounds_and_then_fewer_rows(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: now[0])
    asked = []

    def slow(table: Any) -> Any:
        asked.append(len(table))
        now[0] += len(table) / 1000
        return table[:, 0]

    score = Score("r2", slow, importance.r2)
    X = np.random.default_rng(0).normal(size=(1000, 4))
    rounds = importance.losses(score, X, X[:, 0], seconds=8.5)
    assert (rounds.rows, rounds.rounds) == (1000, 2)
    rows = importance.losses(score, X, X[:, 0], seconds=2)
    assert (rows.rows, rows.rounds) == (500, 1)
    fewest = importance.losses(score, X, X[:, 0], seconds=0.001)
    assert (fewest.rows, fewest.rounds) == (importance.FEWEST_ROWS, 1)


@pytest.mark.parametrize(
    "truth, classes, metric",
    [
        (np.array([0, 1] * 50), (0, 1), "roc_auc"),
        (np.array([False, True] * 50), (False, True), "roc_auc"),
        (np.array([0.0, 1.0] * 50), (0, 1), "roc_auc"),
        (np.array(["no", "yes"] * 50), ("no", "yes"), "roc_auc"),
        (np.array(["no", "yes"] * 50, dtype=object), ("no", "yes"), "roc_auc"),
        (np.array([0] * 100), (0, 1), "accuracy"),
    ],
)
def test_two_classes_are_ranked_whatever_they_are_called(truth: Any, classes: tuple[Any, ...], metric: str):
    X = pd.DataFrame({"a": np.arange(100.0), "b": np.tile([0.0, 1.0], 50)})
    both = np.array(classes)[np.tile([0, 1], 50)]
    model = LogisticRegression().fit(X, both)
    found = scores.score_of(model, X, truth, task="classification", classes=tuple(both[:2].tolist()))
    assert found is not None
    assert found[0].metric == metric
    assert importance.losses(found[0], X, found[1], seconds=1e9).score in (1.0, 0.5)


def test_what_has_no_score_says_so():
    X = np.arange(10.0).reshape(-1, 1)
    constant = LinearRegression().fit(X, X[:, 0])
    assert scores.score_of(constant, X, np.ones(10), task="regression", classes=()) is None
    several = LinearRegression().fit(X, np.column_stack([X, X]))
    assert scores.score_of(several, X, X[:, 0], task="regression", classes=()) is None


def test_mean_sizes_and_directions():
    random = np.random.default_rng(0)
    X = pd.DataFrame({"up": random.normal(size=300), "down": random.normal(size=300), "word": ["a"] * 300})
    parts = np.stack([X["up"], -2 * X["down"], np.zeros(300)], axis=1)[:, None]
    found = Attributions(np.zeros(1), parts.sum(axis=2), parts)
    sizes = importance.mean_sizes(found)
    assert sizes[1][0] == pytest.approx(2 * X["down"].abs().mean())
    assert sizes[1][1][0] < 2 * np.sqrt(2 / np.pi) < sizes[1][1][1]
    assert sizes[2] == (0.0, (0.0, 0.0))
    assert importance.directions(found, X) == [pytest.approx(1.0), pytest.approx(-1.0), None]
    several = Attributions(np.zeros(2), np.zeros((300, 2)), np.zeros((300, 2, 3)))
    assert importance.directions(several, X) == [None] * 3


def test_as_many_rows_are_attributed_as_there_is_time_for(monkeypatch: pytest.MonkeyPatch):
    X = np.random.default_rng(0).normal(size=(1000, 2))
    explainer = choose(LinearRegression().fit(X, X[:, 0]), X[:50], task="regression", classes=(), width=2)
    assert len(importance.attributed(explainer, X, seconds=1e9).answers) == importance.ATTRIBUTED
    ticks = iter([0.0, 20.0])
    monkeypatch.setattr(time, "process_time", lambda: next(ticks))
    assert len(importance.attributed(explainer, X, seconds=60).answers) == 60


def test_the_interval_of_a_column_that_hardly_matters_has_a_width_and_holds():
    hits, widths = 0, []
    for seed in range(60):
        random = np.random.default_rng(seed)
        rows = random.normal(size=(200, 2))
        truth = rows[:, 0] + random.normal(size=200)
        # The second column tells nothing of the truth: shuffled it does as much harm.
        score = Score("r2", lambda data: np.asarray(data) @ [1.0, 0.05], importance.r2)
        low, high = importance.losses(score, rows, truth, seconds=60).intervals[1]
        widths.append(high - low)
        hits += low <= 0 <= high
    assert min(widths) > 0
    assert hits >= 52
