"""Intervals for any figure that can be computed from weighted rows.

A figure is a function of weights: ``statistic(weights)`` takes a matrix (resamples x rows) and returns a value for each
resample; with the rows' own counts as weights it gives the figure itself. So rows that are equal are counted instead of
repeated, and a paired comparison is just a difference of two such functions over the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from jupyter_mlops.stats.intervals import Certain, Corrected, Law
from jupyter_mlops.stats.resampling import NumpyKernels

Floats: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], Floats]

# Of the resamples, so many must have a value.
ENOUGH = 0.5
# Figures that leave out a part of the rows, to see how skewly the figure varies.
_PARTS = 200


def bootstrap(
    statistic: Statistic, counts: Floats, value: float, *, resamples: int, seed: int = 0
) -> Law | None:
    """Return the law of a figure, by Poisson resampling of the rows, corrected for bias and skewness.

    Args:
        statistic: maps weights (resamples x rows) to values (resamples).
        counts: how often each distinct row occurs.
        value: the figure itself.
        resamples: how many.
        seed: the same seed gives the same law.

    Returns:
        The law; None where most resamples have no value.
    """
    kernels = NumpyKernels(None if (counts == 1).all() else counts)
    draws = kernels.statistic(seed, resamples, len(counts), statistic)
    known = np.sort(draws[np.isfinite(draws)])
    if len(known) < ENOUGH * resamples:
        return None
    if known[0] == known[-1]:
        return Certain(value)
    return Corrected(
        value, known, _acceleration(statistic, counts), f"bootstrap (BCa), {resamples:,} resamples"
    )


def _acceleration(statistic: Statistic, counts: Floats) -> float:
    """Estimate how skewly a figure varies by leaving out a row, or a part of the rows, at a time."""
    if len(counts) <= _PARTS and not (counts == 1).all():
        left, times = counts - np.eye(len(counts)), counts
    else:
        parts = min(_PARTS, len(counts))
        member = np.random.default_rng(0).permutation(np.arange(len(counts)) % parts)
        left, times = counts * (member != np.arange(parts)[:, np.newaxis]), np.ones(parts)
    figures = statistic(left)
    known = np.isfinite(figures)
    if not known.any():
        return 0.0
    moved = np.average(figures[known], weights=times[known]) - figures[known]
    spread = float(times[known] @ moved**2)
    return float(times[known] @ moved**3) / (6 * spread**1.5) if spread > 0 else 0.0
