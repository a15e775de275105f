from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.stats.bootstrap import Floats, Statistic, bootstrap, difference, p_value_below


def mean_of(values: Floats) -> Statistic:
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_interval_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(1).normal(5, 2, 4_000)
    estimate = bootstrap(mean_of(values), np.ones(4_000))
    half = 1.96 * values.std() / np.sqrt(4_000)
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)


def test_merged_rows_give_the_interval_of_the_rows() -> None:
    hits = np.repeat([0.0, 1.0], [300, 700])
    apart = bootstrap(mean_of(hits), np.ones(1_000))
    merged = bootstrap(mean_of(np.array([0.0, 1.0])), np.array([300.0, 700.0]))
    assert merged.value == apart.value
    assert merged.interval == pytest.approx(apart.interval, abs=0.004)


def test_intervals_cover_as_often_as_they_say() -> None:
    random = np.random.default_rng(7)
    covered = 0
    for seed in range(300):
        hits = random.binomial(500, 0.7)
        estimate = bootstrap(
            mean_of(np.array([0.0, 1.0])), np.array([500.0 - hits, hits]), resamples=500, seed=seed
        )
        assert estimate.interval is not None
        covered += estimate.interval[0] <= 0.7 <= estimate.interval[1]
    assert 0.91 <= covered / 300 <= 0.98


def test_the_seed_decides() -> None:
    values = np.arange(50.0)
    first, again, other = (bootstrap(mean_of(values), np.ones(50), seed=seed).interval for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_pairing_takes_out_what_both_share() -> None:
    random = np.random.default_rng(2)
    hard = random.normal(0, 10, 500)
    ours, theirs = mean_of(hard + random.normal(0.1, 0.1, 500)), mean_of(hard)
    paired = bootstrap(difference(ours, theirs), np.ones(500))
    assert paired.interval is not None
    assert 0.08 < paired.interval[0] < paired.value < paired.interval[1] < 0.12
    p_value = p_value_below(paired, 0.0)
    assert p_value is not None
    assert p_value < 0.001
    assert p_value_below(paired, 0.2) == 1.0


def test_a_model_against_itself_has_no_p_value() -> None:
    same = mean_of(np.arange(30.0))
    paired = bootstrap(difference(same, same), np.ones(30))
    assert paired.interval == (0.0, 0.0)
    assert p_value_below(paired, 0.0) is None


@pytest.mark.parametrize("counts", [[], [1.0]])
def test_too_few_rows_have_no_interval(counts: list[float]) -> None:
    assert bootstrap(mean_of(np.arange(float(len(counts)))), np.array(counts)).interval is None


def test_a_figure_without_a_value_has_no_interval() -> None:
    nothing = bootstrap(lambda weights: np.full(len(weights), np.nan), np.ones(5))
    assert nothing.interval is None
    rare = bootstrap(lambda weights: np.where(weights[:, 0] == 1, 1.0, np.nan), np.ones(9))
    assert rare.value == 1.0
    assert rare.interval is None


def test_long_data_takes_fewer_resamples() -> None:
    estimate = bootstrap(mean_of(np.arange(1_200_000.0) % 97), np.ones(1_200_000), resamples=201)
    assert len(estimate.resampled) == 200
