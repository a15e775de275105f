from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.data.expectation_text import write
from jupyter_mlops.errors import UsageError
from jupyter_mlops.notebook import dataflow
from jupyter_mlops.notebook.cells import parse as notebook_of
from jupyter_mlops.notebook.expect_text import parse
from jupyter_mlops.records.expectation import NOTHING, ColumnExpectation, Expectations, Limits
from tests import notebooks

BODY = """\
# what the survey sends
rows: {min: 1000}
other_columns: refused
key: [id, wave]
between:
  - start <= end
  - "`net pay` + tax == total"
columns:
  age: {type: integer, min: 0, below: 120, missing: 5%, mostly: 0.99}
  on: {values: [no, yes, "1", 1, true]}
  joined: {type: date, min: 2020-01-31}
  code: {pattern: '[A-Z]\\d{3}', length: 4, unique: true}
  pay: {mean: {min: 10, max: 20}, distinct: {min: 2}, optional: true}
  note:
"""


def column(body: str) -> ColumnExpectation:
    (found,) = parse("d", f"columns:\n  c: {body}").columns
    return found


def test_a_cell_says_what_is_expected():
    found = parse("survey", BODY, source="n.ipynb")
    assert (found.name, found.source, found.rows) == ("survey", "n.ipynb", Limits(min=1000))
    assert (found.other_columns, found.key) == ("refused", ("id", "wave"))
    assert found.between == ("start <= end", "`net pay` + tax == total")
    assert [each.name for each in found.columns] == ["age", "on", "joined", "code", "pay", "note"]
    age, words, joined, code, pay, note = found.columns
    assert (age.type, age.min, age.below, age.missing, age.mostly) == ("integer", 0, 120, 0.05, 0.99)
    assert words.one_of == ("no", "yes", "1", 1, True)
    assert (joined.type, joined.min) == ("date", "2020-01-31")
    assert (code.pattern, code.length, code.unique) == (r"[A-Z]\d{3}", Limits(min=4, max=4), True)
    assert (pay.mean, pay.distinct, pay.optional) == (Limits(min=10, max=20), Limits(min=2), True)
    assert note == ColumnExpectation(name="note")


def test_what_is_written_is_read_again():
    found = parse("survey", BODY)
    assert parse("survey", write(found)) == found


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
NUMBERS = st.integers(-(10**15), 10**15) | st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: x + 0.0)
COLUMNS = st.builds(
    ColumnExpectation,
    name=NAMES,
    one_of=st.lists(
        NAMES | NUMBERS | st.booleans(), max_size=4, unique_by=lambda v: (type(v) is bool, v)
    ).map(tuple),
    missing=st.none() | st.floats(0, 1),
    unique=st.booleans(),
    distinct=st.none() | st.builds(Limits, min=NUMBERS),
    mostly=st.floats(0, 1),
    optional=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(COLUMNS, min_size=1, max_size=4, unique_by=lambda each: each.name),
    st.none() | st.builds(Limits, max=NUMBERS),
)
def test_whatever_is_written_is_read_again(columns: list[ColumnExpectation], rows: Limits | None):
    said = Expectations(name="d", columns=tuple(columns), rows=rows)
    assert parse("d", write(said)).said == said.said


@pytest.mark.parametrize("body", ["", "# nothing yet\n", "columns: {}"])
def test_an_empty_cell_expects_nothing(body: str):
    assert parse("d", body).said == NOTHING


