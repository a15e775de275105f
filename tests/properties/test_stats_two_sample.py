"""Every statistic against scipy, over odd data: ties, atoms, infinities, missing, tiny, huge, constant."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from jupyter_mlops.stats import corrections, two_sample

moderate = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 2))
tied = st.integers(-3, 3).map(float)
wild = st.one_of(
    tied,
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308, 1e-300]),
)
odd = st.one_of(wild, st.sampled_from([math.inf, -math.inf, math.nan]))


def samples(values: st.SearchStrategy[float], smallest: int = 1) -> st.SearchStrategy[list[float]]:
    return st.lists(values, min_size=smallest, max_size=40)


@pytest.mark.filterwarnings(
    "ignore:ks_2samp. Exact calculation unsuccessful:RuntimeWarning"
)  # the oracle's own
@given(samples(st.one_of(tied, wild)), samples(st.one_of(tied, wild)))
@example([0.0] * 5, [0.0, 0.0, 0.0, 0.0, 1.0])
@settings(deadline=None)
def test_ks_is_scipys(a: list[float], b: list[float]) -> None:
    ours = two_sample.ks(two_sample.tidy(a), two_sample.tidy(b))
    theirs = stats.ks_2samp(a, b, method="exact")
    assert ours is not None
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-9)


@pytest.mark.parametrize("n, m", [(1_500, 1_500), (4_000, 1_300)])
def test_ks_of_long_samples_is_scipys_limit(n: int, m: int) -> None:
    random = np.random.default_rng(3)
    a, b = random.normal(size=n).round(1), random.normal(0.05, size=m).round(1)
    ours = two_sample.ks(two_sample.tidy(a), two_sample.tidy(b))
    theirs = stats.ks_2samp(a, b, method="asymp")
    assert ours is not None
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue)


@given(samples(moderate), samples(moderate))
def test_wasserstein_is_scipys_in_standard_deviations(a: list[float], b: list[float]) -> None:
    ours = two_sample.wasserstein(two_sample.tidy(a), two_sample.tidy(b))
    assert ours is not None
    if len(set(a)) > 1:
        expected = stats.wasserstein_distance(a, b) / np.std(a)
        assert ours.statistic == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(samples(odd, smallest=0), samples(odd, smallest=0))
@settings(deadline=None)
def test_odd_data_gives_defined_answers(a: list[float], b: list[float]) -> None:
    first, second = two_sample.tidy(a), two_sample.tidy(b)
    bins = two_sample.bin_counts(first, second)
    assert [side.sum() for side in bins] == [len(first), len(second)]
    outcomes = [
        two_sample.ks(first, second),
        two_sample.wasserstein(first, second),
        two_sample.psi(*bins),
        two_sample.jensen_shannon(*bins),
        two_sample.chi_squared(*bins),
    ]
    for outcome in outcomes:
        if outcome is None:
            assert not (np.isfinite(first).any() and np.isfinite(second).any())
            continue
        assert math.isfinite(outcome.statistic)
        assert outcome.statistic >= 0
        assert outcome.p_value is None or 0 <= outcome.p_value <= 1


@given(samples(wild))
@settings(deadline=None)
def test_a_sample_does_not_differ_from_itself(values: list[float]) -> None:
    ordered = two_sample.tidy(values)
    bins = two_sample.bin_counts(ordered, ordered)
    for outcome in (two_sample.ks(ordered, ordered), two_sample.wasserstein(ordered, ordered)):
        assert outcome is not None
        assert outcome.statistic == 0
    for outcome in (two_sample.psi(*bins), two_sample.jensen_shannon(*bins), two_sample.chi_squared(*bins)):
        assert outcome is not None
        assert outcome.statistic == pytest.approx(0, abs=1e-7)


counts = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12)


@given(counts)
@settings(deadline=None)
def test_counts_against_scipy(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    if not (a.sum() and b.sum()):
        assert two_sample.chi_squared(a, b) is None
        assert two_sample.psi(a, b) is None
        assert two_sample.jensen_shannon(a, b) is None
        return
    shannon = two_sample.jensen_shannon(a, b)
    assert shannon is not None
    assert shannon.statistic == pytest.approx(distance.jensenshannon(a, b, base=2), abs=1e-7)
    present = (a + b) > 0
    squared = two_sample.chi_squared(a, b)
    assert squared is not None
    if present.sum() > 1:
        theirs = stats.chi2_contingency(np.array([a[present], b[present]]), correction=False)
        assert squared.statistic == pytest.approx(theirs.statistic, abs=1e-9)
        assert squared.p_value == pytest.approx(theirs.pvalue, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_is_scipys(p_values: list[float]) -> None:
    ours = corrections.benjamini_hochberg(p_values)
    assert ours == pytest.approx(list(stats.false_discovery_control(p_values)))


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=20))
def test_what_was_not_tested_does_not_count(p_values: list[float | None]) -> None:
    tested = [p for p in p_values if p is not None]
    ours = corrections.benjamini_hochberg(p_values)
    assert [p is None for p in ours] == [p is None for p in p_values]
    assert [p for p in ours if p is not None] == corrections.benjamini_hochberg(tested)
