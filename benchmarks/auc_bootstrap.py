"""The AUC of 100,000 rows, bootstrapped 10,000 times: ours against a loop over scikit-learn's ``roc_auc_score``.

    python benchmarks/auc_bootstrap.py [--rows 100000] [--resamples 10000] [--loop 20]

The loop is timed over ``--loop`` resamples and counted up to all of them: the whole would take some ten minutes. Ours is
timed over all, on the processors this process may use, and on a GPU where there is one. Standard errors are compared: by
each bootstrap, and by DeLong's formula, which gates use for this metric. On a busy machine the ratio of CPU seconds, times
the number of threads, says what the ratio of the times would be on an idle one.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jupyter_mlops.evaluation.device import kernels_torch
from jupyter_mlops.stats import delong
from jupyter_mlops.stats.resampling import CompiledKernels, NumpyKernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.stats.resampling import Floats, Kernels

GOAL = 200


class Taken(NamedTuple):
    cpu: float
    wall: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--loop", type=int, default=20)
    asked = parser.parse_args()
    random = np.random.default_rng(0)
    positive = random.integers(0, 2, asked.rows).astype(np.float64)
    scores = positive + random.normal(size=asked.rows)

    def ours(kernels: Kernels, resamples: int) -> Taken:
        kernels.ranks(
            0, 64, "roc_auc", positive[:100], scores[:100]
        )  # compile, or load what was compiled before
        share = asked.resamples / resamples
        return timed(
            kernels.name, share, lambda: kernels.ranks(0, resamples, "roc_auc", positive, scores).std()
        )

    print(f"{'':<26}{'timed':>8}{'CPU s':>10}{'wall s':>10}{'standard error':>18}")
    timed("", 1, lambda: loop(positive, scores, 1), shown=False)  # scikit-learn's own imports
    share = asked.resamples / asked.loop
    theirs = timed("scikit-learn in a loop", share, lambda: loop(positive, scores, asked.loop))
    compiled = CompiledKernels()
    best = ours(compiled, asked.resamples)
    ours(NumpyKernels(), asked.loop)
    gpu = kernels_torch.on_gpu()
    if gpu is not None:
        ours(gpu, asked.resamples)
    timed("DeLong, no resampling", 1, lambda: area_error(positive, scores))
    print("no GPU here" if gpu is None else "")
    print(
        f"scikit-learn loop / ours: {theirs.wall / best.wall:,.0f} times the time, {theirs.cpu / best.cpu:,.0f} times the "
        f"CPU with {compiled.threads} threads (goal {GOAL} times the time)"
    )


def timed(name: str, share: float, work: Callable[[], float], *, shown: bool = True) -> Taken:
    """Time the part of the work that is done, and print it counted up to the whole."""
    cpu, wall = time.process_time(), time.perf_counter()
    error = work()
    taken = Taken((time.process_time() - cpu) * share, (time.perf_counter() - wall) * share)
    if shown:
        print(f"{name:<26}{1 / share:>8.1%}{taken.cpu:>10.2f}{taken.wall:>10.2f}{error:>18.3e}")
    return taken


def loop(positive: Floats, scores: Floats, resamples: int) -> float:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(1)
    drawn = []
    for _ in range(resamples):
        rows = random.integers(0, len(positive), len(positive))
        drawn.append(roc_auc_score(positive[rows], scores[rows]))
    return float(np.std(drawn))


def area_error(positive: Floats, scores: Floats) -> float:
    area = delong.roc_auc(positive, scores)
    assert area is not None
    return area.error


if __name__ == "__main__":
    main()