@pytest.mark.parametrize(
    "body, message, line",
    [
        ("columns:\n  age: {tpye: integer}", "no expectation of a column 'tpye'; did you mean type?", 2),
        ("age: {type: integer}", "columns stand below columns:", 1),
        ("rows: 5\ncolumns: [age]", "columns is no mapping", 2),
        ("columns: {a: {min: 1}, a: {min: 2}}", "'a' is there twice", 1),
        ("columns:\n  a: {type: whole}", "'whole' is none of integer, number, boolean, text, date", 2),
        ("columns:\n  a: {min: x}", "column a: 'x' is neither a number nor a date", 2),
        ("columns:\n  a: {type: number, min: 2020-01-01}", "is no number", 2),
        ("columns:\n  a: {type: date, min: 3}", "a number is no date", 2),
        ("columns:\n  a: {min: 5, max: 1}", "min 5 is above max 1", 2),
        ("columns:\n  a: {type: text, max: 1}", "text has no max", 2),
        ("columns:\n  a: {type: integer, length: 2}", "pattern and length are of text", 2),
        ("columns:\n  a: {type: date, mean: 2}", "date has no mean", 2),
        ("columns:\n  a: {pattern: '('}", "is no regular expression", 2),
        ("columns:\n  a: {pattern: ['a', 'b']}", "pattern is no single word", 2),
        ("columns:\n  a: {missing: 7}", "'7' is no share", 2),
        ("columns:\n  a: {missing: 120%}", "is no share", 2),
        ("columns:\n  a: {values: []}", "a value is missing", 2),
        ("columns:\n  a: {values: [1, null]}", "a value is missing", 2),
        ("columns:\n  a: {unique: yes}", "neither true nor false", 2),
        ("rows: {min: .nan}", "is no number", 1),
        ("rows: {least: 1}", "no limit 'least'", 1),
        ("rows: {}", "there is no limit", 1),
        ("key: []", "a list of words", 1),
        ("key: {a: 1}", "a list of words", 1),
        ("between: [import os]", "between 'import os': it is no comparison", 1),
        ("between:\n  - a <= b\n  - a", "between 'a': it is no comparison of two sides", 3),
        ("between: [a in b]", "compares by none of", 1),
        ("between: ['1 < 2']", "there is no column", 1),
        ("between: ['`` <= a']", "it is no comparison", 1),
        ("between: ['f(a) < 2']", "is no column, number or sum", 1),
        ("columns: &a {b: *a}", "& and * have no meaning here", 1),
        ("{", "it is no YAML", 1),
        ("rows: 1\nrows", "it is no YAML", 2),
        ("? [a]\n: b", "a name is no text", 1),
        ("[" * 1500, "nested too deeply", 1),
        ("columns: !!python/object/apply:os.system ['true']", "columns is no mapping", 1),
        ("columns: {a: {values: [1, 1e999]}}", "'1e999' is too large a number", 1),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_said_in_one_line(body: str, message: str, line: int):
    with pytest.raises(UsageError) as error:
        parse("d", body)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.details["line"] == line


def test_words_stay_words():
    assert column("{values: [no, on, 010, 1e3, null-ish, 2026-01-01]}").one_of == (
        "no", "on", 10, 1000.0, "null-ish", "2026-01-01",
    )  # fmt: skip
    assert column("{values: ['true']}").one_of == ("true",)


def findings(*cells: Any) -> list[Any]:
    return dataflow.examine(notebook_of(notebooks.text(*cells), "n.ipynb"))[1]


def test_a_cell_is_no_stage_and_no_python():
    text = notebooks.text("%%mlops stage one\nx = 1", f"%%mlops expect survey\n{BODY}", "y = x")
    pipeline = dataflow.analyse(notebook_of(text, "n.ipynb"))
    assert [(stage.name, stage.cells) for stage in pipeline.stages] == [("one", (0, 2))]
    (expected,) = pipeline.expected
    assert (expected.dataset, expected.cell) == ("survey", 1)
    assert expected.expectations == parse("survey", BODY)


def test_a_raw_cell_with_metadata_means_the_same():
    raw = notebooks.notebook("%%mlops stage one\nx = 1", ("raw", "rows: 3"))
    raw["cells"][1]["metadata"] = {"mlops": {"kind": "expect", "dataset": "survey"}}
    (expected,) = dataflow.analyse(notebook_of(json.dumps(raw), "n.ipynb")).expected
    assert expected.expectations == parse("survey", "rows: 3")


def test_mistakes_are_findings_with_cell_and_line():
    (found,) = findings("%%mlops stage one\nx = 1", "\n%%mlops expect d\nrows: 3\ncolumns: {a: {mim: 1}}")
    assert (found.rule, found.cell, found.line) == ("MLO114", 1, 4)
    assert "did you mean min" in found.mend
    (empty,) = findings("%%mlops stage one\nx = 1", "%%mlops expect d")
    assert (empty.rule, empty.message) == ("MLO114", "nothing is expected of d")
    (twice,) = findings("%%mlops stage one\nx = 1", "%%mlops expect d\nrows: 3", "%%mlops expect d\nrows: 3")
    assert (twice.cell, twice.message) == (2, "there are expectations of d in two cells")
