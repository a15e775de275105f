from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.data.comparing import file_changes, key_changes, row_changes
from jupyter_mlops.errors import DataError
from jupyter_mlops.records.dataset import FileEntry, FolderManifest


def test_rows_are_followed_by_their_key() -> None:
    left = pd.DataFrame({"id": [1, 2, 3, 4], "x": [0.5, np.nan, 2.0, 4.0], "c": ["a", "b", None, "d"]})
    right = pd.DataFrame({"c": ["z", "b", None, "e"], "id": [1, 2, 3, 5], "x": [0.5, np.nan, 2.5, 5.0]})
    found = key_changes(left, right, ["id"])
    assert (found.added, found.removed, found.changed, found.same) == (1, 1, 2, 1)
    assert found.columns == {"x": 1, "c": 1}
    assert found.first_added == ({"id": 5, "x": 5.0, "c": "e"},) or found.first_added[0]["id"] == 5
    assert found.first_removed == ({"id": 4, "x": 4.0, "c": "d"},)
    assert found.first_changed == ({"id": 1, "c": ["a", "z"]}, {"id": 3, "x": [2.0, 2.5]})


def test_a_key_of_two_columns_and_other_types() -> None:
    left = pd.DataFrame({"a": [1, 1], "b": ["x", "y"], "n": [1, 2]})
    right = pd.DataFrame({"a": [1, 1], "b": ["x", "y"], "n": [1.0, 2.5]})
    found = key_changes(left, right, ["a", "b"])
    assert (found.changed, found.first_changed) == (1, ({"a": 1, "b": "y", "n": [2, 2.5]},))
    text = right.assign(n=["1", "2"])
    assert key_changes(left, text, ["a", "b"]).changed == 2


@pytest.mark.parametrize(
    "key, message",
    [
        (["a"], "the left side has two rows with a = 1"),
        (["a", "x"], "the left side has no column 'x'"),
        (["iid"], "did you mean id?"),
    ],
)
def test_a_key_that_tells_no_rows_apart_is_refused(key: list[str], message: str) -> None:
    frame = pd.DataFrame({"a": [1, 1], "id": [1, 2]})
    with pytest.raises(DataError) as caught:
        key_changes(frame, frame, key)
    assert message in str(caught.value)


tables = st.dictionaries(st.integers(0, 9), st.tuples(st.none() | st.integers(0, 2), st.sampled_from("ab")))


@given(tables, tables)
@settings(max_examples=40, deadline=None)
def test_rows_by_key_are_as_in_dicts(left: dict[int, Any], right: dict[int, Any]) -> None:
    def frame(rows: dict[int, Any]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "k": pd.Series(list(rows), dtype="int64"),
                "n": pd.Series([n for n, _ in rows.values()], dtype="float64"),
                "c": pd.Series([c for _, c in rows.values()], dtype="str"),
            }
        )

    found = key_changes(frame(left), frame(right), ["k"])
    both = left.keys() & right.keys()
    assert found.added == len(right.keys() - left.keys())
    assert found.removed == len(left.keys() - right.keys())
    assert found.changed == sum(left[key] != right[key] for key in both)
    assert found.same == sum(left[key] == right[key] for key in both)
    assert found.columns.get("c", 0) == sum(left[key][1] != right[key][1] for key in both)


def test_folders_are_compared_by_file() -> None:
    def manifest(**files: str) -> FolderManifest:
        return FolderManifest(files={name: FileEntry(sha256=sha, size=1) for name, sha in files.items()})

    found = file_changes(manifest(a="1", b="1", c="1"), manifest(b="1", c="2", d="1"))
    assert (found.added, found.removed, found.changed) == (("d",), ("a",), ("c",))


def test_lists_and_dicts_in_cells_are_compared() -> None:
    left = pd.DataFrame(
        {"id": [1, 2], "v": [np.array([1.0, 2.0]), np.array([3.0])], "d": [{"a": [1]}, {"a": [2]}]}
    )
    right = left.assign(v=pd.Series([np.array([1.0, 2.0]), None], dtype=object))
    found = key_changes(left, right, ["id"])
    assert (found.changed, found.columns) == (1, {"v": 1})
    bag = row_changes(left, right)
    assert (bag.added, bag.removed) == (1, 1)
    assert row_changes(left, left.copy()).added == 0
    assert key_changes(left, right, ["d"]).columns == {"v": 1}
