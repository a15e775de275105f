from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
from sklearn import metrics as sk

from jupyter_mlops.evaluation.estimate import figure
from jupyter_mlops.evaluation.metrics.own import OwnMetrics, check, own_plan, wants_scores
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows

if TYPE_CHECKING:
    from collections.abc import Callable

RANDOM = np.random.default_rng(3)
TRUTH = RANDOM.integers(0, 2, 80)
CHANCE = np.clip(0.3 * TRUTH + RANDOM.random(80) * 0.7, 0, 1)
CALLED = (CHANCE > 0.5).astype(np.int64)
SEX = np.where(RANDOM.random(80) < 0.5, "f", "m")
ROWS = TestRows("classification", TRUTH, {"sex": SEX})
SAID = Predictions(CALLED, np.column_stack([1 - CHANCE, CHANCE]), (0, 1))
NUMBERS = TestRows("regression", TRUTH + CHANCE)


def measured(function: Callable[..., Any], rows: TestRows = ROWS, said: Predictions = SAID) -> float:
    check("own", function)
    return figure(own_plan("own", OwnMetrics({"own": function}), {}, rows, said))


@pytest.mark.parametrize(
    "function",
    [
        sk.accuracy_score, sk.balanced_accuracy_score, sk.cohen_kappa_score, sk.f1_score, sk.hamming_loss,
        sk.jaccard_score, sk.matthews_corrcoef, sk.precision_score, sk.recall_score, sk.zero_one_loss,
        sk.adjusted_rand_score, sk.mutual_info_score, sk.v_measure_score, partial(sk.fbeta_score, beta=2),
    ],
)  # fmt: skip
def test_functions_of_labels(function: Callable[..., Any]) -> None:
    assert measured(function) == pytest.approx(function(TRUTH, CALLED))


@pytest.mark.parametrize(
    "function",
    [sk.roc_auc_score, sk.average_precision_score, sk.brier_score_loss, sk.log_loss, sk.d2_brier_score,
     sk.d2_log_loss_score, sk.hinge_loss, partial(sk.roc_auc_score, max_fpr=0.2)],
)  # fmt: skip
def test_functions_of_scores(function: Callable[..., Any]) -> None:
    assert measured(function) == pytest.approx(function(TRUTH, CHANCE))
    assert wants_scores(OwnMetrics({"own": function}), {"own", "accuracy"})
    assert not wants_scores(OwnMetrics({"own": function}), {"accuracy"})


@pytest.mark.parametrize(
    "function",
    [
        sk.r2_score, sk.explained_variance_score, sk.max_error, sk.mean_absolute_error, sk.median_absolute_error,
        sk.mean_absolute_percentage_error, sk.mean_pinball_loss, sk.mean_squared_error, sk.mean_squared_log_error,
        sk.root_mean_squared_error, sk.root_mean_squared_log_error, sk.d2_absolute_error_score, sk.d2_pinball_score,
    ],
)  # fmt: skip
def test_functions_of_numbers(function: Callable[..., Any]) -> None:
    said = Predictions(CHANCE)
    assert measured(function, NUMBERS, said) == pytest.approx(function(NUMBERS.truth, CHANCE))


@pytest.mark.parametrize("name", ["demographic_parity_difference", "equalized_odds_ratio"])
def test_functions_of_groups(name: str) -> None:
    function = getattr(fairlearn, name)
    assert measured(function) == pytest.approx(function(TRUTH, CALLED, sensitive_features=SEX))


def test_weights_are_weights_or_repeated_rows() -> None:
    def weighted(y_true: Any, y_pred: Any, sample_weight: Any) -> float:
        assert len(y_true) == len(sample_weight)
        assert sample_weight.min() > 0
        return float(np.average(y_true == y_pred, weights=sample_weight))

    def repeated(y_true: Any, y_pred: Any) -> float:
        return float(np.mean(y_true == y_pred))

    weights = RANDOM.poisson(1, (5, len(TRUTH))).astype(np.float64)
    figures = []
    for function in (weighted, repeated):
        plan = own_plan("own", OwnMetrics({"own": function}), {}, ROWS, SAID)
        figures.append(plan.build(plan.columns)(weights))
    assert figures[0] == pytest.approx(figures[1])
    assert figures[0] == pytest.approx(weights @ (TRUTH == CALLED) / weights.sum(axis=1))


def test_a_function_may_change_what_it_is_given_and_may_fail_on_a_resample() -> None:
    def rude(y_true: Any, y_pred: Any) -> float:
        y_true[:] = 0
        y_pred.sort()
        return 1.0 if len(y_true) == len(TRUTH) else 1 / 0

    plan = own_plan("own", OwnMetrics({"own": rude}), {}, ROWS, SAID)
    weights = np.vstack([np.ones(80), 2 * np.ones(80)])
    values = plan.build(plan.columns)(weights)
    assert values[0] == 1
    assert np.isnan(values[1])
    assert TRUTH.any()


def test_distances_are_no_probabilities() -> None:
    distances = Predictions(CALLED, np.column_stack([-CHANCE, CHANCE]), (0, 1), probabilities=False)
    assert measured(sk.roc_auc_score, said=distances) == pytest.approx(sk.roc_auc_score(TRUTH, CHANCE))
    with pytest.raises(
        NotMeasurableError, match="own asks for probabilities, and the model has no predict_proba"
    ):
        measured(sk.brier_score_loss, said=distances)


def test_answers_in_words_tell_models_apart() -> None:
    rows = TestRows("classification", np.array(["a", "b"] * 10))
    plans = [
        own_plan("own", OwnMetrics({"own": sk.accuracy_score}), {}, rows, Predictions(np.array(labels * 10)))
        for labels in (["a", "b"], ["b", "a"])
    ]
    assert not np.array_equal(plans[0].columns[1], plans[1].columns[1])


def test_a_cost_that_is_often_zero_is_never_below() -> None:
    cost = np.zeros(80)
    cost[:3] = (1.0, 5.0, 30.0)
    for shift, least in ((0.0, 0.0), (-1.0, -np.inf)):
        values = cost + shift
        plan = own_plan("own", OwnMetrics({"own": lambda y_true, of=values: of}), {}, ROWS, SAID)
        assert plan.ends == (least, np.inf)
