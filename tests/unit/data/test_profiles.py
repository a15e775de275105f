from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jupyter_mlops.data.profiles import Profile, Sketch, columns_of, describe
from jupyter_mlops.errors import DataError
from jupyter_mlops.records.base import canonical_json, from_json
from jupyter_mlops.records.dataset import Column


def profile(values: Any, **how: Any) -> dict[str, Any]:
    return describe("x", pd.Series(values, **how)).profile


def test_numbers() -> None:
    found = profile([1.0, 2.0, 3.0, 4.0, np.nan, np.inf])
    assert found["count"] == 5
    assert found["infinite"] == 1
    assert (found["min"], found["max"], found["mean"]) == (1.0, 4.0, 2.5)
    assert found["std"] == pytest.approx(np.std([1, 2, 3, 4], ddof=1))
    assert found["quantiles"]["0.5"] == 2.5
    assert found["histogram"]["atoms"] == [{"value": float(n), "count": 1} for n in (1, 2, 3, 4)]


def test_a_frequent_value_has_a_count_of_its_own() -> None:
    values = np.concatenate([np.zeros(400), np.random.default_rng(7).normal(5, 1, 600)])
    histogram = profile(values)["histogram"]
    assert histogram["atoms"] == [{"value": 0.0, "count": 400}]
    assert sum(histogram["counts"]) == 600
    assert histogram["edges"][0] > 0.5


@given(hnp.arrays(np.float64, st.integers(0, 300), elements=st.floats(width=32)))
@settings(max_examples=60, deadline=None)
def test_every_value_is_counted_once(values: np.ndarray) -> None:
    column = describe("x", pd.Series(values))
    histogram = column.profile.get("histogram", {"atoms": [], "counts": []})
    counted = sum(atom["count"] for atom in histogram["atoms"]) + sum(histogram["counts"])
    assert counted + column.profile["infinite"] + column.missing == len(values)


def test_no_value_and_one_value() -> None:
    assert profile([], dtype=float) == {"count": 0, "infinite": 0}
    assert profile([np.nan, np.nan]) == {"count": 0, "infinite": 0}
    assert profile([7])["std"] == 0.0
    assert profile([np.inf]) == {"count": 1, "infinite": 1}


def test_categories_are_ranked_by_count_then_name() -> None:
    found = profile(["b", "a", "b", "c", None, "a"])
    assert found == {
        "count": 5,
        "unique": 3,
        "top": [{"value": "a", "count": 2}, {"value": "b", "count": 2}, {"value": "c", "count": 1}],
        "other": 0,
    }
    many = profile([f"v{n % 40:02}" for n in range(400)])
    assert (len(many["top"]), many["other"]) == (20, 200)
    assert profile(pd.Categorical(["x"], categories=["x", "unused"]))["unique"] == 1


@pytest.mark.parametrize(
    "values, kind",
    [
        ([1, 2], "numeric"),
        (pd.array([1, None], dtype="Int64"), "numeric"),
        ([True, False], "boolean"),
        (pd.array([True, None], dtype="boolean"), "boolean"),
        (["a", "b"], "categorical"),
        ([f"text {n}" for n in range(100)], "text"),
        (pd.date_range("2020", periods=2), "date"),
        ([1 + 2j], "other"),
        (pd.Series([[1], [2]]), "other"),
        (pd.Series(["a", 1], dtype=object), "other"),
        (pd.to_timedelta(["1h"]), "other"),
    ],
)
def test_kinds(values: Any, kind: str) -> None:
    column = describe("x", pd.Series(values))
    assert column.kind == kind
    json.dumps(column.profile, allow_nan=False)
    assert from_json(canonical_json(column), Column) == column


def test_dates_and_texts() -> None:
    assert profile(pd.Series(["2020-01-02", None, "2021-01-01"], dtype="datetime64[ns]")) == {
        "count": 2,
        "min": "2020-01-02T00:00:00",
        "max": "2021-01-01T00:00:00",
    }
    assert profile(pd.Series([f"{n:05}" for n in range(100)])) == {
        "count": 100,
        "unique": 100,
        "mean_length": 5.0,
        "max_length": 5,
    }


