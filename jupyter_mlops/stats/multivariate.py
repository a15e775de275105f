"""Do two tables come from one distribution, all columns together?"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from threadpoolctl import threadpool_limits

Floats: TypeAlias = NDArray[np.float64]

FEWEST_ROWS = 50
MOST_ROWS = 10_000
# The columns that carry a difference are named below this p-value, from so many rows; each carries at least this share of it.
NAMED_BELOW = 0.05
ROWS_TO_NAME_BY = 4_000
CARRIES = 0.05


class Separation(NamedTuple):
    """Hold how well a classifier tells two tables apart: held-out AUC (0.5: not at all), p-value, rows used.

    ``carriers`` are the columns (by place) that it goes by, most first, each with the AUC that is lost when the column's
    held-out values are shuffled; empty where the tables aren't told apart beyond chance.
    """

    auc: float
    p_value: float
    rows: int
    carriers: tuple[tuple[int, float], ...] = ()


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
    # One thread: the tables are small, and on a busy machine OpenMP's threads wait for each other many times longer.
    with threadpool_limits(limits=1, user_api="openmp"):
        model = _fitted(train, labels, categorical)
        scores = _scores(model, held_out)
        if scores.min() == scores.max():
            return Separation(0.5, 1.0, len(scores))
        auc = _auc(scores, truth)
        p_value = float(
            stats.mannwhitneyu(
                scores[truth == 1], scores[truth == 0], alternative="greater", method="asymptotic"
            ).pvalue
        )
        named = _carriers(model, held_out, truth, auc, random) if p_value < NAMED_BELOW else ()
    return Separation(auc, p_value, len(scores), named)


def _halves(table: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    rows = random.permutation(len(table))[:MOST_ROWS]
    return table[rows[::2]], table[rows[1::2]]


def _fitted(train: Floats, labels: NDArray[np.int64], categorical: NDArray[np.bool_] | None) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # A column whose values all lie in the other half can't be binned; a constant takes no part just as well.
    train = np.where(np.isnan(train).all(axis=0), 0.0, train)
    model = HistGradientBoostingClassifier(
        max_iter=40,
        max_leaf_nodes=15,
        early_stopping=False,
        categorical_features=categorical,
        random_state=0,
    )
    return model.fit(train, labels)


def _scores(model: Any, rows: Floats) -> Floats:
    return np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64)


def _auc(scores: Floats, truth: NDArray[np.int64]) -> float:
    ranks = stats.rankdata(scores)
    ones = int(truth.sum())
    return float((ranks[truth == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(truth) - ones)))


def _carriers(
    model: Any, held_out: Floats, truth: NDArray[np.int64], auc: float, random: np.random.Generator
) -> tuple[tuple[int, float], ...]:
    rows = random.permutation(len(held_out))[:ROWS_TO_NAME_BY]
    some, labels = held_out[rows], truth[rows]
    whole = _auc(_scores(model, some), labels)
    lost = []
    for column in range(some.shape[1]):
        shuffled = some.copy()
        shuffled[:, column] = random.permutation(shuffled[:, column])
        lost.append(whole - _auc(_scores(model, shuffled), labels))
    order = sorted(range(len(lost)), key=lambda column: -lost[column])
    return tuple((column, lost[column]) for column in order if lost[column] >= CARRIES * (auc - 0.5))
