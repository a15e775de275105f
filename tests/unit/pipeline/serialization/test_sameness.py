"""Whether a value whose pickle differs is the same all the same."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from jupyter_mlops.pipeline.serialization.pickling import Scope, pickled
from jupyter_mlops.pipeline.serialization.sameness import Sameness


def same(before: Any, now: Any) -> bool:
    return Sameness(lambda value: pickled(value, Scope({})).digest)(before, now)


def frame() -> pd.DataFrame:
    return pd.DataFrame({"x": [0.0, 1.0], "y": [2.0, 3.0], "o": pd.Series([1, "a"], dtype=object)})


def test_a_regrouped_frame_is_the_same() -> None:
    regrouped = frame()[["x"]].assign(y=[2.0, 3.0], o=pd.Series([1, "a"], dtype=object))
    assert pickled(regrouped, Scope({})).digest != pickled(frame(), Scope({})).digest
    assert same(frame(), regrouped)
    assert same({"frame": frame(), "n": [1]}, {"frame": regrouped, "n": [1]})


@pytest.mark.parametrize("row, column, value", [(0, "x", -0.0), (0, "x", 5.0), (0, "o", True), (0, "o", 1.0)])
def test_a_changed_frame_is_not(row: int, column: str, value: Any) -> None:
    changed = frame()
    changed.loc[row, column] = value
    assert not same([frame()], [changed])


def test_an_order_a_type_a_name_and_an_alias_count() -> None:
    assert not same({"f": frame(), "a": 1}, {"a": 1, "f": frame()})
    assert not same([frame(), 1], [frame(), True])
    assert not same(frame()["x"], frame()["x"].rename("z"))
    one, other = [1], [1]
    assert same([one, other, frame()], [[1], [1], frame()])
    assert not same([one, other, frame()], [one, one, frame()])
    assert not same([one, one, frame()], [one, other, frame()])