def test_a_profile_doesnt_hang_on_the_order_of_rows() -> None:
    frame = pd.DataFrame({"x": np.arange(200) % 70, "c": [f"c{n % 30}" for n in range(200)]})
    assert columns_of(frame) == columns_of(frame.iloc[::-1])


values = {
    "float": st.one_of(st.none(), st.floats(-1e3, 1e3)),
    "int": st.integers(-50, 50),
    "word": st.one_of(st.none(), st.sampled_from(["a", "b", "ccc", ""])),
    "flag": st.booleans(),
    "time": st.one_of(st.none(), st.integers(0, 2_000_000_000).map(lambda n: pd.Timestamp(n, unit="s"))),
}
types = {"float": "float64", "int": "int64", "word": "str", "flag": "bool", "time": "datetime64[us]"}


@given(st.sampled_from(sorted(values)), st.data(), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=80, deadline=None)
def test_the_profile_of_two_parts_is_that_of_the_whole(
    kind: str, data: st.DataObject, first: int, second: int
) -> None:
    def part(length: int) -> pd.Series[Any]:
        drawn = data.draw(st.lists(values[kind], min_size=length, max_size=length))
        return pd.Series(drawn, dtype=types[kind])

    a, b = part(first), part(second)
    merged = Sketch.of(a).merge(Sketch.of(b)).column("x")
    whole = describe("x", pd.concat([a, b], ignore_index=True))
    assert (merged.dtype, merged.kind, merged.missing) == (whole.dtype, whole.kind, whole.missing)
    same = {name: value for name, value in merged.profile.items() if name not in ("mean", "std")}
    assert same == {name: value for name, value in whole.profile.items() if name not in ("mean", "std")}
    for name in ("mean", "std"):
        assert merged.profile.get(name, 0) == pytest.approx(whole.profile.get(name, 0), rel=1e-9, abs=1e-9)


def test_many_values_have_nearly_the_same_profile_in_parts() -> None:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "amount": np.where(rng.random(60_000) < 0.2, 0.0, rng.lognormal(size=60_000)),
            "customer": rng.integers(0, 20_000, 60_000).astype(str),
            "city": rng.choice(["Bonn", "Köln", "Ulm"], 60_000, p=[0.5, 0.3, 0.2]),
        }
    )
    parts = Profile.of(frame.iloc[start : start + 1_000] for start in range(0, 60_000, 1_000))
    assert parts.rows == 60_000
    amount, customer, city = (column.profile for column in parts.columns())
    assert amount["approximate"]
    assert amount["mean"] == pytest.approx(frame.amount.mean())
    assert amount["std"] == pytest.approx(frame.amount.std())
    assert (amount["min"], amount["max"]) == (0.0, frame.amount.max())
    histogram = amount["histogram"]
    [zero] = histogram["atoms"]
    assert zero["count"] == pytest.approx((frame.amount == 0).sum(), abs=60)
    assert zero["count"] + sum(histogram["counts"]) == 60_000
    exact = np.histogram(frame.amount[frame.amount > 0], bins=histogram["edges"])[0]
    assert np.abs(np.array(histogram["counts"]) - exact).max() < 300
    for q, value in amount["quantiles"].items():
        assert value == pytest.approx(frame.amount.quantile(float(q)), rel=0.02)
    assert customer["unique"] == pytest.approx(frame.customer.nunique(), rel=0.1)
    assert city["top"] == [
        {"value": name, "count": int(count)} for name, count in frame.city.value_counts().items()
    ]


def test_numbers_in_one_part_and_words_in_another_are_told() -> None:
    profile = Profile.of([pd.DataFrame({"x": [1], "y": [1]}), pd.DataFrame({"x": ["a"], "y": [0.5]})])
    assert profile.mixed == ["x"]
    assert [column.dtype for column in profile.columns()] == ["object", "float64"]
    with pytest.raises(DataError, match="different columns"):
        profile.add(pd.DataFrame({"x": [1]}))
