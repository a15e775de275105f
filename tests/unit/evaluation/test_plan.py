from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.evaluation.plan import MOST_CODES, merge_rows

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize(
    "columns",
    [
        (RANDOM.integers(0, 2, 5_000), RANDOM.integers(-3, 2, 5_000), RANDOM.integers(7, 9, 5_000)),
        (RANDOM.integers(0, 2, 5_000), RANDOM.integers(0, 2, 5_000) / 2),
        (RANDOM.integers(0, 2, 5_000) * MOST_CODES,),
        (np.where(RANDOM.random(5_000) < 0.1, np.nan, 1.0),),
        (np.zeros(3),),
    ],
    ids=["small whole numbers", "fractions", "far apart", "missing", "one kind"],
)
def test_merged_rows_are_the_rows_counted(columns: tuple[np.ndarray, ...]) -> None:
    rows = tuple(column.astype(np.float64) for column in columns)
    distinct, counts = np.unique(np.column_stack(rows), axis=0, return_counts=True)
    merged, found = merge_rows(rows)
    order = np.lexsort(np.column_stack(merged).T[::-1])
    np.testing.assert_array_equal(np.column_stack(merged)[order], distinct)
    np.testing.assert_array_equal(found[order], counts)


def test_rows_of_continuous_columns_stay_as_they_are() -> None:
    column = RANDOM.random(2_000)
    merged, counts = merge_rows((column,))
    assert merged[0] is column
    assert counts.sum() == 2_000
    assert merge_rows((np.zeros(0),))[1].size == 0
