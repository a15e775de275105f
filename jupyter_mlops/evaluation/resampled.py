"""The laws of figures that are resampled: made by whatever computes them soonest, the same for a seed everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import logit

from jupyter_mlops.evaluation.device.kernels import RESAMPLES, kernels_for
from jupyter_mlops.stats.bootstrap import ENOUGH, bootstrap
from jupyter_mlops.stats.intervals import Certain, Law, Normal, Studentized
from jupyter_mlops.stats.linear import gradients
from jupyter_mlops.stats.resampling import NumpyKernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.evaluation.plan import Floats, Plan
    from jupyter_mlops.stats.bootstrap import Statistic
    from jupyter_mlops.stats.resampling import Kernels

FEWEST = 200
# Draws (rows x resamples) of kernels, and of statistics that want weights as a matrix; beyond, resamples are fewer.
BUDGET = 4_000_000_000
BUDGET_OF_MATRICES = 200_000_000

# Where few rows carry all the variation (two mistakes in a thousand rows), a resample may lack them all: it varies by
# nothing then, and would lie infinitely far away. No resample's error counts as less than this share of the figure's.
_LEAST_ERROR = 0.25
# Of a figure: less than that is no standard error.
_ROUNDING = 1e-11


class Term(NamedTuple):
    """Hold one rank metric of a sum of them; rows whose ``positive`` is NaN are left out."""

    factor: float
    kind: str
    positive: Floats
    scores: Floats


@dataclass(frozen=True, slots=True)
class Resampling:
    """Resample figures so many times, always the same for a seed."""

    resamples: int = RESAMPLES
    seed: int = 0

    def studentized(
        self, summands: Floats, finish: Callable[[Floats], Floats], counts: Floats, value: float
    ) -> Law | None:
        """Return the bootstrap-t of a function of sums.

        Args:
            summands: rows x k.
            finish: maps sums (resamples x k) to figures.
            counts: what each row stands for.
            value: the figure itself.
        """
        scales = np.sqrt(counts @ summands**2)
        moved = summands @ gradients(finish, (counts @ summands)[np.newaxis, :], scales)[0]
        error = float(np.sqrt(counts @ moved**2))
        if not error > _ROUNDING * abs(value):
            return Certain(value) if np.isfinite(error) else None
        resamples = self._affordable(len(counts), BUDGET)
        kernels = _kernels(counts, resamples)
        totals = kernels.sums(self.seed, resamples, summands)
        squares = kernels.squares(self.seed, summands, gradients(finish, totals, scales))
        deviations = (finish(totals) - value) / np.maximum(np.sqrt(squares), _LEAST_ERROR * error)
        known = np.sort(deviations[np.isfinite(deviations)])
        if len(known) < ENOUGH * resamples:
            return None
        carried_by = error**4 / float(counts @ moved**4)
        return Studentized(value, error, known, carried_by, f"bootstrap-t, {resamples:,} resamples")

    def ranked(self, terms: list[Term], value: float) -> Law | None:
        """Return the law of a sum of rank metrics, by their standard error over resamples."""
        rows = len(terms[0].scores)
        resamples = self._affordable(rows, BUDGET)
        kernels = kernels_for(rows * resamples)
        drawn = np.zeros(resamples)
        for term in terms:
            drawn += term.factor * kernels.ranks(self.seed, resamples, term.kind, term.positive, term.scores)
        alone = len(terms) == 1 and 0 < value < 1
        scaled = logit(drawn) * value * (1 - value) if alone else drawn
        known = scaled[np.isfinite(scaled)]
        if len(known) < ENOUGH * resamples:
            return None
        freedom = min(float((term.positive > 0).sum()) for term in terms) - 1
        if known.min() == known.max() or freedom < 1:
            return Certain(value) if freedom >= 1 else None
        error = float(known.std())
        return Normal(value, error, f"bootstrap, {resamples:,} resamples", share=alone, freedom=freedom)

    def corrected(self, statistic: Statistic, counts: Floats, value: float) -> Law | None:
        """Return the law of any figure of weights, corrected for bias and skewness."""
        resamples = self._affordable(len(counts), BUDGET_OF_MATRICES)
        return bootstrap(statistic, counts, value, resamples=resamples, seed=self.seed)

    def correlation(self, *plans: Plan) -> float:
        """Return how much two figures of the same rows vary together: from 0, however they do, up to 1."""
        rows = len(plans[0].columns[0])
        both = [NumpyKernels().statistic(self.seed, FEWEST, rows, plan.build(plan.columns)) for plan in plans]
        known = np.isfinite(both).all(axis=0)
        found = float(np.asarray(np.corrcoef(np.array(both)[:, known]))[0, 1])
        return max(0.0, found) if np.isfinite(found) else 0.0

    def _affordable(self, rows: int, budget: int) -> int:
        return min(self.resamples, max(FEWEST, budget // rows))


def _kernels(counts: Floats, resamples: int) -> Kernels:
    return kernels_for(len(counts) * resamples) if _ones(counts) else NumpyKernels(counts)


def _ones(counts: Floats) -> bool:
    return bool((counts == 1).all())
