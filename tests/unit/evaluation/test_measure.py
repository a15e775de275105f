from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from jupyter_mlops.evaluation.conditions import parse
from jupyter_mlops.evaluation.measure import Subject, measure
from jupyter_mlops.evaluation.metrics.own import OwnMetrics
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows, predict
from jupyter_mlops.evaluation.system import SystemFigure

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.gates import Measurement

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(0, 2, 1_000)
SEX = np.where(RANDOM.random(1_000) < 0.5, "f", "m")
SEX[:5] = "x"
ROWS = TestRows("classification", TRUTH, {"SEX": SEX}, {"AGE": RANDOM.integers(0, 90, 1_000)})


def subject(right: float, seed: int = 1, **more: Any) -> Subject:
    """Answer rightly for a share of the rows; the same rows for every share."""
    hit = np.random.default_rng(seed).random(1_000) < right
    labels = np.where(hit, TRUTH, 1 - TRUTH)
    scores = np.column_stack([1 - 0.8 * labels - 0.1, 0.8 * labels + 0.1])
    return Subject(Predictions(labels, scores, (0, 1)), **more)


def of(
    text: str, version: Subject, champion: Subject | None = None, rows: TestRows | None = ROWS
) -> Measurement:
    return measure(parse(text), rows, version, champion)


def test_a_figure_has_its_interval() -> None:
    found = of("accuracy >= 0.8", subject(0.9))
    assert found.value == pytest.approx(0.9, abs=0.03)
    assert found.ci is not None
    assert found.value is not None
    assert found.ci[0] < found.value < found.ci[1]


def test_a_calibration_error_of_few_rows_may_well_be_none() -> None:
    for seed in range(12):
        random = np.random.default_rng(seed)
        chance = random.random(300)
        rows = TestRows("classification", (random.random(300) < chance) * 1)
        answers = Predictions((chance > 0.5) * 1, np.column_stack([1 - chance, chance]), (0, 1))
        found = of("expected_calibration_error <= 0.1", Subject(answers), rows=rows)
        assert found.ci is not None
        assert found.value is not None
        assert found.ci[0] == 0
        assert found.ci[1] >= found.value > 0
        assert ("few rows overstate it" in found.reason) == (found.ci[1] == found.value)


@pytest.mark.parametrize(
    "name", ["mean_absolute_error", "mean_squared_error", "r2", "median_absolute_error", "own"]
)
def test_a_perfect_regression_says_nothing_of_the_size_of_errors(name: str) -> None:
    answers = Subject(
        Predictions(np.arange(60.0)), own=OwnMetrics({"own": lambda y_true, y_pred: y_pred - y_true})
    )
    found = of(f"{name} <= 1", answers, rows=TestRows("regression", np.arange(60.0)))
    assert (found.ci, found.p_value) == (None, None)
    assert found.reason.startswith("no interval: all rows say the same")


def test_a_slice_has_the_law_of_all_rows() -> None:
    chance = RANDOM.random(1_000)
    rows = TestRows("classification", (RANDOM.random(1_000) < chance) * 1, {"half": np.arange(1_000) % 2})
    answers = Subject(Predictions((chance > 0.5) * 1, np.column_stack([1 - chance, chance]), (0, 1)))
    found = of("expected_calibration_error.worst_slice <= 1", answers, rows=rows)
    assert found.method == "test inversion over all bins; the largest of 2"


def test_calibration_errors_are_set_against_each_other_on_the_safe_side() -> None:
    chance = RANDOM.random(1_000)
    rows = TestRows("classification", (RANDOM.random(1_000) < chance) * 1)
    one, other = (
        Subject(Predictions((each > 0.5) * 1, np.column_stack([1 - each, each]), (0, 1)))
        for each in (chance, chance**1.2)
    )
    alone = [of("expected_calibration_error <= 1", each, rows=rows).ci or (0, 0) for each in (one, other)]
    found = of("expected_calibration_error <= champion.expected_calibration_error", one, other, rows)
    assert found.ci == pytest.approx((alone[0][0] - alone[1][1], alone[0][1] - alone[1][0]), abs=1e-9)


def test_too_few_rows_are_no_proof_against_the_champion() -> None:
    rows = TestRows("regression", np.ones(1))
    better, worse = (Subject(Predictions(np.array([answer]))) for answer in (1.0, 2.0))
    found = of("mean_absolute_error <= champion.mean_absolute_error", better, worse, rows)
    assert (found.difference, found.ci, found.p_value) == (-1, None, 1.0)
    assert found.reason.startswith("no interval: the rows are too few")


def test_the_champion_is_compared_on_the_same_rows() -> None:
    found = of("accuracy >= champion.accuracy", subject(0.9), subject(0.85))
    assert found.value == pytest.approx(0.9, abs=0.03)
    assert found.champion == pytest.approx(0.85, abs=0.03)
    assert found.ci is not None
    assert found.ci[0] > 0
    assert found.p_value is not None
    assert found.p_value < 0.01


