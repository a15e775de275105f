from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.stats.change_points import LONGEST, change_points


@pytest.mark.parametrize(
    "values",
    [
        lambda random: np.concatenate([random.normal(0, 1, 80), random.normal(4, 1, 120)]),
        lambda random: np.concatenate([random.normal(0, 1, 80), random.normal(0, 8, 120)]),
        lambda random: random.normal(0, 1, 200) + np.maximum(np.arange(200) - 80, 0) * 0.2,
        lambda random: np.column_stack(
            [random.normal(0, 1, 200), random.normal(0, 1, 200) + 6 * (np.arange(200) >= 80)]
        ),
    ],
    ids=["level", "noise", "trend", "one of two series"],
)
def test_a_change_is_found_where_it_is(values: Any) -> None:
    for seed in range(5):
        [place] = change_points(values(np.random.default_rng(seed)))
        assert place == pytest.approx(80, abs=12)


def test_noise_and_trends_are_no_change() -> None:
    random = np.random.default_rng(0)
    found = 0
    for _ in range(100):
        noise = random.normal(size=150)
        found += len(change_points(noise)) + len(change_points(noise + np.arange(150)))
    assert found <= 4


def test_a_long_series_is_averaged() -> None:
    random = np.random.default_rng(0)
    errors = random.random(50_000) < np.where(np.arange(50_000) < 30_000, 0.1, 0.2)
    [place] = change_points(errors)
    assert place == pytest.approx(30_000, abs=500)
    assert place % (50_000 // LONGEST) == 0


@pytest.mark.parametrize("values", [[], [1.0], [np.nan] * 20, [3.0] * 50, [1e300] * 20, [[]] * 20])
def test_what_cannot_change_has_no_changes(values: list[float]) -> None:
    assert change_points(values) == []


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40),
    shortest=st.integers(2, 6),
)
def test_segments_are_no_shorter_than_asked(values: list[float], shortest: int) -> None:
    found = change_points(values, shortest=shortest)
    lengths = np.diff([0, *found, len(values)])
    assert not found or lengths.min() >= shortest


@given(
    place=st.integers(10, 50), scale=st.sampled_from([1e-200, 1.0, 1e200]), base=st.sampled_from([0.0, 1e3])
)
def test_units_make_no_difference(place: int, scale: float, base: float) -> None:
    values = np.random.default_rng(place).normal(size=60) + 9 * (np.arange(60) >= place)
    assert change_points((values + base) * scale) == change_points(values)
