"""Every metric of a gate against scikit-learn, and fairness against a plain loop over the groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from jupyter_mlops.evaluation.conditions import Metric
from jupyter_mlops.evaluation.metrics.planning import plan_of
from jupyter_mlops.evaluation.plan import Plan, merge_rows
from jupyter_mlops.evaluation.rows import Predictions, TestRows

seeds = st.integers(0, 10_000)


def figure(plan: Plan) -> float:
    columns, counts = merge_rows(plan.columns)
    merged = plan.build(columns)(counts[np.newaxis, :])[0]
    apart = plan.build(plan.columns)(np.ones((1, len(plan.columns[0]))))[0]
    assert merged == pytest.approx(apart, nan_ok=True)
    return float(merged)


def classified(seed: int, classes: int, rows: int) -> tuple[TestRows, Predictions]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, rows)
    scores = random.dirichlet(np.ones(classes), rows).round(1 if seed % 2 else 6) + 1e-6
    scores /= scores.sum(axis=1, keepdims=True)
    labels = np.where(random.random(rows) < 0.6, truth, random.integers(0, classes, rows))
    rows_of = TestRows("classification", truth, {"group": random.integers(0, 3, rows)})
    return rows_of, Predictions(labels, scores, tuple(range(classes)))


@given(seeds, st.integers(2, 4), st.integers(5, 200))
@settings(deadline=None)
def test_label_metrics(seed: int, classes: int, count: int) -> None:
    rows, predicted = classified(seed, classes, count)
    options: dict[str, Any] = {"zero_division": 0, "average": "binary" if classes == 2 else "macro"}
    expected = {
        "accuracy": metrics.accuracy_score(rows.truth, predicted.labels),
        "precision": metrics.precision_score(rows.truth, predicted.labels, **options),
        "recall": metrics.recall_score(rows.truth, predicted.labels, **options),
        "f1": metrics.f1_score(rows.truth, predicted.labels, **options),
    }
    if len(set(rows.truth)) > 1 and set(predicted.labels) <= set(rows.truth):  # else scikit-learn warns
        expected["balanced_accuracy"] = metrics.balanced_accuracy_score(rows.truth, predicted.labels)
    for name, value in expected.items():
        assert figure(plan_of(Metric(name=name), rows, predicted)) == pytest.approx(value), name


@given(seeds, st.integers(2, 4), st.integers(20, 200))
@settings(deadline=None)
def test_score_metrics(seed: int, classes: int, count: int) -> None:
    rows, predicted = classified(seed, classes, count)
    scores = predicted.scores
    assert scores is not None
    assume(len(np.unique(rows.truth)) == classes)
    hot = np.eye(classes)[rows.truth]
    expected = {
        "log_loss": metrics.log_loss(rows.truth, scores),
        "brier_score": metrics.brier_score_loss(rows.truth, scores[:, 1] if classes == 2 else scores),
        "roc_auc": metrics.roc_auc_score(rows.truth, scores[:, 1])
        if classes == 2
        else metrics.roc_auc_score(rows.truth, scores, multi_class="ovr", average="macro"),
        "average_precision": metrics.average_precision_score(rows.truth, scores[:, 1])
        if classes == 2
        else metrics.average_precision_score(hot, scores, average="macro"),
    }
    for name, value in expected.items():
        assert figure(plan_of(Metric(name=name), rows, predicted)) == pytest.approx(value), name


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=100),
    st.floats(-1e6, 1e6),
)
@settings(deadline=None)
def test_regression_metrics(pairs: list[tuple[float, float]], shift: float) -> None:
    truth, predicted = np.array(pairs).T
    truth = truth + shift
    rows = TestRows("regression", truth)
    expected = {
        "mean_absolute_error": metrics.mean_absolute_error(truth, predicted),
        "mean_squared_error": metrics.mean_squared_error(truth, predicted),
        "root_mean_squared_error": metrics.root_mean_squared_error(truth, predicted),
    }
    if np.std(truth) > 1e-3:
        expected["r2"] = metrics.r2_score(truth, predicted)
    for name, value in expected.items():
        assert figure(plan_of(Metric(name=name), rows, Predictions(predicted))) == pytest.approx(
            value, rel=1e-6
        ), name


@given(seeds)
@settings(deadline=None)
def test_fairness_by_a_plain_loop(seed: int) -> None:
    rows, predicted = classified(seed, 2, 400)
    rates = []
    for group in range(3):
        inside = rows.sensitive["group"] == group
        guesses, truth = predicted.labels[inside], rows.truth[inside]
        rates.append([guesses.mean(), guesses[truth == 1].mean(), guesses[truth == 0].mean()])
    parity, opportunity, false_positive = np.ptp(np.array(rates), axis=0)
    expected = {
        "demographic_parity_difference": parity,
        "equal_opportunity_difference": opportunity,
        "equalized_odds_difference": max(opportunity, false_positive),
    }
    for name, value in expected.items():
        assert figure(plan_of(Metric(name=name, attributes=("group",)), rows, predicted)) == pytest.approx(
            value
        ), name


@given(seeds)
@settings(deadline=None)
def test_the_worst_slice_by_a_plain_loop(seed: int) -> None:
    rows, predicted = classified(seed, 2, 400)
    group = rows.sensitive["group"]
    correct = rows.truth == predicted.labels
    plan = plan_of(Metric(name="accuracy", part="worst_slice"), rows, predicted)
    shares = [correct[group == value].mean() for value in range(3)]
    assert figure(plan) == pytest.approx(min(shares))
    assert f"group={int(np.argmin(shares))}" in plan.note
    loss = plan_of(Metric(name="log_loss", part="worst_slice"), rows, predicted)
    assert predicted.scores is not None
    own = -np.log(predicted.scores[np.arange(400), rows.truth])
    assert figure(loss) == pytest.approx(max(own[group == value].mean() for value in range(3)))
