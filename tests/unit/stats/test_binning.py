from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jupyter_mlops.stats import binning, compiled_binning, two_sample

numbers = st.lists(
    st.one_of(
        st.sampled_from([0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 1e308]),
        st.floats(-100, 100),
        st.integers(-3, 3).map(float),
    ),
    max_size=80,
)


@given(reference=numbers, first=numbers, second=numbers)
def test_counts_add_up(reference: list[float], first: list[float], second: list[float]) -> None:
    at = binning.cuts(two_sample.tidy(reference), 8)
    joined = binning.add(binning.count(first, at), binning.count(second, at))
    whole = binning.count([*first, *second], at)
    assert joined.counts.tolist() == whole.counts.tolist()
    assert joined.missing == whole.missing
    assert whole.counts.sum() + whole.missing == len(first) + len(second)
    known = np.array([*first, *second])
    places = np.searchsorted(at, known[~np.isnan(known)], side="right")
    assert whole.counts.tolist() == np.bincount(places, minlength=len(at) + 1).tolist()


@given(reference=numbers, current=numbers)
def test_ks_lies_within_its_bounds(reference: list[float], current: list[float]) -> None:
    first, second = two_sample.tidy(reference), two_sample.tidy(current)
    at = binning.cuts(first, 8)
    gap = binning.ks(binning.count(first, at).counts, binning.count(second, at).counts, at)
    exact = two_sample.ks(first, second)
    assert (gap is None) == (exact is None)
    if gap is not None and exact is not None:
        assert gap.low - 1e-12 <= exact.statistic <= gap.high + 1e-12


def draw(shape: str, shift: float, size: int, random: np.random.Generator) -> Any:
    match shape:
        case "zero-inflated":
            return np.where(random.random(size) < 0.6, 0.0, random.lognormal(shift, 1, size))
        case "ties":
            return np.round(random.normal(50 + 10 * shift, 10, size))
        case "heavy":
            return random.standard_t(1, size) + shift
    return random.normal(shift, 1, size)


@pytest.mark.parametrize("shape", ["zero-inflated", "ties", "heavy", "normal"])
def test_what_256_bins_show(shape: str) -> None:
    random = np.random.default_rng(1)
    first = draw(shape, 0.0, 50_000, random)
    at = binning.cuts(np.sort(first[:20_000]))
    for shift in (0.0, 0.1, 1.0):
        second = draw(shape, shift, 40_000, random)
        counted = [binning.count(side, at) for side in (first, second)]
        gap = binning.ks(counted[0].counts, counted[1].counts, at)
        assert gap is not None
        exact = stats.ks_2samp(first, second, method="asymp").statistic
        assert gap.low <= exact + 1e-12
        assert exact <= gap.high
        assert gap.high - gap.low < 0.02
        assert exact - gap.low < 0.002
        if shape != "heavy":
            distance = binning.wasserstein(*counted)
            assert distance == pytest.approx(stats.wasserstein_distance(first, second), rel=0.03, abs=0.01)
            assert binning.spread(counted[0]) == pytest.approx(first.std(), rel=0.15)


def test_ten_bins_out_of_many() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    at = binning.cuts(np.sort(values))
    counts = binning.count(values, at).counts
    first, second = binning.fewer(counts, counts * 2, 10)
    assert len(first) == 10
    assert (first * 2 == second).all()
    assert first.max() < 1_200


def test_nothing_to_count() -> None:
    at = binning.cuts(np.zeros(0))
    assert binning.count([], at).counts.tolist() == [0]
    assert binning.ks(np.array([0]), np.array([3]), at) is None
    assert binning.wasserstein(binning.count([], at), binning.count([1.0], at)) is None
    assert binning.spread(binning.count([], at)) == 0
    assert binning.ks(np.array([2]), np.array([3]), at) == (0, 1)


def test_compiled_code_counts_the_same() -> None:
    random = np.random.default_rng(0)
    shapes = [
        random.normal(size=20_000),
        random.lognormal(0, 3, 20_000),
        -random.lognormal(0, 3, 20_000),
        np.where(random.random(20_000) < 0.4, random.gamma(2, 1, 20_000), 0.0),
        np.round(random.normal(50, 10, 20_000)),
        random.standard_cauchy(20_000),
        random.normal(1e9, 1e-3, 20_000),
        random.normal(size=20_000) * 1e300,
        np.array([1.0, 1.0, 2.0]),
        np.array([5e-324, 0.0]),
    ]
    counted = 0
    for values in shapes:
        at = binning.cuts(np.sort(values))
        odd = np.array([np.nan, np.nan, -1e300, 1e300, 5e-324, -0.0, *at[:5], *np.nextafter(at[:5], -np.inf)])
        for others in (values[::2], odd, np.zeros(0), np.concatenate([odd, [np.inf, -np.inf]])):
            plain, found = binning.count(others, at), binning.count(others, at, compiled=True)
            assert found.counts.tolist() == plain.counts.tolist()
            assert found.missing == plain.missing
            size = np.abs(others[np.isfinite(others)]).sum() if len(others) else 0.0
            assert np.allclose(found.sums, plain.sums, rtol=1e-12, atol=min(size * 1e-12, 1e300))
        counted += compiled_binning.cells(at) is not None
    assert counted >= 4
