from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.stats.bootstrap import Floats, Statistic, bootstrap
from jupyter_mlops.stats.intervals import Certain


def mean_of(values: Floats) -> Statistic:
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_interval_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(1).normal(5, 2, 4_000)
    law = bootstrap(mean_of(values), np.ones(4_000), values.mean(), resamples=2_000)
    assert law is not None
    half = 1.96 * values.std() / np.sqrt(4_000)
    assert law.interval() == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)
    assert law.p_value(values.mean() - half, above=True) == pytest.approx(0.025, abs=0.01)
    assert law.p_value(values.mean() + half, above=False) == pytest.approx(0.025, abs=0.01)


def test_merged_rows_give_the_interval_of_the_rows() -> None:
    hits = np.repeat([0.0, 1.0], [300, 700])
    apart = bootstrap(mean_of(hits), np.ones(1_000), 0.7, resamples=2_000)
    merged = bootstrap(mean_of(np.array([0.0, 1.0])), np.array([300.0, 700.0]), 0.7, resamples=2_000)
    assert apart is not None
    assert merged is not None
    assert merged.interval() == pytest.approx(apart.interval(), abs=0.005)


def test_a_skewed_figure_has_a_skewed_interval() -> None:
    values = np.random.default_rng(3).lognormal(0, 1, 300)
    law = bootstrap(mean_of(values), np.ones(300), values.mean(), resamples=2_000)
    assert law is not None
    low, high = law.interval()
    assert high - values.mean() > 1.2 * (values.mean() - low)


def test_the_seed_decides() -> None:
    values = np.arange(50.0)
    laws = [bootstrap(mean_of(values), np.ones(50), 24.5, resamples=500, seed=seed) for seed in (0, 0, 1)]
    first, again, other = (law.interval() for law in laws if law is not None)
    assert first == again
    assert first != other


def test_what_does_not_vary_is_certain() -> None:
    assert bootstrap(mean_of(np.ones(30)), np.ones(30), 1.0, resamples=200) == Certain(1.0)


def test_a_figure_that_most_resamples_lack_has_no_law() -> None:
    nothing = bootstrap(lambda weights: np.full(len(weights), np.nan), np.ones(5), 1.0, resamples=200)
    assert nothing is None
    rare = bootstrap(
        lambda weights: np.where(weights[:, 0] == 1, 1.0, np.nan), np.ones(9), 1.0, resamples=200
    )
    assert rare is None
