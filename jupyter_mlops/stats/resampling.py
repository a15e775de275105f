"""Figures of many resamples: in numpy for small data, compiled and on several threads where that pays.

The weights are those of ``weights``: both ways, and the one on a GPU, give the same figures within rounding.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jupyter_mlops.stats import ranking, weights

if TYPE_CHECKING:
    from collections.abc import Callable

Floats: TypeAlias = NDArray[np.float64]

# Weights held at a time (32 MB).
CHUNK = 4_000_000
# Draws that numpy takes about a second for, which is what loading the compiled kernels takes.
WORTH_LOADING = 30_000_000
WORTH_CALLING = 50_000
WORTH_THREADS = 20_000_000
MOST_THREADS = 16
_COMPILED = "jupyter_mlops.stats.compiled_resampling"


class Kernels(Protocol):
    """Compute figures of the resamples 0, 1, ... of rows that each stand for one."""

    @property
    def name(self) -> str:
        """What computes, for the record."""

    def sums(self, seed: int, resamples: int, summands: Floats) -> Floats:
        """Return the sums (resamples x k) of the summands (rows x k)."""

    def squares(self, seed: int, summands: Floats, gradients: Floats) -> Floats:
        """Return the sum of ``(summands @ gradient) ** 2`` for each resample's own gradient (resamples x k)."""

    def ranks(self, seed: int, resamples: int, kind: str, positive: Floats, scores: Floats) -> Floats:
        """Return a rank metric ("roc_auc" or "average_precision") of each resample; NaN where it has none."""


class NumpyKernels:
    """Hold the weights of as many resamples at a time as memory allows; ``counts`` are what the rows stand for."""

    name = "numpy"

    def __init__(self, counts: Floats | None = None) -> None:
        self._counts = counts

    def sums(self, seed: int, resamples: int, summands: Floats) -> Floats:
        """See ``Kernels``."""
        return self.statistic(seed, resamples, len(summands), lambda drawn: drawn @ summands)

    def squares(self, seed: int, summands: Floats, gradients: Floats) -> Floats:
        """See ``Kernels``."""
        made = iter(range(0, len(gradients), self._at_once(len(summands))))

        def statistic(drawn: Floats) -> Floats:
            start = next(made)
            linear = gradients[start : start + len(drawn)] @ summands.T
            np.square(linear, out=linear)
            summed: Floats = np.einsum("ij,ij->i", drawn, linear)
            return summed

        return self.statistic(seed, len(gradients), len(summands), statistic)

    def ranks(self, seed: int, resamples: int, kind: str, positive: Floats, scores: Floats) -> Floats:
        """See ``Kernels``."""
        metric = ranking.roc_auc if kind == "roc_auc" else ranking.average_precision
        return self.statistic(seed, resamples, len(positive), metric(positive, scores))

    def statistic(
        self, seed: int, resamples: int, rows: int, statistic: Callable[[Floats], Floats]
    ) -> Floats:
        """Return any statistic of weights (resamples x rows), a part of the resamples at a time."""
        at_once, parts = self._at_once(rows), []
        for start in range(0, resamples, at_once):
            stop = min(resamples, start + at_once)
            if self._counts is None:
                drawn = weights.poisson(seed, start, stop, rows).astype(np.float64)
            else:
                drawn = weights.poisson_counts(seed, start, stop, self._counts)
            parts.append(statistic(drawn))
        return np.concatenate(parts)

    @staticmethod
    def _at_once(rows: int) -> int:
        return max(1, CHUNK // max(1, rows))


class CompiledKernels:
    """Draw, use and forget the weights row by row, on as many threads as this process has processors."""

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or processors()
        self.name = f"numba, {self.threads} thread{'s' if self.threads > 1 else ''}"

    def sums(self, seed: int, resamples: int, summands: Floats) -> Floats:
        """See ``Kernels``."""
        from jupyter_mlops.stats import compiled_resampling as kernels

        totals = np.empty((resamples, summands.shape[1]))
        columns = np.ascontiguousarray(summands.T, dtype=np.float64)

        def part(start: int, stop: int) -> None:
            kernels.sums(weights.keys(seed, start, stop), weights.TABLE, columns, totals[start:stop])

        return self._shared(part, totals)

    def squares(self, seed: int, summands: Floats, gradients: Floats) -> Floats:
        """See ``Kernels``."""
        from jupyter_mlops.stats import compiled_resampling as kernels

        totals = np.empty(len(gradients))
        columns = np.ascontiguousarray(summands.T, dtype=np.float64)
        factors = np.ascontiguousarray(gradients, dtype=np.float64)

        def part(start: int, stop: int) -> None:
            own = weights.keys(seed, start, stop)
            kernels.squares(own, weights.TABLE, columns, factors[start:stop], totals[start:stop])

        return self._shared(part, totals)

    def ranks(self, seed: int, resamples: int, kind: str, positive: Floats, scores: Floats) -> Floats:
        """See ``Kernels``."""
        from jupyter_mlops.stats import compiled_resampling as kernels

        kernel = kernels.areas if kind == "roc_auc" else kernels.precisions
        figures = np.full(resamples, np.nan)
        rows = ranking.ordered(kind, positive, scores)
        if not len(rows.order):
            return figures

        def part(start: int, stop: int) -> None:
            kernel(weights.keys(seed, start, stop), weights.TABLE, *rows, figures[start:stop])

        return self._shared(part, figures)

    def _shared(self, part: Callable[[int, int], None], answer: Floats) -> Floats:
        if self.threads == 1:
            part(0, len(answer))
            return answer
        borders = np.linspace(0, len(answer), self.threads + 1).astype(int)
        with ThreadPoolExecutor(self.threads) as pool:
            for done in [pool.submit(partial(part, *pair)) for pair in pairwise(borders.tolist())]:
                done.result()
        return answer


def kernels_for(draws: int) -> Kernels:
    """Choose what computes so many draws (rows x resamples) soonest on the CPU."""
    enough = WORTH_CALLING if _COMPILED in sys.modules else WORTH_LOADING
    if draws < enough:
        return NumpyKernels()
    return CompiledKernels(None if draws >= WORTH_THREADS else 1)


def processors() -> int:
    """Return how many processors this process may use, up to 16."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        usable = os.cpu_count() or 1
    return max(1, min(MOST_THREADS, usable))
