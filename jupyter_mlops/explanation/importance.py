"""How much a model leans on each column: what it loses when the column's values are shuffled, with intervals."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.explanation import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from jupyter_mlops.explanation.attributions import Attributions, Data, Explainer, Floats

ROWS, FEWEST_ROWS, ROUNDS = 2000, 200, 5
ATTRIBUTED, FEWEST_ATTRIBUTED = 500, 20
SEED = 5
Z_95 = 1.959963984540054
_ROUNDING = 1e-12
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Score:
    """Hold a metric that is a mean over rows, or close to one: ``shares`` has each row's share in it.

    ``shares`` takes what the model answered and gives a value a row, whose mean is the metric and whose spread its
    sampling error; for metrics that aren't means these are their influence values.
    """

    metric: str
    ask: Callable[[Data], NDArray[Any]]
    shares: Callable[[NDArray[Any], NDArray[Any]], Floats]


class _Timer:
    """Say how long something took for itself: on a busy machine it waits for others, up to four times as long."""

    def __init__(self) -> None:
        self._begun, self._worked = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        """The processor time since, or a quarter of the time on the clock where that is more."""
        return max(time.process_time() - self._worked, (time.perf_counter() - self._begun) / 4, 1e-9)


@dataclass(frozen=True, slots=True)
class Losses:
    """Hold what the metric loses by each column (and its 95% interval), and how that was measured."""

    score: float
    loss: tuple[float, ...]
    intervals: tuple[Interval, ...]
    rows: int
    rounds: int


def accuracy(truth: NDArray[Any], answers: NDArray[Any]) -> Floats:
    """Return 1 for each row that is answered right, else 0."""
    return np.asarray(truth == answers, dtype=np.float64)


def roc_auc(truth: NDArray[Any], scores: NDArray[Any]) -> Floats:
    """Return each row's share in the area under the ROC curve; ``truth`` is 1 for positive rows.

    A positive row counts by the share of negative ones that it stands above, and the other way round; ties by half.
    """
    positive = truth == 1
    own, other = np.sort(scores[positive]), np.sort(scores[~positive])
    above = _below(other, scores[positive])
    below = 1.0 - _below(own, scores[~positive])
    area = above.mean()
    share = positive.mean()
    found = np.empty(len(truth))
    found[positive] = area + (above - area) / share
    found[~positive] = area + (below - area) / (1.0 - share)
    return found


def r2(truth: NDArray[Any], answers: NDArray[Any]) -> Floats:
    """Return each row's share in the coefficient of determination."""
    errors, around = (truth - answers) ** 2, (truth - truth.mean()) ** 2
    spread = around.mean()
    ratio = errors.mean() / spread
    return np.asarray(1.0 - ratio - (errors - ratio * around) / spread, dtype=np.float64)


def losses(score: Score, data: Data, truth: NDArray[Any], *, seconds: float, rounds: int = ROUNDS) -> Losses:
    """Shuffle one column at a time, several times over, and measure what the metric loses.

    The interval speaks of other rows of the same kind: each row counts twice, by its own answer to a value of another
    row and by what its value did to another row's answer. It takes fewer rounds, and fewer rows if one round takes too
    long, where the model would need more than ``seconds``.
    """
    width = data.shape[1]
    timer = _Timer()
    shares = score.shares(truth, score.ask(data))
    each = timer.seconds
    if each * width * rounds > seconds:
        # The first time a model is asked it may still have to load something.
        timer = _Timer()
        score.ask(data)
        each = min(each, timer.seconds)
    rows = len(truth)
    if each * width > seconds and rows > FEWEST_ROWS:
        rows = max(FEWEST_ROWS, int(rows * seconds / (each * width)))
        data, truth = tables.take(data, slice(0, rows)), truth[:rows]
        shares = score.shares(truth, score.ask(data))
        each *= rows / len(truth)
    rounds = max(1, min(rounds, int(seconds / (each * width)) if width else rounds))
    random = np.random.default_rng(SEED)
    found = [_loss(score, data, truth, shares, place, rounds, random) for place in range(width)]
    return Losses(
        float(shares.mean()), tuple(loss for loss, _ in found), tuple(ci for _, ci in found), rows, rounds
    )


