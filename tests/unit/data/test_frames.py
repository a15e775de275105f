from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames

from jupyter_mlops.data.frames import plain, write_parquet


@given(
    data_frames(
        [
            column("n", dtype=np.int64),
            column("x", dtype=np.float64),
            column("s", elements=st.text(st.characters(codec="utf-8"))),
        ]
    )
)
@settings(max_examples=30, deadline=None)
def test_the_same_frame_gives_the_same_bytes(frame: pd.DataFrame) -> None:
    assert write_parquet(frame) == write_parquet(frame.copy(deep=True))


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.nan, None),
        (pd.NA, None),
        (pd.NaT, None),
        (None, None),
        (np.bool_(True), True),
        ("x", "x"),
        (pd.Timestamp("2020-01-01"), "2020-01-01 00:00:00"),
    ],
)
def test_plain_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected
