from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from jupyter_mlops.stats.extremes import Extreme, student, wilson

HITS, BASE = np.array([0.0, 3.0, 40.0, 50.0]), np.array([50.0, 50.0, 80.0, 50.0])


def test_wilsons_limits_are_scipys() -> None:
    low, high = wilson(HITS, BASE, NormalDist().inv_cdf(0.975))
    for place, (hits, base) in enumerate(zip(HITS, BASE, strict=True)):
        expected = stats.binomtest(int(hits), int(base)).proportion_ci(method="wilson")
        assert (low[place], high[place]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_students_limits_are_scipys() -> None:
    low, high = student(np.array([2.0]), np.array([0.5]), np.array([7.0]), NormalDist().inv_cdf(0.975))
    assert (low[0], high[0]) == pytest.approx(stats.t.interval(0.95, 6, 2.0, 0.5))


def test_two_groups_are_newcombes_example() -> None:
    # 56 of 70 against 48 of 80: method 10 of Newcombe (1998), table II.
    extremes = Extreme()
    extremes.add_shares(np.array([56.0, 48.0]), np.array([70.0, 80.0]))
    assert extremes.interval(0.95) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_ratio_lies_between_nothing_and_one() -> None:
    extremes = Extreme(ratio=True)
    extremes.add_shares(HITS, BASE)
    found = extremes.interval(0.95)
    assert found is not None
    assert found[0] == 0
    assert 0 < found[1] < 0.2


def test_nothing_to_compare_has_no_interval() -> None:
    assert Extreme().interval(0.95) is None
    unknown = Extreme()
    unknown.add_means(np.array([np.nan, 1.0]), np.array([1.0, 1.0]), np.array([5.0, 5.0]))
    assert unknown.interval(0.95) is None


def test_more_that_may_be_worst_is_wider() -> None:
    def width(groups: int) -> float:
        extremes = Extreme()
        extremes.add_shares(np.full(groups, 40.0), np.full(groups, 100.0))
        found = extremes.interval(0.95)
        assert found is not None
        return found[1] - found[0]

    assert width(2) < width(4) < width(8)


def test_it_goes_on_widening_where_the_draws_end() -> None:
    extremes = Extreme()
    extremes.add_shares(np.array([20.0, 25.0, 30.0, 60.0]), np.full(4, 100.0))
    found = [extremes.interval(level) for level in (0.5, 0.9, 0.99, 0.998, 0.9999, 1 - 1e-9)]
    lows, highs = zip(*(each for each in found if each), strict=True)
    assert list(lows) == sorted(set(lows), reverse=True)
    assert list(highs) == sorted(set(highs))
