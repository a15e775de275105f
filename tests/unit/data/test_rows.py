from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.data.rows import as_features, as_target, combine
from jupyter_mlops.errors import DataError

X = pd.DataFrame({"a": [1.0, 2.0], "SEX": [1, 2]}, index=[7, 3])


def test_rows_are_put_together_by_position() -> None:
    features = as_features(X)
    target = as_target(pd.Series([0, 1], name="employed", index=[3, 7]), list(features.columns))
    table, columns = combine(features, target, pd.DataFrame({"race": ["x", "y"]}, index=[1, 2]))
    assert table.to_dict(orient="list") == {
        "a": [1.0, 2.0],
        "SEX": [1, 2],
        "employed": [0, 1],
        "race": ["x", "y"],
    }
    assert columns == {"race": "race"}


def test_an_attribute_among_the_features_is_kept_once() -> None:
    features = as_features(X)
    table, columns = combine(features, as_target([0, 1], ["a", "SEX"]), X["SEX"])
    assert list(table.columns) == ["a", "SEX", "target"]
    assert columns == {"SEX": "SEX"}


def test_an_attribute_that_only_has_a_features_name_gets_another_column() -> None:
    table, columns = combine(as_features(X), as_target([0, 1], ["a", "SEX"]), {"SEX": ["m", "f"]})
    assert columns == {"SEX": "SEX_"}
    assert list(table["SEX_"]) == ["m", "f"]
    assert list(table["SEX"]) == [1, 2]


def test_a_target_named_as_a_feature_gets_another_name() -> None:
    assert as_target(pd.Series([1], name="a"), ["a", "target"]).name == "a_"
    assert as_target([1], ["target"]).name == "target_"


@pytest.mark.parametrize(
    "like, names", [(None, ["x0", "x1"]), (X, ["a", "SEX"]), (np.zeros((1, 2)), ["x0", "x1"])]
)
def test_columns_of_an_array_get_names(like: Any, names: list[str]) -> None:
    assert list(as_features(np.zeros((3, 2)), like=like).columns) == names


@pytest.mark.parametrize("y", [np.array([[1], [0]]), pd.DataFrame({"y": [1, 0]}), [1, 0], pd.Series([1, 0])])
def test_targets_of_one_column_come_in_many_shapes(y: Any) -> None:
    assert list(as_target(y, [])) == [1, 0]


def test_images_are_laid_out_flat() -> None:
    images = np.arange(24.0).reshape(2, 3, 4)
    frame = as_features(images)
    assert frame.shape == (2, 12)
    assert frame.to_numpy().reshape(images.shape).tolist() == images.tolist()


@pytest.mark.parametrize(
    "X_, y, sensitive, message",
    [
        (X, [1], None, "the target has 1 values for 2 test rows"),
        (X, [[1, 2], [3, 4]], None, "the test target has shape"),
        (np.zeros(2), [1, 2], None, "the test features have shape"),
        (X, [1, 2], {"s": [1]}, "'s' has 1 values for 2 test rows"),
        (X, [1, 2], {"s": [[1], [2]]}, "'s' has shape"),
        (X, [1, 2], [1, 2], "a list can't be sensitive attributes"),
        (X, [1, 2], pd.Series([1, 2]), "has no name"),
    ],
)
def test_what_doesnt_fit_is_said(X_: Any, y: Any, sensitive: Any, message: str) -> None:
    def put_together() -> None:
        features = as_features(X_)
        combine(features, as_target(y, list(features.columns)), sensitive)

    with pytest.raises(DataError, match=message):
        put_together()
