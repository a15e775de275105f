"""Statistics and p-values against scipy's, over odd data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from jupyter_mlops.stats import sorted_gaps, two_sample
from jupyter_mlops.stats.sorted_gaps import area_between, blocks_of, largest_gap

ODD = [0.0, -0.0, 1.0, 1.0, -1.0, 5e-324, 1e-300, 1e300, -1e300, np.inf, -np.inf]
values = st.one_of(
    st.sampled_from(ODD),
    st.integers(-3, 3).map(float),
    st.floats(allow_nan=False),
    st.floats(-10, 10).map(lambda x: round(x, 1)),
)
samples = st.lists(values, min_size=1, max_size=60).map(two_sample.tidy)
tame = st.lists(
    st.one_of(
        st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, allow_subnormal=False), st.just(1e6), st.just(0.0)
    ),
    min_size=1,
    max_size=60,
).map(two_sample.tidy)
counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=12)


@given(first=samples, second=samples)
def test_ks_statistic(first: Any, second: Any) -> None:
    outcome = two_sample.ks(first, second)
    assert outcome is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert outcome.statistic == pytest.approx(
            stats.ks_2samp(first, second, method="asymp").statistic, abs=1e-12
        )
    assert 0 <= (outcome.p_value or 0) <= 1


@given(first=tame, second=tame)
def test_ks_p_value(first: Any, second: Any) -> None:
    outcome = two_sample.ks(first, second)
    assert outcome is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = stats.ks_2samp(first, second, method="exact").pvalue
    assert outcome.p_value == pytest.approx(oracle, rel=1e-9, abs=1e-12)


@given(first=tame, second=tame)
def test_the_earth_movers_distance(first: Any, second: Any) -> None:
    scale = max(*np.abs(first), *np.abs(second), 1e-12)
    assert area_between(first, second) == pytest.approx(
        stats.wasserstein_distance(first, second), rel=1e-9, abs=1e-12 * scale
    )


@given(first=samples, second=samples)
def test_gaps_are_symmetric_and_none_to_itself(first: Any, second: Any) -> None:
    assert largest_gap(first, second) == largest_gap(second, first)
    assert largest_gap(first, first) == 0
    finite = first[np.isfinite(first)]
    if len(finite):
        twice = np.repeat(finite, 2)
        assert largest_gap(finite, twice) == 0
        result = two_sample.wasserstein(finite, twice)
        assert result is not None
        assert result.statistic == pytest.approx(0, abs=1e-9)


@example(first=two_sample.tidy([0.0, 1e-300]), second=two_sample.tidy([89884657.0]))
@example(first=two_sample.tidy([0.0]), second=two_sample.tidy([0.0, -1.0]))
@example(first=two_sample.tidy([0.0]), second=two_sample.tidy([1.0, -1e300]))
@given(first=samples, second=samples)
def test_every_figure_is_a_finite_number(first: Any, second: Any) -> None:
    bins = two_sample.bin_counts(first, second)
    assert bins[0].sum() == len(first)
    assert bins[1].sum() == len(second)
    for outcome in (
        two_sample.wasserstein(first, second),
        two_sample.psi(*bins),
        two_sample.jensen_shannon(*bins),
    ):
        assert outcome is None or (np.isfinite(outcome.statistic) and outcome.statistic >= 0)


@given(pairs=counts)
def test_chi_squared_and_jensen_shannon(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    ours = two_sample.chi_squared(first, second)
    apart = two_sample.jensen_shannon(first, second)
    if not (first.sum() and second.sum()):
        assert ours is None
        assert apart is None
        return
    present = (first + second) > 0
    assert apart is not None
    # Rounding leaves about 1e-16 of a divergence, and its root is 1e-8.
    assert apart.statistic == pytest.approx(distance.jensenshannon(first, second, base=2), abs=1e-7)
    if present.sum() > 1:
        oracle = stats.chi2_contingency(np.array([first, second])[:, present], correction=False)
        assert ours is not None
        assert ours.statistic == pytest.approx(oracle.statistic, rel=1e-9, abs=1e-9)
        assert ours.p_value == pytest.approx(oracle.pvalue, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("shape", ["normal", "ties", "zeros", "huge offset"])
@pytest.mark.parametrize("sizes", [(30_000, 30_000), (30_000, 28_571), (11, 30_000), (4_097, 64)])
def test_long_samples(shape: str, sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(sizes[1])

    def draw(size: int, shift: float) -> Any:
        match shape:
            case "normal":
                return two_sample.tidy(random.normal(shift, 1, size))
            case "ties":
                return two_sample.tidy(random.poisson(4 + shift, size))
            case "zeros":
                return two_sample.tidy(
                    np.where(random.random(size) < 0.6, 0, random.lognormal(shift, 1, size))
                )
        return two_sample.tidy(1.6e9 + random.normal(shift, 1, size))

    for shift in (0.0, 0.02, 1.0):
        first, second = draw(sizes[0], 0.0), draw(sizes[1], shift)
        oracle = stats.ks_2samp(first, second, method="asymp")
        ours = two_sample.ks(first, second)
        assert ours is not None
        assert ours.statistic == pytest.approx(oracle.statistic, abs=1e-12)
        if oracle.pvalue > 1e-12 and min(sizes) > 1_000:
            assert ours.p_value == pytest.approx(oracle.pvalue, rel=0.02)
        distance_ = stats.wasserstein_distance(first, second)
        assert area_between(first, second) == pytest.approx(distance_, rel=1e-6, abs=1e-9)


@settings(deadline=None)  # the first call compiles
@given(data=st.data(), shift=st.sampled_from([0.0, 1e9]), size=st.integers(1, 400), other=st.integers(1, 400))
def test_known_blocks_change_nothing(data: Any, shift: float, size: int, other: int) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 1_000)))
    step = data.draw(st.sampled_from([0, 1, 3]))
    first, second = (
        two_sample.tidy(np.round(random.normal(data.draw(st.sampled_from([0, 0, 2])), 1, rows), step) + shift)
        for rows in (size, other)
    )
    if data.draw(st.booleans()):
        second = two_sample.tidy([*second, np.inf, -np.inf])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_gaps, "LONG", 1)
        blocks = blocks_of(first)
        assert blocks is not None
        assert largest_gap(first, second, blocks) == largest_gap(first, second)
        finite = second[np.isfinite(second)]
        assert area_between(first, finite, blocks) == pytest.approx(
            area_between(first, finite), rel=1e-9, abs=1e-12 * (1 + shift)
        )


def test_a_kept_long_sample_is_compared_by_compiled_code() -> None:
    random = np.random.default_rng(0)
    first, second = (two_sample.tidy(random.normal(mean, 1, 120_000)) for mean in (0, 0.01))
    blocks = blocks_of(first)
    assert blocks is not None
    assert two_sample.ks(first, second, blocks=blocks) == two_sample.ks(first, second)
    known, anew = two_sample.wasserstein(first, second, blocks=blocks), two_sample.wasserstein(first, second)
    assert known is not None
    assert anew is not None
    assert known.statistic == pytest.approx(anew.statistic, rel=1e-12)
    assert blocks_of(first[:99_999]) is None
    assert blocks_of(two_sample.tidy([*first, np.inf])) is None