def test_a_tie_is_a_tie_however_it_is_written() -> None:
    one = subject(0.9)
    for theirs in ("(champion.f1 + champion.f1 + champion.f1) / 3", "champion.f1 * 0.7 + champion.f1 * 0.3"):
        found = of(f"f1 >= {theirs}", one, one)
        assert (found.difference, found.ci, found.p_value, found.reason) == (0.0, (0.0, 0.0), None, "")


def test_a_part_of_the_champions_worst_is_set_against_the_worst() -> None:
    text = "accuracy.worst_slice >= 0.9 * champion.accuracy.worst_slice"
    assert of(text, subject(0.9), subject(0.85)).method.endswith("set against each other")


def test_the_p_value_follows_the_direction() -> None:
    worse = of("log_loss <= champion.log_loss", subject(0.8), subject(0.9))
    better = of("log_loss <= champion.log_loss", subject(0.9), subject(0.8))
    assert worse.p_value is not None
    assert better.p_value is not None
    assert worse.p_value > 0.99
    assert better.p_value < 0.01


def test_small_groups_are_named() -> None:
    found = of('demographic_parity_difference["SEX"] <= 0.1', subject(0.9))
    assert found.reason == "left out, fewer than 30 rows: SEX=x (5 rows)"


@pytest.mark.parametrize(
    "text, why",
    [
        ("r2 >= 0.1", "is for regression"),
        ('equalized_odds_difference["SX"] <= 0.1', "no attribute 'SX'; there are: SEX"),
        ('equalized_odds_difference["AGE"] <= 0.1', "AGE has 90 values"),
        ("latency_ms.p95 <= 1", "can't be run here"),
        ("own >= 1", "logged no finite own"),
    ],
)
def test_what_cannot_be_measured_says_why(text: str, why: str) -> None:
    found = of(text, subject(0.9))
    assert found.value is None
    assert why in found.reason


def test_without_rows_there_is_a_mend() -> None:
    assert of("accuracy >= 0.8", Subject(), rows=None).reason == (
        "there are no test rows; pass test=(X, y) to mlops.log_model"
    )


def test_a_model_that_could_not_answer_says_why() -> None:
    assert of("accuracy >= 0.8", Subject(problem="it broke")).reason == "it broke"
    found = of("accuracy >= champion.accuracy", subject(0.9), Subject(problem="it broke"))
    assert found.value is not None
    assert found.difference is None
    assert found.reason == "the champion: it broke"


def test_logged_figures_stand_in_for_metrics_that_are_not_ours() -> None:
    found = of(
        "own >= champion.own - 1", subject(0.9, logged={"own": 5.0}), subject(0.9, logged={"own": 4.0})
    )
    assert (found.value, found.champion, found.difference, found.ci) == (5.0, 4.0, 1.0, None)


def test_a_model_with_hardly_a_mistake_has_an_interval_one_can_use() -> None:
    truth = np.random.default_rng(0).integers(0, 3, 600)
    answers = truth.copy()
    answers[:2] = (answers[:2] + 1) % 3
    rows = TestRows("classification", truth)
    found = of('f1(average="macro") >= 0.8', Subject(predictions=Predictions(answers)), rows=rows)
    assert found.value is not None
    assert found.ci is not None
    assert 0.97 < found.ci[0] < found.value < found.ci[1] <= 1


def test_system_figures_of_two_versions_are_compared_without_pairs() -> None:
    def probe(value: float, spread: float) -> Any:
        draws = np.random.default_rng(int(value)).normal(value, spread, 2_000)
        return lambda _metric: SystemFigure(value, draws, "as served")

    text = "latency_ms.p95 <= champion.latency_ms.p95 + 1"
    found = of(text, Subject(system=probe(4.0, 0.1)), Subject(system=probe(3.5, 0.1)), rows=None)
    assert (found.value, found.champion, found.difference) == (4.0, 3.5, 0.5)
    assert found.ci == pytest.approx((0.5 - 0.277, 0.5 + 0.277), abs=0.03)
    assert found.reason == "as served; champion as served"
    own = SystemFigure(4.0, np.random.default_rng(0).normal(4.0, 0.1, 2_000))
    itself = Subject(system=lambda _metric: own)
    assert of("latency_ms.p95 <= champion.latency_ms.p95", itself, itself, rows=None).ci == (0.0, 0.0)
    exact = of(text, Subject(system=probe(4.0, 0.1)), Subject(system=lambda _: SystemFigure(1.0)), rows=None)
    assert (exact.difference, exact.ci) == (3.0, None)


def test_slices_need_attributes() -> None:
    bare = TestRows("classification", TRUTH)
    assert "there are no slices" in of("accuracy.worst_slice >= 0.1", subject(0.9), rows=bare).reason
    crowded = TestRows("classification", TRUTH, {"one": np.zeros(1_000)})
    assert "fewer than two groups" in of("accuracy.worst_slice >= 0.1", subject(0.9), rows=crowded).reason


