from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_mlops.data import expectation_picture, expectations, inference
from jupyter_mlops.data.expectation_text import write
from jupyter_mlops.data.repeats import Repeats
from jupyter_mlops.data.shapes import Shapes
from jupyter_mlops.notebook.expect_text import parse
from jupyter_mlops.records.expectation import ColumnExpectation, Expectations, Limits, Validation

CENSUS = Path(__file__).parents[3] / "example_notebooks" / "employment_ma.parquet"

if TYPE_CHECKING:
    from jupyter_mlops.records.expectation import ExpectationResult


def check(
    frame: pd.DataFrame, body: str, *, from_text: bool = False, parts: int = 1
) -> list[ExpectationResult]:
    """Hold a frame, cut into parts, against what a cell says."""
    edges = [len(frame) * place // parts for place in range(parts + 1)]
    cut = [frame.iloc[start:end] for start, end in pairwise(edges)]
    rows, results = expectations.check(lambda: cut, parse("d", body), from_text=from_text)
    assert rows == len(frame)
    return list(results)


def one(values: Any, body: str, *, from_text: bool = False, parts: int = 1) -> dict[str, ExpectationResult]:
    """Hold one column against expectations; what came of each, by its name."""
    frame = pd.DataFrame({"c": values})
    results = check(frame, f"columns:\n  c: {body}", from_text=from_text, parts=parts)
    return {result.expectation.partition(":")[0]: result for result in results}


@pytest.mark.parametrize("parts", [1, 2, 5])
@pytest.mark.parametrize(
    "values, body, failing, words",
    [
        ([1, 5, 9], "{max: 4}", [1, 2], "2 of 3 values (66.7%) are above 4: 5 in row 1; 9 in row 2"),
        ([1, None, 9.5], "{min: 2}", [0], "1 of 2 values (50%) are below 2: 1 in row 0"),
        ([0, 1, 2], "{above: 0}", [0], "are not above 0"),
        ([0, 1, 2], "{below: 2}", [2], "are not below 2"),
        (["a", "b", None], "{values: [a]}", [1], "are none of the values: 'b' in row 1"),
        ([1, 2, 3], "{values: [1, 2]}", [2], "are none of the values: 3 in row 2"),
        ([True, False, None], "{values: [true]}", [1], "are none of the values: False in row 1"),
        (["ab1", "ab", "xab1"], "{pattern: '[a-z]{2}\\d'}", [1, 2], "don't match"),
        (["ab", "", "abc"], "{length: {min: 1, max: 2}}", [1, 2], "don't have that length"),
        ([1.0, 2.5, np.inf], "{type: integer}", [1, 2], "aren't whole numbers: 2.5 in row 1; inf in row 2"),
        (["a", "b", "a"], "{type: number}", [0, 1, 2], "aren't numbers"),
        ([1, 2, 2], "{unique: true}", [2], "repeat an earlier one: 2 in row 2"),
        (["x", "y", "x"], "{unique: true}", [2], "'x' in row 2"),
        ([None, "x", None], "{missing: 0}", [0, 2], "2 of 3 values (66.7%) are missing, first in rows 0, 2"),
    ],
)  # fmt: skip
def test_what_rows_break(values: Any, body: str, failing: list[int], words: str, parts: int):
    (found,) = [each for each in one(values, body, parts=parts).values() if each.failing]
    assert found.status == "failed"
    assert list(found.rows) == failing
    assert words in found.reason
    assert found.column == "c"


@pytest.mark.parametrize(
    "values, kind",
    [
        ([1, 2], "integer"),
        ([1.0, np.nan], "integer"),
        (pd.array([1, None], dtype="Int64"), "integer"),
        ([1.5, np.inf], "number"),
        ([Decimal("1.5"), None], "number"),
        ([True, None], "boolean"),
        (pd.array([True, None], dtype="boolean"), "boolean"),
        (["a", None], "text"),
        (pd.Categorical(["a", "b"]), "text"),
        ([dt.date(2020, 1, 1), None], "date"),
        (pd.to_datetime(pd.Series(["2020-01-01", None]), utc=True), "date"),
        (["2020-01-01", "2020-01-01T10:00:00+02:00"], "date"),
    ],
)
def test_values_of_a_type(values: Any, kind: str):
    found = one(values, f"{{type: {kind}}}")
    assert {each.status for each in found.values()} == {"passed"}
    for other in {"integer", "number", "boolean", "text", "date"} - {kind}:
        also = (kind, other) in {("integer", "number"), ("date", "text")}
        if not also:
            assert one(values, f"{{type: {other}}}")["type"].failing, other


def test_a_text_file_has_no_types_of_its_own():
    words = ["1", "2.0", "n/k", None]
    assert one(words, "{type: integer, max: 1}", from_text=True)["type"].rows == (2,)
    assert one(words, "{type: integer, max: 1}", from_text=True)["max"].rows == (1,)
    assert one(words, "{type: integer}")["type"].failing == 3
    assert one(["True", "false", "2"], "{type: boolean}", from_text=True)["type"].rows == (2,)
    assert one([5, 6], "{type: date}", from_text=True)["type"].failing == 2
    assert expectations.words_of(parse("d", "columns: {a: {type: text}, b: {min: 1}, c: {values: [x]}}")) == {
        "a",
        "c",
    }


def test_a_type_that_the_rest_needs_is_asked_for():
    found = one(["x", "1"], "{min: 0}", from_text=True)
    assert (found["type"].failing, found["min"].failing) == (1, 0)
    assert "type" not in one([1, 2], "{min: 0}")


def test_dates_have_limits():
    found = one(["2020-01-01", "2019-06-01"], "{min: 2020-01-01, below: 2020-01-01T00:00:00+00:00}")
    assert (found["min"].rows, found["below"].rows) == ((1,), (0,))
    zoned = pd.to_datetime(["2020-01-01T00:30:00+01:00"])
    assert one(zoned, "{min: 2020-01-01}")["min"].failing == 1


def test_figures_of_a_whole_column():
    found = one([1, 2, 2, 9], "{mean: {max: 3}, distinct: {min: 4}}", parts=2)
    assert found["mean"].reason == "3.5 on average, expected at most 3"
    assert found["distinct"].reason == "3 different values, expected at least 4"
    assert one([1, 1], "{mean: 1, distinct: 1}")["mean"].status == "passed"
    assert "mean" not in one([None, None], "{mean: 1}")


def test_most_of_the_values_may_be_enough():
    values = ["a"] * 95 + ["b"] * 5
    assert one(values, "{values: [a], mostly: 95%}")["values"].status == "passed"
    assert one([*values, "b"], "{values: [a], mostly: 95%}")["values"].status == "failed"


def test_expectations_of_the_table():
    frame = pd.DataFrame({"a": [1, 2, 2, None], "b": [2, 1, 3, 1], "c": [3.0, 3.0, 5.0, 1.0], "new": 1})
    body = "rows: {min: 5}\nother_columns: refused\nkey: [a]\nbetween: [a <= b, a + b == c, b != c]\ncolumns: {a: {}}"
    for parts in (1, 4):
        rows, others, key, ordered, summed, unequal, a = check(frame, body, parts=parts)
        assert rows.reason == "4 rows, expected at least 5"
        assert others.reason == "there is also new"
        assert (key.rows, key.examples) == ((2,), ({"a": 2.0},))
        assert (ordered.rows, ordered.examples) == ((1,), ({"a": 2.0, "b": 1},))
        assert (summed.status, unequal.rows) == ("passed", (3,))
        assert (a.expectation, a.status) == ("is there", "passed")


def test_sums_of_floats_are_equal_as_far_as_floats_go():
    frame = pd.DataFrame({"a": [0.1], "b": [0.2], "c": [0.3], "d": [0.31]})
    near, far = check(frame, "between: [a + b == c, a + b == d]")
    assert (near.status, far.status) == ("passed", "failed")


def test_columns_that_are_not_there():
    frame = pd.DataFrame({"age": [1]})
    body = "key: [id]\nbetween: [age < until]\ncolumns: {agee: {min: 1}, gone: {optional: true, min: 1}}"
    key, ordered, absent = check(frame, body)
    assert (key.status, key.reason) == ("not evaluated", "there is no column id")
    assert (ordered.status, ordered.reason) == ("not evaluated", "there is no column until")
    assert (absent.status, absent.reason) == ("failed", "there is no such column (did you mean age?)")


def test_what_cannot_be_compared_is_not_evaluated():
    frame = pd.DataFrame({"a": ["x"], "b": [1]})
    (found,) = check(frame, "between: [a < b]")
    assert found.status == "not evaluated"
    assert "can't be compared" in found.reason


@pytest.mark.parametrize("values", [["x", "y"], ["x", 2], [[1], [2]], [b"x", None]])
def test_texts_and_lists_have_no_multiples(values: list[Any]):
    (found,) = check(pd.DataFrame({"a": values}), "between: [a * 999999999999999 <= a]")
    assert found.status == "not evaluated"
    assert "only numbers have multiples" in found.reason


@pytest.mark.parametrize(
    "values", [[1, 2], [Decimal(1), Decimal(2)], pd.array([1, None], dtype="Int64"), [True, False]]
)
def test_numbers_of_any_kind_have_multiples(values: Any):
    (found,) = check(pd.DataFrame({"a": values}), "between: [a * 2 >= a]")
    assert found.status == "passed"


def test_an_empty_table_and_odd_values():
    empty = pd.DataFrame({"a": pd.Series([], dtype="float64")})
    rows, *others = check(empty, "rows: {min: 1}\ncolumns: {a: {min: 1, unique: true, missing: 0}}")
    assert rows.status == "failed"
    assert {each.status for each in others} == {"passed"}
    nested = [[1], [1], None]
    assert one(nested, "{unique: true, missing: 50%}")["unique"].rows == (1,)
    long = one(["x" * 999], "{length: {max: 9}}")["length"]
    assert len(long.examples[0]) == 60
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert {each.status for each in check(twice, "columns: {a: {max: 1}}")} == {"passed"}


@given(
    st.lists(st.integers(0, 30), max_size=60),
    st.integers(1, 7),
    st.sampled_from([5, 1000]),
)
@settings(max_examples=50, deadline=None)
def test_repeats_are_those_of_pandas(numbers: list[int], size: int, in_memory: int):
    hashes = np.array(numbers, dtype=np.uint64)
    with Repeats(in_memory) as repeats:
        for start in range(0, len(numbers), size):
            part = hashes[start : start + size]
            repeats.add(part, np.arange(start, start + len(part)))
        expected = np.flatnonzero(pd.Series(numbers, dtype="int64").duplicated().to_numpy())
        assert repeats.found(3) == (len(expected), expected[:3].tolist())


@pytest.mark.parametrize(
    "words, pattern",
    [
        (["AB-12", "CD-99"], r"[A-Z]{2}-\d{2}"),
        (["1.5", "2.25"], r"\d\.\d+"),
        (["a3f91c", "00ff12", "123456"], "[0-9a-fA-F]{6}"),
        (["a3z91c", "00ff12"], "[0-9A-Za-z]{6}"),
        (["Ann", "Bob"], ""),
        (["a1", "1a"], ""),
        (["a 1", "1 a"], ""),
        (["é1"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_the_form_of_words(words: list[str], pattern: str):
    shapes = Shapes()
    shapes.add(words)
    assert shapes.pattern() == pattern


TEXTS = st.text(max_size=6) | st.sampled_from(["A-1", "B-22", "2020-01-01", "x", "true", "nan"])
VALUES: dict[str, Any] = {
    "integer": st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3),
    "number": st.floats(allow_nan=True, width=64) | st.sampled_from([0.0, 0.5, 1.0]),
    "text": TEXTS | st.none(),
    "boolean": st.booleans() | st.none(),
    "date": st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")) | st.none(),
    "mixed": st.integers(0, 3) | TEXTS | st.floats() | st.none(),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 30))
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    columns = {}
    for place, kind in enumerate(kinds):
        # A few values often, as real columns have them, or as many as there are rows.
        few = draw(st.lists(VALUES[kind], min_size=1, max_size=30))
        columns[f"{kind} {place}"] = [few[row % len(few)] for row in range(rows)]
    return pd.DataFrame(columns)


@given(frames(), st.integers(1, 3))
@example(pd.DataFrame({"number 0": np.arange(1, 16) * 5e-324}), 1)
@example(pd.DataFrame({"integer 0": [10**18 + 1] * 20, "integer 1": [-(2**63), 2**63 - 1] * 10}), 1)
@settings(max_examples=30, deadline=None)
def test_what_is_inferred_holds_for_what_it_was_inferred_from(frame: pd.DataFrame, parts: int):
    edges = [len(frame) * place // parts for place in range(parts + 1)]
    cut = [frame.iloc[start:end] for start, end in pairwise(edges)]
    expected = inference.infer("d", lambda _words: cut, from_text=False)
    again = parse("d", write(expected))
    assert again == expected
    _, results = expectations.check(lambda: cut, again, from_text=False)
    assert [each for each in results if each.status != "passed"] == []


def test_what_is_inferred():
    rng = np.random.default_rng(0)
    rows = 1000
    frame = pd.DataFrame(
        {
            "id": [f"K{number:05d}" for number in range(rows)],
            "age": rng.integers(18, 90, rows),
            "share": rng.random(rows),
            "sex": rng.choice(["f", "m"], rows),
            "code": rng.choice([1, 2, 9], rows),
            "pay": np.where(rng.random(rows) < 0.04, np.nan, rng.normal(100, 10, rows)),
            "since": pd.date_range("2020-01-01", periods=rows),
            "note": [" ".join(["ok"] * size) for size in rng.integers(1, 90, rows)],
            "empty": np.nan,
        }
    )
    found = inference.infer("d", lambda _words: [frame], from_text=False)
    assert (found.rows, found.other_columns) == (Limits(min=500), "refused")
    by_name = {each.name: each for each in found.columns}
    assert by_name["id"] == ColumnExpectation(
        name="id", type="text", pattern=r"[A-Z]\d{5}", missing=0, unique=True
    )
    assert by_name["sex"] == ColumnExpectation(name="sex", type="text", one_of=("f", "m"), missing=0)
    assert by_name["code"].one_of == (1, 2, 9)
    assert (by_name["share"].min, by_name["share"].max) == (0, 1)
    assert (by_name["age"].type, by_name["age"].min) == ("integer", 0)
    assert 89 < int(by_name["age"].max or 0) < 150
    assert by_name["pay"].missing in (0.05, 0.07, 0.1)
    assert (by_name["since"].type, by_name["since"].min) == ("date", "2017-04-07")
    assert by_name["note"].length == Limits(max=540)
    assert by_name["empty"] == ColumnExpectation(name="empty")


def _only(part: pd.DataFrame, _words: Any) -> list[pd.DataFrame]:
    return [part]


def test_one_year_of_the_census_tells_what_the_others_look_like():
    """The survey's codes are found, and no year that follows raises a false alarm."""
    table = pd.read_parquet(CENSUS)
    by_year = {year: part.drop(columns="year") for year, part in table.groupby("year")}
    for base, first in by_year.items():
        expected = inference.infer("census", partial(_only, first), from_text=False)
        for year, part in by_year.items():
            _, results = expectations.check(partial(_only, part, ()), expected, from_text=False)
            assert [each for each in results if each.status != "passed"] == [], (base, year)
        by_name = {each.name: each for each in expected.columns}
        assert by_name["SEX"].one_of == (1, 2)
        assert by_name["employed"].one_of == (0, 1)
        assert by_name["id"].unique


def test_a_column_that_begins_with_numbers_is_read_again_as_words():
    asked = []

    def parts(words: Any) -> list[pd.DataFrame]:
        asked.append(set(words))
        first = pd.DataFrame({"zip": ["007"] if "zip" in words else [7]})
        return [first, pd.DataFrame({"zip": ["W1A"]})]

    found = inference.infer("d", parts, from_text=True)
    assert asked == [set(), {"zip"}]
    assert found.columns[0].type == "text"


def test_a_picture_says_what_is_broken_first():
    results = tuple(check(pd.DataFrame({"<a>": [1, 99]}), "columns: {<a>: {type: integer, max: 9}}"))
    shown = expectation_picture.html(
        Validation(name="d", version="f" * 64, passed=False, rows=2, results=results)
    )
    assert "breaks 1 of 2 expectations" in shown
    assert shown.index("are above 9") < shown.index("1 hold")
    # Notebook pages put cells of tables to the right, by rules that a single class doesn't outweigh.
    assert ".mlops-expect.mlops-expect table :is(td,th){text-align:left" in shown
    assert "&lt;a&gt;" in shown
    assert "<a>" not in shown
    passed = expectation_picture.html(
        Validation(name="d", version="", passed=True, rows=2, results=results[:1])
    )
    assert "d is as expected" in passed
    assert "There is none yet" in expectation_picture.said("d")


def test_nothing_is_expected_of_what_nobody_speaks_of():
    assert expectations.check(
        lambda: [pd.DataFrame({"a": [1]})], Expectations(name="d"), from_text=False
    ) == (1, ())


@pytest.mark.parametrize(
    "numbers, unique",
    [
        (range(5_000, 5_400), True),
        (range(0, 40_000_000_000, 100_000_000), True),
        (range(7, 90_000, 225), None),
    ],
)
def test_numbers_that_may_repeat_by_chance_are_no_key(numbers: range, unique: bool | None):
    frame = pd.DataFrame({"n": numbers})
    [column] = inference.infer("d", lambda _words: [frame], from_text=True).columns
    assert column.unique == (unique or False)


def test_whole_numbers_with_gaps_are_listed_as_whole():
    frame = pd.DataFrame({"n": [None, *[1, 2, 3] * 50]})
    [column] = inference.infer("d", lambda _words: [frame], from_text=True).columns
    assert [repr(value) for value in column.one_of] == ["1", "2", "3"]
