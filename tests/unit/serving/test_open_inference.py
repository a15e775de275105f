from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving.exchange import Answer
from jupyter_mlops.serving.open_inference import decode, encode
from jupyter_mlops.serving.problems import RequestError

if TYPE_CHECKING:
    from jupyter_mlops.serving.loader import ServedModel


def tensor(name: str, datatype: str, data: Any, shape: list[int] | None = None) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def good() -> dict[str, Any]:
    return {
        "inputs": [
            tensor("job", "BYTES", ["cook", "nurse"]),
            tensor("age", "INT32", [30, 40]),
            tensor("pay", "FP32", [[1.5], [2]], [2, 1]),
            tensor("member", "BOOL", [True, False]),
        ]
    }


def read(framed: ServedModel, document: Any) -> Any:
    return decode(json.dumps(document).encode(), None, framed.schema)[0]


def test_columns_come_in_the_models_order_whatever_the_requests(framed: ServedModel) -> None:
    question = read(framed, good())
    assert question.rows == 2
    assert list(question.columns) == ["age", "pay", "job", "member"]
    assert question.columns == {
        "age": [30, 40],
        "pay": [1.5, 2.0],
        "job": ["cook", "nurse"],
        "member": [True, False],
    }
    assert question.outputs == ("predict", "predict_proba")


def test_a_missing_number_or_text_may_be_null(framed: ServedModel) -> None:
    document = good()
    document["inputs"][0]["data"] = ["cook", None]
    document["inputs"][2]["data"] = [None, 2]
    columns = read(framed, document).columns
    assert columns["job"] == ["cook", None]
    assert columns["pay"] == [None, 2.0]


def change(index: int, **fields: Any) -> dict[str, Any]:
    document = good()
    document["inputs"][index].update(fields)
    return document


@pytest.mark.parametrize(
    "document, complaint",
    [
        (change(1, name="agee"), "the model has no input 'agee'; the model takes age, pay, job, member"),
        ({"inputs": good()["inputs"][:2]}, "input 'pay' and 1 more is missing"),
        ({"inputs": good()["inputs"] + good()["inputs"][:1]}, "input 'job' is given twice"),
        ({"inputs": []}, "input 'age' and 3 more is missing"),
        (change(1, datatype="FP64"), "input 'age' is FP64; send it as INT64"),
        (change(1, datatype="INT65"), "input 'age' has the unknown datatype 'INT65'"),
        (change(0, datatype="INT64"), "input 'job' is INT64; send it as BYTES"),
        (change(1, data=[30, 40.5]), "input 'age', value 1: a value of type float; send INT64 values"),
        (change(1, data=[30, None]), "input 'age', value 1: a missing value; send INT64 values"),
        (change(1, data=["30", "40"]), "input 'age', value 0: a value of type str"),
        (change(1, data=[2**63, 1]), "input 'age'"),
        (change(3, data=[1, 0]), "input 'member', value 0: a value of type int; send BOOL values"),
        (change(1, data=[30]), r"input 'age' has 1 values for shape \[2\]"),
        (change(1, data=[30], shape=[1]), "input 'age' has 1 rows|has 2 rows and 'age' has 1"),
        (change(1, data=[[30, 40]], shape=[1, 2]), r"input 'age' has shape \[1, 2\]; send \[n\]"),
        (change(1, shape=[-2]), r"input 'age' has shape \[-2\]"),
        (change(1, shape=[]), r"input 'age' has shape \[\]"),
        (change(1, shape=[0], data=[]), "input 'age' holds no rows"),
        (change(1, data=[30, [40]]), "input 'age' has 0 values"),
        (change(1, parameters={"shared_memory_region": "x"}), "shared memory"),
        (change(1, parameters={"binary_data_size": 16}), "binary_data_size 16 and 0 bytes are left"),
        (
            {**good(), "outputs": [{"name": "prediction"}]},
            "no further output 'prediction'; ask for predict, pred",
        ),
        ({**good(), "id": "a b"}, "the id 'a b' can't name a prediction"),
        ({**good(), "id": 7}, r"Expected `str`, got `int` - at `\$.id`"),
        ([], "the request can't be read"),
        ({}, "missing required field `inputs`"),
    ],
)
def test_what_is_wrong_is_named_with_the_mend(framed: ServedModel, document: Any, complaint: str) -> None:
    with pytest.raises(RequestError, match=complaint) as caught:
        read(framed, document)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_data_may_not_be_left_out(framed: ServedModel) -> None:
    document = good()
    del document["inputs"][1]["data"]
    with pytest.raises(RequestError, match="input 'age' has no data"):
        read(framed, document)


def test_nan_in_json_gets_the_mend(framed: ServedModel) -> None:
    with pytest.raises(RequestError, match="a missing value is null"):
        decode(json.dumps(change(2, data=[float("nan"), 1])).encode(), None, framed.schema)


