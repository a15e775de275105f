from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.evaluation.conditions import parse
from jupyter_mlops.evaluation.measure import Subject, measure
from jupyter_mlops.evaluation.rows import Predictions, TestRows

RANDOM = np.random.default_rng(5)
N = 2_000
SEX = RANDOM.choice(["f", "m"], N)
RACE = RANDOM.choice(["a", "b", "c"], N, p=[0.6, 0.39, 0.01])
TRUTH = RANDOM.integers(0, 2, N)
LABELS = np.where(RANDOM.random(N) < 0.8, TRUTH, 1 - TRUTH)
CHANCE = np.clip(0.2 + 0.6 * LABELS + 0.1 * (SEX == "f"), 0, 1)
ANSWERS = Predictions(LABELS, np.column_stack([1 - CHANCE, CHANCE]), (0, 1))
ROWS = TestRows("classification", TRUTH, {"sex": SEX, "race": RACE})


def of(text: str, answers: Predictions = ANSWERS, rows: TestRows = ROWS) -> tuple[float | None, str]:
    found = measure(parse(text), rows, Subject(answers))
    return found.value, found.reason


def test_attributes_crossed_make_groups_of_their_combinations() -> None:
    value, note = of('demographic_parity_difference["sex", "race"] <= 1')
    rates = [LABELS[(s == SEX) & (r == RACE)].mean() for s in "fm" for r in "ab"]
    assert value == pytest.approx(max(rates) - min(rates))
    sizes = [((s == SEX) & (RACE == "c")).sum() for s in "fm"]
    assert note == (
        f"left out, fewer than 30 rows: sex=f and race=c ({sizes[0]} rows), sex=m and race=c ({sizes[1]} rows)"
    )


def test_a_rate_on_hardly_any_rows_is_left_out_by_name() -> None:
    labels = np.where((RACE == "b") & (np.cumsum(RACE == "b") > 60), 0, LABELS)
    few = (RACE == "b") & (labels == 1)
    labels = np.where(few & (np.cumsum(few) > 4), 0, labels)
    rows = TestRows("classification", TRUTH, {"race": np.where(RACE == "c", "d", RACE), "sex": SEX})
    value, note = of('predictive_parity_difference["race"] <= 1', Predictions(labels), rows)
    assert value is None
    assert note == "fewer than two groups have 10 rows called 1"
    rows = TestRows(
        "classification", TRUTH, {"race": np.where(RACE == "c", "a", np.where(SEX == "f", RACE, "e"))}
    )
    value, note = of('predictive_parity_difference["race"] <= 1', Predictions(labels), rows)
    assert value is not None
    assert note.startswith("left out of the precision, fewer than 10 rows called 1: race=b (")


@pytest.mark.parametrize(
    "name, why",
    [
        (
            "demographic_parity_ratio",
            "nobody in any group is called 1: the ratio of the selection rates is 0 / 0",
        ),
        (
            "equal_opportunity_ratio",
            "nobody in any group is 1 and called so: the ratio of the true positive rates is 0 / 0",
        ),
        ("predictive_parity_ratio", "fewer than two groups have 10 rows called 1"),
    ],
)
def test_a_ratio_of_zeros_is_no_figure(name: str, why: str) -> None:
    value, note = of(f'{name}["sex"] >= 0.8', Predictions(np.zeros(N, dtype=int), None, (0, 1)))
    assert value is None
    assert note == why


def test_where_one_rate_is_zero_everywhere_the_other_decides() -> None:
    labels = np.where(TRUTH == 0, 0, LABELS)
    value, note = of('equalized_odds_ratio["sex"] >= 0.8', Predictions(labels))
    rates = [labels[(s == SEX) & (TRUTH == 1)].mean() for s in "fm"]
    assert value == pytest.approx(min(rates) / max(rates))
    assert "the ratio of the false positive rates is 0 / 0" in note


def test_of_several_classes_one_is_named() -> None:
    kinds = RANDOM.choice(["low", "mid", "high"], N)
    guessed = np.where(RANDOM.random(N) < 0.7, kinds, "mid")
    rows = TestRows("classification", kinds, {"sex": SEX})
    value, _ = of('demographic_parity_difference(pos_label="high")["sex"] <= 1', Predictions(guessed), rows)
    assert value == pytest.approx(abs(np.subtract(*[(guessed[s == SEX] == "high").mean() for s in "fm"])))
    assert of('demographic_parity_difference["sex"] <= 1', Predictions(guessed), rows) == (
        None,
        "the model has 3 classes; name the one that counts, as in demographic_parity_difference(pos_label='mid')",
    )
    _, why = of('demographic_parity_difference(pos_label="hi")["sex"] <= 1', Predictions(guessed), rows)
    assert why == "pos_label='hi' is none of the classes 'high', 'low', 'mid'"


