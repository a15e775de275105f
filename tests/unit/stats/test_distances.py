from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.stats.distances import SumOfDistances

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize(
    "true",
    [np.zeros(10), np.linspace(-0.01, 0.02, 10), np.array([0.1, *[0.0] * 9])],
    ids=["none", "all", "one"],
)
def test_the_true_sum_is_covered_where_it_is_zero_too(true: np.ndarray) -> None:
    errors, covered = np.full(10, 0.01), 0
    for _ in range(120):
        low, high = SumOfDistances(RANDOM.normal(true, errors), errors).interval()
        assert 0 <= low <= high
        covered += low <= np.abs(true).sum() <= high
    # Three standard deviations of what 95% would give.
    assert covered >= 0.95 * 120 - 3 * np.sqrt(120 * 0.05 * 0.95)


def test_an_interval_ends_where_the_p_value_is_half_of_what_it_misses() -> None:
    law = SumOfDistances(np.array([0.03, -0.02, 0.04]), np.array([0.01, 0.01, 0.01]))
    low, high = law.interval()
    assert 0 < low < 0.09 < high
    assert law.p_value(low, above=True) == pytest.approx(0.025, abs=0.001)
    assert law.p_value(high, above=False) == pytest.approx(0.025, abs=0.001)
    assert [law.p_value(-0.1, above=above) for above in (True, False)] == [0, 1]


def test_less_than_chance_would_show_may_be_nothing() -> None:
    assert SumOfDistances(np.full(9, 1e-6), np.full(9, 0.01)).interval() == (0.0, 0.0)
    assert SumOfDistances(np.zeros(9), np.full(9, 0.01)).interval() == (0.0, 0.0)
