"""How long a model takes for one row, on this machine, in this process."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

WARM_UP = 20
CALLS = 300
# A slow model is timed fewer times rather than long.
SECONDS = 5.0
FEWEST = 20


def single_row_milliseconds(
    predict: Callable[[Any], Any], features: Any, *, clock: Callable[[], int] = perf_counter_ns
) -> NDArray[np.float64]:
    """Time ``predict`` on one row of ``features`` (frame or array) at a time, after a warm-up that isn't counted.

    OpenMP has one thread meanwhile, as in the serving process.

    Returns:
        Milliseconds of each call; up to 300 calls, fewer where five seconds are over.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="openmp"):
        return _timed(predict, features, clock)


def _timed(predict: Callable[[Any], Any], features: Any, clock: Callable[[], int]) -> NDArray[np.float64]:
    rows = [_row(features, index % len(features)) for index in range(min(CALLS, max(FEWEST, len(features))))]
    started = clock()
    for index in range(WARM_UP):
        predict(rows[index % len(rows)])
        if _seconds(started, clock()) > SECONDS / 2:
            break
    timed: list[int] = []
    started = clock()
    for row in rows:
        before = clock()
        predict(row)
        after = clock()
        timed.append(after - before)
        if len(timed) >= FEWEST and _seconds(started, after) > SECONDS:
            break
    return np.array(timed, dtype=np.float64) / 1e6


def percentile(
    milliseconds: NDArray[np.float64], percent: float, *, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Return a percentile of timed calls and its 95% interval, by resampling the calls."""
    random = np.random.default_rng(seed)
    drawn = random.choice(milliseconds, size=(1_000, len(milliseconds)))
    low, high = np.quantile(np.percentile(drawn, percent, axis=1), [0.025, 0.975])
    return float(np.percentile(milliseconds, percent)), (float(low), float(high))


def _row(features: Any, index: int) -> Any:
    return features.iloc[[index]] if hasattr(features, "iloc") else features[index : index + 1]


def _seconds(start: int, stop: int) -> float:
    return (stop - start) / 1e9
