from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.stats.multivariate import classifier_two_sample


def test_equal_tables_are_not_told_apart() -> None:
    random = np.random.default_rng(0)
    outcome = classifier_two_sample(random.normal(size=(2_000, 4)), random.normal(size=(2_000, 4)))
    assert outcome is not None
    assert outcome.auc == pytest.approx(0.5, abs=0.04)
    assert outcome.p_value > 0.01
    assert outcome.rows == 2_000


def test_a_change_of_correlation_alone_is_found() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=(3_000, 2))
    second = random.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=3_000)
    outcome = classifier_two_sample(first, second)
    assert outcome is not None
    assert outcome.auc > 0.65
    assert outcome.p_value < 1e-6


def test_categories_and_missing_values() -> None:
    random = np.random.default_rng(0)
    first = random.integers(0, 5, size=(500, 2)).astype(float)
    second = first.copy()
    second[:, 0] = np.where(random.random(500) < 0.4, np.nan, second[:, 0])
    outcome = classifier_two_sample(first, second, categorical=np.array([True, True]))
    assert outcome is not None
    assert outcome.auc > 0.6


def test_constant_tables_are_not_told_apart() -> None:
    outcome = classifier_two_sample(np.ones((60, 1)), np.ones((80, 1)))
    assert outcome is not None
    assert (outcome.auc, outcome.p_value) == (0.5, 1.0)


@pytest.mark.parametrize("shape", [(49, 2), (100, 0)])
def test_too_little_gives_no_answer(shape: tuple[int, int]) -> None:
    assert classifier_two_sample(np.ones(shape), np.ones((100, shape[1]))) is None


def test_a_column_without_values_takes_no_part() -> None:
    random = np.random.default_rng(0)
    first, second = (np.column_stack([random.normal(mean, 1, 200), np.full(200, np.nan)]) for mean in (0, 1))
    second[0, 1] = 1.0
    found = classifier_two_sample(first, second)
    assert found is not None
    assert [column for column, _ in found.carriers] == [0]
