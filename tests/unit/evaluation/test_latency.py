from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.evaluation import latency


def calls(*spans: tuple[float, float]) -> np.ndarray:
    """Give calls by when they were sent and answered, in seconds."""
    return np.array([(round(sent * 1e9), round(answered * 1e9)) for sent, answered in spans])


def test_percentiles_with_interval() -> None:
    found = latency.percentile(np.arange(101.0), 95)
    assert found.value == 95
    assert found.ci is not None
    assert found.ci[0] <= 95 <= found.ci[1]
    assert found.note == "101 calls"


def test_times_are_milliseconds() -> None:
    assert latency.milliseconds(calls((0.0, 0.002), (1.0, 1.5))) == pytest.approx([2.0, 500.0])


def test_the_interval_of_a_percentile_covers() -> None:
    random = np.random.default_rng(1)
    true = np.log(20)  # the 95th percentile of exponential times
    found = [latency.percentile(random.exponential(size=400), 95).ci for _ in range(80)]
    covered = np.mean([ci is not None and ci[0] <= true <= ci[1] for ci in found])
    assert 0.87 <= covered <= 0.99


def test_throughput_counts_rows_over_the_whole_time() -> None:
    steady = latency.rate(calls(*((k / 100, (k + 1) / 100) for k in range(100))), 8)
    assert steady.value == pytest.approx(800)
    assert steady.ci == pytest.approx((800, 800), rel=0.05)
    assert steady.note == "8 rows a request"
    few = latency.rate(calls((0.0, 1.0), (0.0, 2.0)), 1)
    assert (few.value, few.ci, few.note) == (1.0, None, "1 row a request")


def test_the_best_batch_size_counts() -> None:
    slow, fast = (latency.rate(calls((0.0, seconds)), 64) for seconds in (2.0, 1.0))
    assert latency.best([slow, fast]) is fast