def _loss(
    score: Score,
    data: Data,
    truth: NDArray[Any],
    shares: Floats,
    place: int,
    rounds: int,
    random: np.random.Generator,
) -> tuple[float, Interval]:
    taking, giving = np.empty((rounds, len(truth))), np.empty((rounds, len(truth)))
    for number in range(rounds):
        order = random.permutation(len(truth))
        # What changes, not what is left: of a column that hardly matters that is little, and tells more.
        taking[number] = shares - score.shares(truth, score.ask(tables.shuffled(data, place, order)))
        giving[number, order] = taking[number]
    mean = float(taking.mean())
    mean = 0.0 if abs(mean) < _ROUNDING else mean
    effects = taking.mean(axis=0) + giving.mean(axis=0)
    # In each row's effects the other row of a pair is chance, which in the mean over all rows it isn't.
    variance = max(float(effects.var(ddof=1) - taking.var(ddof=1) / rounds), 0.0)
    return mean, _reach(mean, variance / len(truth))


def attributed(explainer: Explainer, data: Data, *, seconds: float) -> Attributions:
    """Attribute as many of the rows as there is time for, in any case a few, at most ``ATTRIBUTED``."""
    first = tables.take(data, slice(0, FEWEST_ATTRIBUTED))
    timer = _Timer()
    found = explainer.explain(first)
    each = timer.seconds / max(1, len(first))
    rows = min(len(data), ATTRIBUTED, int(seconds / each))
    return explainer.explain(tables.take(data, slice(0, rows))) if rows > len(first) else found


def mean_sizes(found: Attributions) -> list[tuple[float, Interval]]:
    """Return how far each column moves the output on average, whatever the direction, with the 95% interval."""
    sizes = np.abs(found.parts).mean(axis=1)
    means = [(float(column.mean()), _interval(float(column.mean()), column)) for column in sizes.T]
    return [(mean, (max(0.0, low), high)) for mean, (low, high) in means]


def directions(found: Attributions, data: Data) -> list[float | None]:
    """Return for each column the rank correlation of its values with their attributions, where both are numbers."""
    if found.parts.shape[1] != 1:
        return [None] * found.parts.shape[2]
    rows = len(found.parts)
    return [
        _rank_correlation(tables.column(data, place)[:rows], found.parts[:, 0, place])
        for place in range(found.parts.shape[2])
    ]


def _rank_correlation(values: Any, parts: Floats) -> float | None:
    import pandas as pd

    column = pd.Series(values).reset_index(drop=True)
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return None
    ranks = pd.DataFrame({"values": column.astype(float), "parts": np.round(parts, 12)}).dropna().rank()
    if len(ranks) < FEWEST_ATTRIBUTED or (ranks.nunique() < 2).any():  # noqa: PLR2004 - one value has no direction
        return None
    return float(np.corrcoef(ranks["values"], ranks["parts"])[0, 1])


def _below(sorted_: Floats, values: NDArray[Any]) -> Floats:
    """Return the share of ``sorted_`` below each value, ties counted by half."""
    left, right = np.searchsorted(sorted_, values, "left"), np.searchsorted(sorted_, values, "right")
    return np.asarray((left + right) / (2 * len(sorted_)), dtype=np.float64)


def _interval(mean: float, shares: Floats) -> Interval:
    return _reach(mean, float(np.var(shares, ddof=1)) / len(shares) if len(shares) > 1 else np.inf)


def _reach(mean: float, variance: float) -> Interval:
    reach = Z_95 * float(np.sqrt(variance))
    return mean - reach, mean + reach
