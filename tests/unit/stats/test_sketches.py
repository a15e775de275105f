from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.stats import sketches
from jupyter_mlops.stats.sketches import Distinct, Frequent, Moments, Quantiles, weighted_quantiles

floats = st.lists(st.floats(-1e6, 1e6), max_size=60)


def counted(values: np.ndarray) -> Frequent:
    return Frequent.of(*np.unique(values, return_counts=True))


@given(floats, floats)
@settings(max_examples=100, deadline=None)
def test_moments_of_two_parts_are_those_of_the_whole(a: list[float], b: list[float]) -> None:
    merged, whole = Moments.of(np.array(a)).merge(Moments.of(np.array(b))), Moments.of(np.array(a + b))
    assert (merged.count, merged.low, merged.high) == (whole.count, whole.low, whole.high)
    assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    assert merged.std == pytest.approx(whole.std, rel=1e-6, abs=1e-5)


@given(st.lists(floats, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_few_values_are_kept_exactly_however_they_came(parts: list[list[float]]) -> None:
    merged = reduce(Quantiles.merge, [Quantiles.of(np.array(part)) for part in parts])
    values, weights = merged.weighted()
    assert values.tolist() == sorted(value for part in parts for value in part)
    assert weights.tolist() == [1] * len(values)


@pytest.mark.parametrize("shape", ["normal", "sorted", "lumps", "reversed"])
@pytest.mark.parametrize("parts", [1, 7, 300])
def test_ranks_of_many_values_are_nearly_right(shape: str, parts: int) -> None:
    values = np.random.default_rng(7).normal(size=300_000)
    if shape == "sorted":
        values = np.sort(values)
    if shape == "reversed":
        values = np.sort(values)[::-1]
    if shape == "lumps":
        values = np.round(values, 1)
    merged = reduce(Quantiles.merge, map(Quantiles.of, np.array_split(values, parts)))
    points, weights = merged.weighted()
    assert weights.sum() == len(values)
    assert len(points) <= sketches.LEVEL * len(merged.levels)
    at = np.linspace(0, 1, 101)
    found = weighted_quantiles(points, weights, at)
    ordered = np.sort(values)
    low, high = (np.searchsorted(ordered, found, side=side) / len(ordered) for side in ("left", "right"))
    wrong = np.maximum(low - at, at - high)
    assert wrong.max() < 0.002
    assert wrong.max() <= len(merged.levels) / sketches.LEVEL


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50))
@settings(max_examples=60, deadline=None)
def test_quantiles_of_single_values_are_numpys(values: list[float]) -> None:
    at = np.array([0, 0.01, 0.25, 0.5, 0.77, 1])
    found = weighted_quantiles(np.sort(values), np.ones(len(values), dtype=np.int64), at)
    assert found == pytest.approx(np.quantile(values, at), abs=1e-9)


@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30)))
@settings(max_examples=60, deadline=None)
def test_counts_of_two_parts_are_those_of_the_whole(a: list[int], b: list[int]) -> None:
    merged = counted(np.array(a, dtype=float)).merge(counted(np.array(b, dtype=float)))
    assert merged == counted(np.array(a + b, dtype=float))


def test_what_is_frequent_among_many_is_found_and_short_by_little() -> None:
    rng = np.random.default_rng(7)
    values = np.concatenate([np.zeros(5_000), np.ones(3_000), rng.normal(size=192_000)])
    rng.shuffle(values)
    merged = reduce(Frequent.merge, map(counted, np.array_split(values, 50)))
    assert len(merged.counts) <= sketches.COUNTED
    assert merged.short <= len(values) / sketches.COUNTED
    for value, count in ((0.0, 5_000), (1.0, 3_000)):
        assert count - merged.short <= merged.counts[value] <= count


def test_different_values_are_counted_exactly_then_estimated() -> None:
    hashes = np.random.default_rng(7).integers(0, 1 << 64, size=200_000, dtype=np.uint64)
    few = Distinct.of(hashes[:900]).merge(Distinct.of(hashes[300:1000]))
    assert (few.exact, few.count) == (True, 1000)
    many = reduce(Distinct.merge, map(Distinct.of, np.array_split(np.tile(hashes, 2), 9)))
    assert not many.exact
    assert many.count == pytest.approx(200_000, rel=0.1)
    assert (many.smallest == Distinct.of(hashes).smallest).all()
