from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.monitoring import columns


@pytest.mark.parametrize(
    "values, kind",
    [
        (pd.Series([1.5, None]), "numeric"),
        (pd.Series([1, 2]), "numeric"),
        (pd.Series([1, None], dtype="Int64"), "numeric"),
        (pd.Series([True, False]), "boolean"),
        (pd.Series([True, None], dtype=object), "boolean"),
        (pd.Series([True, "x"], dtype=object), "categorical"),
        (pd.Series(["a", None]), "categorical"),
        (pd.Series(["a", "b"], dtype="category"), "categorical"),
        (pd.Series([datetime(2026, 1, 1, tzinfo=UTC)]), "date"),
        (pd.Series([pd.Timedelta(1, "h")]), "numeric"),
        (pd.Series([1j]), "other"),
        (pd.Series([np.nan, np.nan]), ""),
        (pd.Series([None, None], dtype=object), ""),
        (pd.Series([[1], [2]]), "categorical"),
        (pd.Series([[1, 2], [2, 3]]), "embedding"),
        (pd.Series([[1, 2], [2]]), "categorical"),
        (pd.Series([["a", "b"], ["c", "d"]]), "categorical"),
    ],
)
def test_kinds(values: pd.Series, kind: str) -> None:
    assert columns.basic_kind(values) == kind


def test_few_whole_numbers_are_codes() -> None:
    codes = pd.Series(np.arange(3_000) % 20)

    def have_codes(*values: pd.Series) -> bool:
        return columns.have_codes(*map(columns.Side, values))

    assert have_codes(codes, codes.astype(float))
    assert not have_codes(codes, pd.Series([20]))
    assert not have_codes(codes + 0.5)
    assert not have_codes(pd.Series([1.0, np.inf]))
    late = pd.Series(np.where(np.arange(3_000) < 2_000, 1, np.arange(3_000)))
    assert not have_codes(late)


def test_numbers_of_dates_and_spans_are_seconds() -> None:
    naive = pd.Series(["1970-01-01 00:00:02", None, "1970-01-01 00:00:01"], dtype="datetime64[us]")
    for dates in (naive, naive.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")):
        found = columns.numbers(dates)
        assert found.ordered.tolist() == [1.0, 2.0]
        assert (found.missing, found.rows) == (1, 3)
    assert columns.numbers(pd.Series([pd.Timedelta(1, "h"), pd.NaT])).ordered.tolist() == [3600.0]
    assert columns.numbers(pd.Series([3, None, 1], dtype="Int64")).ordered.tolist() == [1.0, 3.0]


def test_categories_stand_in_one_order() -> None:
    first, second = columns.categories(
        columns.Side(pd.Series(["b", "a", "b", None])), columns.Side(pd.Series(["c", "a"]))
    )
    assert first.labels == second.labels == ("b", "a", "c")
    assert (first.counts.tolist(), second.counts.tolist()) == ([2, 1, 0], [0, 1, 1])
    assert (first.missing, second.missing) == (1, 0)


def test_categories_of_numbers_of_two_types_meet() -> None:
    first, second = columns.categories(
        columns.Side(pd.Series([1, 2])), columns.Side(pd.Series([1.0, np.nan]))
    )
    assert first.labels == ("1", "2")
    whole, _ = columns.categories(columns.Side(pd.Series([3.0, 2.5])), columns.Side(pd.Series([1])))
    assert set(whole.labels) == {"3", "2.5", "1"}
    assert second.counts.tolist() == [1, 0]


def test_lists_are_compared_by_their_text() -> None:
    first, _ = columns.categories(columns.Side(pd.Series([[1], [1], [2]])), columns.Side(pd.Series([[1]])))
    assert dict(zip(first.labels, first.counts, strict=True)) == {"[1]": 2, "[2]": 1}


@pytest.mark.parametrize(
    "words",
    [
        ["2026-01-01", "now"],
        ["2026-01-01", ""],
        ["2026-13-01"],
        ["2026-01-01 to 2026-02-01"],
        ["2026"],
        [None],
    ],
)
def test_words_that_are_no_dates_stay_words(words: list[str | None]) -> None:
    values = pd.Series(words, dtype=object)
    assert columns.dated(values) is values
