from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score, roc_auc_score

from jupyter_mlops.evaluation.groups import breakdown
from jupyter_mlops.evaluation.rows import Predictions, TestRows

if TYPE_CHECKING:
    from jupyter_mlops.records.evaluation import Slice

RANDOM = np.random.default_rng(3)
TRUTH = RANDOM.integers(0, 2, 900)
SCORE = np.clip(0.5 * TRUTH + RANDOM.random(900) * 0.6, 0, 1)
LABELS = (SCORE > 0.5).astype(int)
SEX = np.where(RANDOM.random(900) < 0.4, "f", "m")
SEX[:5] = "x"
ANSWERS = Predictions(LABELS, np.column_stack([1 - SCORE, SCORE]), (0, 1))


def figures_of(part: Slice) -> dict[str, float]:
    return {figure.metric: figure.value for figure in part.figures}


def test_the_usual_figures_are_scikit_learns() -> None:
    found = breakdown.figures(TestRows("classification", TRUTH, {"SEX": SEX}), ANSWERS)
    values = {figure.metric: figure.value for figure in found}
    assert values["accuracy"] == pytest.approx(accuracy_score(TRUTH, LABELS))
    assert values["f1"] == pytest.approx(f1_score(TRUTH, LABELS))
    assert values["roc_auc"] == pytest.approx(roc_auc_score(TRUTH, SCORE))
    assert {'demographic_parity_difference["SEX"]', 'equalized_odds_difference["SEX"]'} <= set(values)
    assert all(figure.ci and figure.ci[0] <= figure.value <= figure.ci[1] for figure in found[:7])


def test_groups_have_their_rates_and_the_small_ones_are_named() -> None:
    parts, notes = breakdown.slices(TestRows("classification", TRUTH, {"SEX": SEX}), ANSWERS)
    assert [(part.attribute, part.group) for part in parts] == [("SEX", "f"), ("SEX", "m")]
    for part in parts:
        inside = np.equal(SEX, part.group)
        truth, labels = TRUTH[inside], LABELS[inside]
        found = figures_of(part)
        assert part.rows == inside.sum()
        assert found["accuracy"] == pytest.approx(accuracy_score(truth, labels))
        assert found["base_rate"] == pytest.approx(truth.mean())
        assert found["selection_rate"] == pytest.approx(labels.mean())
        assert found["true_positive_rate"] == pytest.approx(labels[truth == 1].mean())
        assert found["false_positive_rate"] == pytest.approx(labels[truth == 0].mean())
        assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, SCORE[inside]))
    assert notes == ("SEX: left out, fewer than 30 rows: SEX=x (5 rows)",)


def test_a_group_that_lacks_a_class_lacks_only_what_hangs_on_it() -> None:
    truth = np.where(SEX == "f", 1, TRUTH)
    parts, _ = breakdown.slices(TestRows("classification", truth, {"SEX": SEX}), ANSWERS)
    found = figures_of(parts[0])
    assert found["base_rate"] == 1.0
    assert "true_positive_rate" in found
    assert not {"false_positive_rate", "roc_auc"} & set(found)


def test_classes_go_by_all_rows_where_a_model_names_none() -> None:
    truth = np.where(SEX == "f", "yes", np.where(TRUTH, "yes", "no"))
    labels = np.where(SEX == "f", "yes", np.where(LABELS, "yes", "no"))
    parts, _ = breakdown.slices(TestRows("classification", truth, {"SEX": SEX}), Predictions(labels))
    assert figures_of(parts[0]) == {
        "accuracy": 1.0,
        "base_rate": 1.0,
        "selection_rate": 1.0,
        "true_positive_rate": 1.0,
    }


def test_of_more_than_two_classes_the_share_that_is_right() -> None:
    truth, labels = RANDOM.integers(0, 3, 900), RANDOM.integers(0, 3, 900)
    rows = TestRows("classification", truth, {"SEX": SEX})
    parts, _ = breakdown.slices(rows, Predictions(labels))
    assert [set(figures_of(part)) for part in parts] == [{"accuracy"}, {"accuracy"}]
    assert not any("difference" in figure.metric for figure in breakdown.figures(rows, Predictions(labels)))


def test_a_regression_has_errors_and_their_direction() -> None:
    truth = RANDOM.normal(size=900)
    answers = Predictions(truth + 0.5 * (SEX == "f") + RANDOM.normal(size=900) * 0.1)
    rows = TestRows("regression", truth, {"SEX": SEX})
    values = {figure.metric: figure.value for figure in breakdown.figures(rows, answers)}
    assert values["r2"] == pytest.approx(r2_score(truth, answers.labels))
    women, men = (figures_of(part) for part in breakdown.slices(rows, answers)[0])
    assert women["mean_error"] == pytest.approx(0.5, abs=0.05)
    assert men["mean_error"] == pytest.approx(0.0, abs=0.05)
    inside = SEX == "f"
    assert women["mean_absolute_error"] == pytest.approx(
        mean_absolute_error(truth[inside], answers.labels[inside])
    )


def test_what_cant_be_measured_is_left_out() -> None:
    text = Predictions(np.array(["a"] * 900))
    rows = TestRows("regression", RANDOM.normal(size=900), {"SEX": SEX, "id": np.arange(900)})
    parts, notes = breakdown.slices(rows, text)
    assert breakdown.figures(rows, text) == ()
    assert [part.figures for part in parts] == [(), ()]
    assert any("id has 900 values" in note for note in notes)
    assert breakdown.slices(TestRows("classification", TRUTH), ANSWERS) == ((), ())


def test_many_rows_have_their_intervals_too() -> None:
    many = 200_000
    truth = RANDOM.integers(0, 2, many)
    scores = np.column_stack([1 - truth * 0.6 - 0.2, truth * 0.6 + 0.2]) + RANDOM.normal(size=(many, 2)) * 0.1
    rows = TestRows("classification", truth, {"SEX": RANDOM.choice(["f", "m"], many)})
    answers = Predictions((scores[:, 1] > 0.5).astype(int), scores, (0, 1))
    found = breakdown.figures(rows, answers)
    assert {"accuracy", "roc_auc", "brier_score"} < {figure.metric for figure in found}
    for figure in found:
        assert figure.ci is not None
        assert figure.ci[0] <= figure.value <= figure.ci[1]
        assert figure.ci[1] - figure.ci[0] < 0.03


def test_slices_are_searched_for_and_say_so() -> None:
    age = RANDOM.integers(18, 90, 4_000)
    region = RANDOM.choice(["north", "south"], 4_000)
    truth = RANDOM.integers(0, 2, 4_000)
    failing = (age < 30) & (region == "north") & (RANDOM.random(4_000) < 0.5)
    labels = np.where(failing | (RANDOM.random(4_000) < 0.1), 1 - truth, truth)
    rows = TestRows("classification", truth, {"region": region}, {"age": age})
    parts, notes = breakdown.slices(rows, Predictions(labels))
    assert [part.found for part in parts[:3]] == [False, False, True]
    worst = parts[2]
    assert worst.group.startswith("region=north and age ≤ 3")
    assert 300 < worst.rows < 500
    assert worst.figures[0].metric == "accuracy"
    assert worst.figures[0].value < 0.7
    assert notes == ("slices found: searched in some of the rows, measured on the others",)
