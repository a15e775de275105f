"""Do two tables come from one distribution, all columns together?"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats: TypeAlias = NDArray[np.float64]

FEWEST_ROWS = 50
MOST_ROWS = 10_000


class Separation(NamedTuple):
    """Hold how well a classifier tells two tables apart: held-out AUC (0.5: not at all), p-value, rows used."""

    auc: float
    p_value: float
    rows: int


def classifier_two_sample(
    reference: Floats, current: Floats, *, categorical: NDArray[np.bool_] | None = None, seed: int = 0
) -> Separation | None:
    """Train boosted trees to tell two tables apart on one half of the rows; test them on the other.

    The rows held out were never seen in training, so the rank-sum test of their scores is a valid test.

    Args:
        reference: rows x columns; NaN is missing; categories are codes.
        current: rows x the same columns.
        categorical: which columns hold codes; at most 255 distinct codes each.
        seed: draws the subsample and the halves.

    Returns:
        None where a side has fewer than 50 rows or there are no columns.
    """
    if min(len(reference), len(current)) < FEWEST_ROWS or not reference.shape[1]:
        return None
    random = np.random.default_rng(seed)
    halves = [_halves(table, random) for table in (reference, current)]
    train, held_out = (np.concatenate([halves[0][half], halves[1][half]]) for half in (0, 1))
    labels, truth = (np.repeat([0, 1], [len(halves[0][half]), len(halves[1][half])]) for half in (0, 1))
    scores = _scores(train, labels, held_out, categorical)
    of_reference, of_current = scores[truth == 0], scores[truth == 1]
    if scores.min() == scores.max():
        return Separation(0.5, 1.0, len(scores))
    outcome = stats.mannwhitneyu(of_current, of_reference, alternative="greater", method="asymptotic")
    auc = float(outcome.statistic) / (len(of_reference) * len(of_current))
    return Separation(auc, float(outcome.pvalue), len(scores))


def _halves(table: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    rows = random.permutation(len(table))[:MOST_ROWS]
    return table[rows[::2]], table[rows[1::2]]


def _scores(
    train: Floats, labels: NDArray[np.int64], held_out: Floats, categorical: NDArray[np.bool_] | None
) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        max_iter=40,
        max_leaf_nodes=15,
        early_stopping=False,
        categorical_features=categorical,
        random_state=0,
    )
    # One thread: the tables are small, and on a busy machine OpenMP's threads wait for each other many times longer.
    with threadpool_limits(limits=1, user_api="openmp"):
        model.fit(train, labels)
        return np.asarray(model.predict_proba(held_out)[:, 1], dtype=np.float64)