def test_calibration_by_bins_is_the_largest_gap_in_any() -> None:
    value, _ = of('calibration_gap["sex"] <= 1')
    over = CHANCE - TRUTH
    assert value == pytest.approx(abs(over[SEX == "f"].mean() - over[SEX == "m"].mean()))
    chance = RANDOM.random(N)
    answers = Predictions(LABELS, np.column_stack([1 - chance, chance]), (0, 1))
    binned, _ = of('calibration_gap(n_bins=4)["sex"] <= 1', answers)
    place = np.searchsorted(np.quantile(chance, [0.25, 0.5, 0.75]), chance, side="right")
    over = chance - TRUTH
    gaps = [abs(np.subtract(*[over[(s == SEX) & (place == b)].mean() for s in "fm"])) for b in range(4)]
    assert binned == pytest.approx(max(gaps))


def test_a_bin_with_one_group_is_left_out() -> None:
    chance = np.where(SEX == "f", RANDOM.random(N), RANDOM.random(N) / 2)
    answers = Predictions(LABELS, np.column_stack([1 - chance, chance]), (0, 1))
    found = measure(parse('calibration_gap(n_bins=4)["sex"] <= 1'), ROWS, Subject(answers))
    assert found.value is not None
    assert found.ci is not None
    assert found.reason == "1 of 8 groups in a bin left out, fewer than 10 rows"


@pytest.mark.parametrize(
    "text, answers, rows, why",
    [
        ('calibration_gap["sex"] <= 1', Predictions(LABELS), ROWS, "needs predict_proba"),
        ('mean_error_gap["sex"] <= 1', ANSWERS, ROWS, "is for regression"),
        (
            'calibration_gap["sex"] <= 1',
            ANSWERS,
            TestRows("regression", TRUTH, {"sex": SEX}),
            "ask for mean_error_gap",
        ),
        (
            'mean_error_gap["sex"] <= 1',
            Predictions(SEX),
            TestRows("regression", TRUTH, {"sex": SEX}),
            "needs numbers",
        ),
        (
            'mean_error_gap["sex"] <= 1',
            Predictions(np.full(N, np.inf)),
            TestRows("regression", TRUTH, {"sex": SEX}),
            "2000 predictions are not finite numbers",
        ),
        ('calibration_gap(n_bins=500)["sex"] <= 1', ANSWERS, ROWS, "no bin has two groups of 10 rows"),
    ],
)
def test_what_a_gap_of_means_needs(text: str, answers: Predictions, rows: TestRows, why: str) -> None:
    value, note = of(text, answers, rows)
    assert why in note
    assert value is None


def test_a_gap_that_may_be_none_says_so() -> None:
    fair = np.where(RANDOM.random(N) < 0.5, 1, 0)
    found = measure(parse('demographic_parity_difference["sex"] <= 0.1'), ROWS, Subject(Predictions(fair)))
    assert found.ci is not None
    assert found.ci[0] == 0
    assert found.ci[1] < 0.1


@pytest.mark.parametrize(
    "truth, classes", [(TRUTH.astype(float), (0, 1)), (TRUTH, (False, True)), (TRUTH == 1, (0, 1))]
)
def test_a_class_is_the_same_class_in_another_type(truth: np.ndarray, classes: tuple[object, ...]) -> None:
    rows = TestRows("classification", truth, {"sex": SEX})
    same, _ = of('calibration_gap["sex"] <= 1', Predictions(LABELS, ANSWERS.scores, classes), rows)
    assert same == pytest.approx(of('calibration_gap["sex"] <= 1')[0])


def test_a_class_without_a_chance() -> None:
    rows = TestRows("classification", np.where(TRUTH == 1, 2, 0), {"sex": SEX})
    answers = Predictions(LABELS * 2, ANSWERS.scores, (0, 1))
    value, why = of('calibration_gap(pos_label=2)["sex"] <= 1', answers, rows)
    assert value is None
    assert why == "the model gives no chance of the class 2"


def test_what_makes_no_groups() -> None:
    lists = np.empty(N, dtype=object)
    lists[:] = [[1, 2]] * N
    rows = TestRows("classification", TRUTH, {"sex": SEX}, {"tags": lists, "id": np.arange(N)})
    value, why = of('demographic_parity_difference["tags"] <= 1', rows=rows)
    assert (value, why) == (None, "tags holds lists or the like, which make no groups")
    assert of('demographic_parity_difference["sex", "id"] <= 1', rows=rows)[1].startswith(
        "sex and id has 2000 values"
    )
    found = measure(parse("accuracy.worst_found_slice >= 0"), rows, Subject(ANSWERS))
    assert found.value is not None
    assert "tags" not in found.reason
