from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.evaluation.conditions import parse
from jupyter_mlops.evaluation.groups.cuts import cuts
from jupyter_mlops.evaluation.groups.slices import find
from jupyter_mlops.evaluation.measure import Subject, measure
from jupyter_mlops.evaluation.plan import mean_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows

SIMULATIONS = int(os.environ.get("JUPYTER_MLOPS_TEST_SIMULATIONS", "300")) // 12

N = 6_000


def people(random: np.random.Generator, rows: int = N) -> dict[str, np.ndarray]:
    return {
        "age": random.integers(18, 90, rows),
        "income": random.lognormal(size=rows),
        "region": random.choice(["north", "south", "east", "west"], rows),
        "code": random.integers(0, 5, rows),
    }


def failing(columns: dict[str, np.ndarray]) -> np.ndarray:
    failed: np.ndarray = (columns["age"] > 75) & (columns["region"] == "north")
    return failed


def answered(seed: int, planted: float) -> tuple[TestRows, Predictions]:
    """Answer wrongly for a tenth of the rows, and for a share of the failing slice's."""
    random = np.random.default_rng(seed)
    columns = people(random)
    wrong = random.random(N) < np.where(failing(columns), planted, 0.1)
    truth = random.integers(0, 2, N)
    return TestRows("classification", truth, {"region": columns.pop("region")}, columns), Predictions(
        np.where(wrong, 1 - truth, truth)
    )


def test_a_planted_slice_is_found_with_its_size() -> None:
    rows, answers = answered(1, 0.5)
    found = measure(parse("accuracy.worst_found_slice >= 0.7"), rows, Subject(answers))
    assert found.reason.startswith("found: region=north and age > 7")
    assert "measured on" in found.reason
    assert found.value == pytest.approx(0.5, abs=0.12)
    assert found.ci is not None
    assert found.ci[0] < 0.5 < found.ci[1]


def test_a_lower_figure_may_be_the_better_one() -> None:
    random = np.random.default_rng(2)
    columns = people(random)
    truth = random.normal(size=N)
    rows = TestRows("regression", truth, {}, columns)
    answers = Predictions(truth + random.normal(size=N) * np.where(failing(columns), 5, 1))
    found = measure(parse("mean_absolute_error.worst_found_slice <= 2"), rows, Subject(answers))
    assert found.reason.startswith("found: age > 7")
    assert found.value == pytest.approx(5 * np.sqrt(2 / np.pi), rel=0.2)


def test_where_nothing_is_worse_the_interval_is_that_of_any_slice() -> None:
    """The worst of hundreds of equal slices looks bad where it was searched, and is covered where it is measured."""
    missed, looked = 0, []
    for seed in range(SIMULATIONS):
        rows, answers = answered(seed, 0.1)
        right = (rows.truth == answers.labels).astype(float)
        [worst] = find(mean_plan(right), rows, lower_is_better=False)
        searched = worst.inside & ~worst.measured
        looked.append(right[searched].mean())
        found = measure(parse("accuracy.worst_found_slice >= 0.9"), rows, Subject(answers))
        assert found.ci is not None
        missed += not found.ci[0] <= 0.9 <= found.ci[1]
    assert np.mean(looked) < 0.87
    assert missed / SIMULATIONS < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / SIMULATIONS)


def test_several_slices_differ() -> None:
    rows, answers = answered(3, 0.5)
    right = (rows.truth == answers.labels).astype(float)
    found = find(mean_plan(right), rows, lower_is_better=False, most=3)
    assert len(found) == 3
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            assert (one.inside & other.inside).sum() <= 0.5 * (one.inside | other.inside).sum()


def test_the_champion_is_compared_on_the_slice_that_is_worst_for_it() -> None:
    rows, answers = answered(4, 0.5)
    _, others = answered(4, 0.2)
    found = measure(
        parse("accuracy.worst_found_slice >= champion.accuracy.worst_found_slice - 0.05"),
        rows,
        Subject(answers),
        Subject(others),
    )
    assert found.difference is not None
    assert found.difference < -0.1
    assert found.p_value is not None
    assert found.p_value > 0.9
    assert "champion found: " in found.reason


@pytest.mark.parametrize(
    "features, why",
    [
        ({}, "no column cuts off a slice of 30 rows"),
        ({"one": np.ones(N)}, "no column cuts off a slice of 30 rows"),
    ],
)
def test_nothing_to_cut_by(features: dict[str, np.ndarray], why: str) -> None:
    rows = TestRows("classification", np.ones(N), {}, features)
    with pytest.raises(NotMeasurableError, match=why):
        find(mean_plan(np.ones(N)), rows, lower_is_better=False)


def test_cuts_of_every_kind_of_column() -> None:
    numbers = np.arange(400.0)
    numbers[:40] = np.nan
    day = pd.date_range("2026-01-01", periods=400).to_numpy()
    text = np.array([f"id{i}" for i in range(400)], dtype=object)
    flags = np.arange(400) % 2 == 0
    halves = np.where(np.arange(400) < 300, 7, np.arange(400))
    columns = {"flag": flags, "n": numbers, "day": day, "text": text, "half": halves}
    found = cuts(columns, 30)
    labels = [cut.label for cut in found]
    assert labels[:3] == ["flag=True", "flag=False", "n missing"]
    assert "n ≤ 111" in labels
    assert "n > 327" in labels
    assert "half=7" in labels
    assert any(label.startswith("day ≤ 2026-03-2") for label in labels)
    assert not any(label.startswith("text") for label in labels)
    for column in ("n", "day"):
        parts = np.stack([cut.inside for cut in found if cut.column == column])
        assert (parts.sum(axis=0) == 1).all()
        assert all((cut.holds(columns[column]) == cut.inside).all() for cut in found if cut.column == column)


def test_categories_may_be_missing_in_any_way() -> None:
    mixed = np.array([pd.NA, "a", None, np.nan, "b"] * 40, dtype=object)
    found = {cut.label: int(cut.inside.sum()) for cut in cuts({"mixed": mixed}, 30)}
    assert found == {"mixed missing": 120, "mixed=a": 40, "mixed=b": 40}


def test_a_metric_of_ranks_is_searched_too() -> None:
    random = np.random.default_rng(6)
    columns = people(random)
    truth = random.integers(0, 2, N)
    scores = truth + random.normal(size=N) * np.where(failing(columns), 5, 1)
    rows = TestRows("classification", truth, {}, columns)
    answers = Predictions(
        (scores > 0.5).astype(int), np.column_stack([-scores, scores]), (0, 1), probabilities=False
    )
    found = measure(parse("roc_auc.worst_found_slice >= 0.6"), rows, Subject(answers))
    assert found.value is not None
    assert found.value < 0.65
    assert found.reason.startswith("found: age > 7")


def test_a_metric_without_a_value_in_any_slice() -> None:
    rows = TestRows("classification", np.zeros(N, dtype=int), {}, people(np.random.default_rng(0)))
    answers = Predictions(rows.truth, np.column_stack([np.ones(N), np.zeros(N)]), (0, 1))
    found = measure(parse("roc_auc.worst_found_slice >= 0.6"), rows, Subject(answers))
    assert (found.value, found.reason) == (None, "no slice has a value of the metric")
