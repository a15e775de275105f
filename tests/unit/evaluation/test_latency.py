from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.evaluation import latency


class Clock:
    """Tell a time that moves on by a fixed step at every look."""

    def __init__(self, milliseconds: float) -> None:
        self._ticks = itertools.count(0, round(milliseconds * 1e6))

    def __call__(self) -> int:
        return next(self._ticks)


@pytest.mark.parametrize("features", [np.zeros((7, 2)), pd.DataFrame({"a": range(7)})])
def test_one_row_a_call_and_the_warm_up_apart(features: object) -> None:
    sizes: list[int] = []
    timed = latency.single_row_milliseconds(lambda rows: sizes.append(len(rows)), features, clock=Clock(2.0))
    assert set(sizes) == {1}
    assert timed == pytest.approx(np.full(latency.FEWEST, 2.0))
    assert len(sizes) == latency.WARM_UP + latency.FEWEST


def test_a_slow_model_is_timed_fewer_times() -> None:
    timed = latency.single_row_milliseconds(lambda _: None, np.zeros((300, 1)), clock=Clock(1_000.0))
    assert len(timed) == latency.FEWEST


def test_percentiles_with_interval() -> None:
    value, (low, high) = latency.percentile(np.arange(101.0), 95)
    assert value == 95
    assert low <= value <= high