def test_one_matrix_may_stand_for_all_columns_of_numbers(arrayed: ServedModel, framed: ServedModel) -> None:
    matrix = {"inputs": [tensor("x", "FP64", [1, 2, 3, 4], [1, 4])]}
    with pytest.raises(RequestError, match="input 'age', value 0: a value of type float"):
        read(framed, matrix)
    assert read(arrayed, {"inputs": [tensor("input", "FP64", [1, 2, 3, 4, 5, 6], [2, 3])]}).columns == {
        "input": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    }
    with pytest.raises(RequestError, match=r"shape \[3\]; send \[n, 3\]"):
        read(arrayed, {"inputs": [tensor("input", "FP64", [1, 2, 3])]})


def binary(parts: dict[str, tuple[str, list[int], bytes]]) -> tuple[bytes, str]:
    inputs = [
        {"name": name, "datatype": kind, "shape": shape, "parameters": {"binary_data_size": len(raw)}}
        for name, (kind, shape, raw) in parts.items()
    ]
    document = json.dumps({"inputs": inputs}).encode()
    return document + b"".join(raw for _, _, raw in parts.values()), str(len(document))


def raw_parts(**changed: tuple[str, list[int], bytes]) -> dict[str, tuple[str, list[int], bytes]]:
    texts = b"".join(struct.pack("<I", len(t)) + t for t in (b"cook", "ärztin".encode()))
    return {
        "age": ("INT64", [2], np.array([30, 40]).tobytes()),
        "pay": ("FP32", [2, 1], np.array([1.5, np.nan], dtype="<f4").tobytes()),
        "job": ("BYTES", [2], texts),
        "member": ("BOOL", [2], b"\x01\x00"),
        **changed,
    }


def test_raw_tensors_are_read(framed: ServedModel) -> None:
    body, length = binary(raw_parts())
    question, raw = decode(body, length, framed.schema)
    assert question.columns["age"] == [30, 40]
    assert question.columns["job"] == ["cook", "ärztin"]
    assert question.columns["member"] == [True, False]
    assert np.isnan(question.columns["pay"][1])
    assert raw == frozenset()


@pytest.mark.parametrize(
    "part, complaint",
    [
        ({"age": ("INT64", [2], b"123")}, r"'age' has 3 bytes for shape \[2\] of INT64; send 16"),
        ({"age": ("UINT64", [2], b"\xff" * 16)}, "'age', value 0: 18446744073709551615 is out of the range"),
        ({"pay": ("FP64", [2], np.array([1, np.inf]).tobytes())}, "'pay', value 1: inf is out of the range"),
        ({"job": ("BYTES", [2], b"\xff\xff\xff\xffcook")}, "'job' is not a sequence of strings"),
        ({"job": ("BYTES", [2], b"\x01\x00\x00\x00\xff")}, "'job' is not a sequence of strings"),
        ({"job": ("BYTES", [2], b"\x01\x00\x00\x00a")}, r"'job' has 1 values for shape \[2\]"),
    ],
)
def test_raw_tensors_that_do_not_fit_are_named(framed: ServedModel, part: Any, complaint: str) -> None:
    body, length = binary(raw_parts(**part))
    with pytest.raises(RequestError, match=complaint):
        decode(body, length, framed.schema)


@pytest.mark.parametrize("length", ["x", "-1", "99999", "", "²"])
def test_a_header_length_that_is_none_is_refused(framed: ServedModel, length: str) -> None:
    with pytest.raises(RequestError, match="Inference-Header-Content-Length"):
        decode(b"{}", length, framed.schema)


def test_raw_bytes_nobody_names_are_refused(framed: ServedModel) -> None:
    body, length = binary(raw_parts())
    with pytest.raises(RequestError, match="raw bytes and the inputs name"):
        decode(body + b"more", length, framed.schema)


def test_outputs_are_raw_where_asked() -> None:
    outputs = {"predict": np.array(["ja", "nein"], dtype=object), "predict_proba": np.eye(2)}
    body, headers = encode(Answer("p1", 2, outputs), "churn", 3, {"predict", "predict_proba"})
    length = int(dict(headers)[b"inference-header-content-length"])
    document = json.loads(body[:length])
    assert document["id"] == "p1"
    assert document["model_version"] == "3"
    assert [one["parameters"]["binary_data_size"] for one in document["outputs"]] == [14, 32]
    assert body[length:] == b"\x02\x00\x00\x00ja\x04\x00\x00\x00nein" + np.eye(2).tobytes()


@pytest.mark.parametrize(
    "values, datatype",
    [([1, 2], "INT64"), ([0.5, 1], "FP64"), ([True, False], "BOOL"), (["a", "b"], "BYTES")],
)
def test_outputs_name_what_they_hold(values: list[Any], datatype: str) -> None:
    array = np.array(values, dtype=object if datatype == "BYTES" else None)
    (output,) = json.loads(encode(Answer("p", 2, {"predict": array}), "m", 1)[0])["outputs"]
    assert output == {"name": "predict", "datatype": datatype, "shape": [2], "data": values}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON_VALUES, at=st.sampled_from(["name", "shape", "datatype", "data", "parameters"]))
def test_whatever_stands_in_a_request_is_read_or_refused(framed: ServedModel, value: Any, at: str) -> None:
    try:
        question = read(framed, change(1, **{at: value}))
    except MlopsError as error:
        assert isinstance(error, RequestError)  # noqa: PT017 - either outcome is right, but no other error
    else:
        assert all(len(cells) == question.rows for cells in question.columns.values())
