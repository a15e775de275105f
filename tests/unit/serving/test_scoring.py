from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from jupyter_mlops.serving.exchange import Answer
from jupyter_mlops.serving.problems import RequestError, UnsupportedTypeError
from jupyter_mlops.serving.scoring import decode, encode

if TYPE_CHECKING:
    from jupyter_mlops.serving.loader import ServedModel

COLUMNS = {"age": [30, 40], "pay": [1.5, None], "job": ["cook", None], "member": [True, False]}
NAMES = list(COLUMNS)
ROWS = [list(row) for row in zip(*COLUMNS.values(), strict=True)]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]


def read(model: ServedModel, document: Any, kind: str = "application/json") -> Any:
    return decode(json.dumps(document).encode(), kind, model.schema)


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": {"columns": NAMES, "data": ROWS, "index": [7, 9]}},
        {"dataframe_split": {"columns": ["extra", *NAMES[::-1]], "data": [[0, *row[::-1]] for row in ROWS]}},
        {"dataframe_records": RECORDS},
        {"instances": RECORDS},
        {"instances": ROWS},
        {"inputs": COLUMNS},
        {"inputs": RECORDS, "params": {"ignored": 1}},
    ],
)
def test_all_forms_mean_the_same_rows(framed: ServedModel, document: Any) -> None:
    question = read(framed, document)
    assert question.columns == COLUMNS
    assert question.rows == 2
    assert question.outputs == ("predict",)


def test_csv_is_read_by_the_signatures_types(framed: ServedModel) -> None:
    text = "member,age,pay,job,extra\nTrue,30,1.5,cook,x\nfalse,40,,,\n"
    assert decode(text.encode(), "text/csv; charset=utf-8", framed.schema).columns == COLUMNS


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [[1, 2, 3]]},
        {"inputs": [[1, 2, 3]]},
        {"inputs": {"input": [[1, 2, 3]]}},
        {"dataframe_split": {"columns": [0, 1, 2], "data": [[1, 2, 3]]}},
        {"dataframe_records": [{"0": 1, "1": 2, "2": 3}]},
    ],
)
def test_a_model_of_matrices_takes_rows(arrayed: ServedModel, document: Any) -> None:
    assert read(arrayed, document).columns == {"input": [[1.0, 2.0, 3.0]]}


def test_a_model_of_matrices_takes_csv(arrayed: ServedModel) -> None:
    assert decode(b"a,b,c\n1,2,\n", "text/csv", arrayed.schema).columns == {"input": [[1.0, 2.0, None]]}


@pytest.mark.parametrize(
    "document, complaint",
    [
        ({}, "the request has nothing; send exactly one of dataframe_split"),
        ({"instances": [], "inputs": []}, "the request has inputs, instances; send exactly one"),
        ([], "can't be read"),
        ({"instances": 3}, "no list of rows"),
        ({"instances": []}, "holds no rows"),
        ({"instances": [[1, 2]]}, "row 0 is not a list of 4 values; send age, pay, job, member"),
        ({"inputs": {"age": [1]}}, "input 'pay' and 2 more is missing"),
        ({"inputs": {**COLUMNS, "age": [1, 2, 3]}}, "has 2 rows and 'age' has 3"),
        ({"inputs": {**COLUMNS, "age": [1, 2.5]}}, "input 'age', value 1: a value of type float"),
        ({"dataframe_split": {"columns": NAMES}}, "missing required field `data`"),
        (
            {"dataframe_split": {"columns": NAMES, "data": [[1]]}},
            "row 0 has 1 values and there are 4 columns",
        ),
        ({"dataframe_records": [RECORDS[0], {"age": 1}]}, "row 1 has no 'pay'"),
        ({"dataframe_records": {"age": 1}}, "not a list of objects"),
    ],
)
def test_what_is_wrong_is_named_with_the_mend(framed: ServedModel, document: Any, complaint: str) -> None:
    with pytest.raises(RequestError, match=complaint):
        read(framed, document)


@pytest.mark.parametrize(
    "body, complaint",
    [
        (b"", "the CSV can't be read"),
        (b"\xff\xfe", "the CSV can't be read"),
        (b"age,pay\n1\n", "CSV row 0 has 1 values and the header 2"),
        (b"age,pay,job,member\nx,1,cook,true\n", "input 'age', value 0"),
        (b"age,pay,job,member\n1,inf,cook,true\n", "input 'pay': a number is infinite"),
        (b'age,"pay\n1', "the CSV can't be read"),
    ],
)
def test_csv_that_is_wrong_is_named(framed: ServedModel, body: bytes, complaint: str) -> None:
    with pytest.raises(RequestError, match=complaint):
        decode(body, "text/csv", framed.schema)


@pytest.mark.parametrize("kind", ["application/xml", "text/csv; charset=latin-1"])
def test_other_types_are_415(framed: ServedModel, kind: str) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        decode(b"", kind, framed.schema)
    assert caught.value.status == 415


def test_answers_are_predictions() -> None:
    body, _ = encode(Answer("p", 2, {"predict": np.array([1, 0])}))
    assert json.loads(body) == {"predictions": [1, 0]}