def test_labels_of_text_and_of_another_type() -> None:
    words = np.where(TRUTH == 1, "yes", "no")
    rows = TestRows("classification", words)
    model = Subject(Predictions(words.copy(), None, ("no", "yes")))
    assert of("f1 >= 0.1", model, rows=rows).value == 1.0
    assert of("accuracy >= 0.1", Subject(Predictions(TRUTH)), rows=rows).value == 0.0
    assert "needs predict_proba or decision_function" in of("roc_auc >= 0.1", model, rows=rows).reason


def test_a_class_the_model_does_not_know() -> None:
    rows = TestRows("classification", np.where(TRUTH == 1, 2, TRUTH))
    assert "a class the model doesn't know: 2" in of("log_loss <= 1", subject(0.9), rows=rows).reason


def test_one_class_only_has_no_auc() -> None:
    rows = TestRows("classification", np.zeros(1_000, dtype=int))
    assert "has no value on these rows" in of("roc_auc >= 0.1", subject(0.9), rows=rows).reason


class Model:
    classes_ = (0, 1)

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, features: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def decision_function(self, features: Any) -> Any:
        return np.arange(len(features)) - 1.0


def test_a_model_without_probabilities_ranks_by_its_decision() -> None:
    answers = predict(Model([0, 1, 1]), np.zeros((3, 1)), classification=True)
    rows = TestRows("classification", np.array([0, 1, 1]))
    assert of("roc_auc >= 0.1", Subject(answers), rows=rows).value == 1.0
    assert "needs predict_proba" in of("log_loss <= 1", Subject(answers), rows=rows).reason


@pytest.mark.parametrize(
    "answer, why",
    [
        (ValueError("no"), "ValueError: no"),
        ([1], r"shape \(1,\) for 3 rows"),
        (np.zeros((3, 2)), "for 3 rows"),
    ],
)
def test_a_model_that_fails_is_reported(answer: Any, why: str) -> None:
    with pytest.raises(NotMeasurableError, match=why):
        predict(Model(answer), np.zeros((3, 1)), classification=False)


def test_a_column_of_answers_is_a_vector() -> None:
    assert predict(Model(np.zeros((3, 1))), np.zeros((3, 1)), classification=False).labels.shape == (3,)


def test_regression_needs_numbers() -> None:
    rows = TestRows("regression", np.array(["a", "b"]))
    assert "needs numbers" in of("r2 >= 0.1", Subject(Predictions(np.ones(2))), rows=rows).reason
    rows = TestRows("regression", np.array([1.0, 2.0]))
    assert (
        "1 predictions are not finite"
        in of("r2 >= 0", Subject(Predictions(np.array([1, np.nan]))), rows=rows).reason
    )
    assert "is for classification" in of("f1 >= 0", Subject(Predictions(np.ones(2))), rows=rows).reason
    assert (
        "is for classification"
        in of('equal_opportunity_difference["a"] <= 0', Subject(Predictions(np.ones(2))), rows=rows).reason
    )


def test_fairness_of_several_classes_is_that_of_the_named_one() -> None:
    rows = TestRows("classification", np.arange(1_000) % 3, {"SEX": SEX})
    found = of('demographic_parity_difference["SEX"] <= 1', subject(0.9), rows=rows)
    assert found.reason == (
        "the model has 3 classes; name the one that counts, as in demographic_parity_difference(pos_label=2)"
    )
    named = of('demographic_parity_difference(pos_label=1)["SEX"] <= 1', subject(0.9), rows=rows)
    assert named.value is not None


def test_a_slice_without_the_metric_is_left_out() -> None:
    truth = np.where(SEX == "f", 0, TRUTH)
    rows = TestRows("classification", truth, {"SEX": SEX})
    assert of("roc_auc.worst_slice >= 0.1", subject(0.9), rows=rows).reason.startswith("worst: SEX=m")
    nothing = TestRows("classification", np.zeros(1_000, dtype=int), {"SEX": SEX})
    assert "no slice has a value" in of("roc_auc.worst_slice >= 0.1", subject(0.9), rows=nothing).reason


def test_a_model_with_labels_only() -> None:
    class Bare:
        def predict(self, features: Any) -> Any:
            return np.zeros(len(features))

    answers = predict(Bare(), np.zeros((2, 1)), classification=True)
    assert (answers.scores, answers.classes) == (None, ())


def test_scores_that_are_no_scores_are_not_used() -> None:
    class Odd(Model):
        def decision_function(self, features: Any) -> Any:
            return np.full(len(features), np.nan)

    assert predict(Odd([0, 1]), np.zeros((2, 1)), classification=True).scores is None
    assert predict(Odd([0, 1]), np.zeros((2, 1)), classification=True, with_scores=False).scores is None
