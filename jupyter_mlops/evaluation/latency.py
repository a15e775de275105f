"""Latency and throughput out of the times of calls: figures with resampled values, from which intervals come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.evaluation.system import SystemFigure, resampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Throughput is counted in so many parts of the time, which are what is resampled.
PARTS = 20


def milliseconds(calls: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how long each call (sent, answered; nanoseconds) took, in milliseconds."""
    return (calls[:, 1] - calls[:, 0]) / 1e6


def percentile(times: NDArray[np.float64], percent: float) -> SystemFigure:
    """Return a percentile of calls; ``times`` in milliseconds."""
    draws = resampled(times, lambda drawn: np.percentile(drawn, percent, axis=1))
    return SystemFigure(float(np.percentile(times, percent)), draws, f"{len(times):,} calls")


def rate(calls: NDArray[np.int64], rows: int) -> SystemFigure:
    """Return rows a second over calls of ``rows`` rows each, from the first one sent to the last one answered.

    With fewer than two calls for each part of the time there is no interval.
    """
    start, end = int(calls[:, 0].min()), int(calls[:, 1].max())
    seconds = max(end - start, 1) / 1e9
    note = f"{rows:,} {'row' if rows == 1 else 'rows'} a request"
    value = len(calls) * rows / seconds
    if len(calls) < 2 * PARTS:
        return SystemFigure(value, None, note)
    counts, _ = np.histogram(calls[:, 1], bins=np.linspace(start, end, PARTS + 1))
    by_part = counts * rows / (seconds / PARTS)
    return SystemFigure(value, resampled(by_part, lambda drawn: drawn.mean(axis=1)), note)


def best(figures: list[SystemFigure]) -> SystemFigure:
    """Return the largest figure."""
    return max(figures, key=lambda figure: figure.value)
