from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression

from jupyter_mlops.errors import DataError
from jupyter_mlops.registry.signatures import classes_of, datatype_of, example_rows, infer, task_of

FRAME = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30), "c": np.arange(30, dtype=np.float32)})
LABELS = (FRAME["a"] > 10).map({True: "yes", False: "no"})


class Doubling:
    def predict(self, X: Any) -> Any:
        return np.asarray(X)[:, 0] * 2


class Rounding:
    def predict(self, X: Any) -> Any:
        return np.asarray(X)[:, 0].astype(int)


def test_a_frame_gives_an_input_a_column() -> None:
    model = LogisticRegression().fit(FRAME, LABELS)
    signature = infer(model, example_rows(FRAME))
    assert signature.layout == "frame"
    assert [(tensor.name, tensor.datatype, tensor.shape, tensor.dtype) for tensor in signature.inputs] == [
        ("a", "FP64", (-1,), "float64"),
        ("b", "INT64", (-1,), "int64"),
        ("c", "FP32", (-1,), "float32"),
    ]
    assert [(tensor.name, tensor.datatype, tensor.shape) for tensor in signature.outputs] == [
        ("predict", "BYTES", (-1,)),
        ("predict_proba", "FP64", (-1, 2)),
    ]
    assert classes_of(model) == ("no", "yes")


def test_an_array_gives_one_input() -> None:
    signature = infer(Doubling(), example_rows(np.zeros((3, 4), dtype=np.float32)))
    assert signature.layout == "array"
    assert [(tensor.name, tensor.datatype, tensor.shape) for tensor in signature.inputs] == [
        ("input", "FP32", (-1, 4))
    ]
    assert [tensor.name for tensor in signature.outputs] == ["predict"]
    assert infer(Doubling(), example_rows([[1, 2], [3, 4]])).inputs[0].datatype == "INT64"


@pytest.mark.parametrize(
    "values, word",
    [
        (pd.Series(["a"]), "BYTES"),
        (pd.Series(["a"], dtype=object), "BYTES"),
        (pd.Series([1, None], dtype="Int16"), "INT16"),
        (pd.Series([1, None], dtype=object), "INT64"),
        (pd.Series([True, None], dtype="boolean"), "BOOL"),
        (pd.Series([1, 2], dtype="category"), "INT64"),
        (pd.Series(["x"], dtype="category"), "BYTES"),
        (pd.Series([1.5], dtype="double[pyarrow]"), "FP64"),
        (pd.Series(pd.date_range("2020", periods=1)), "BYTES"),
        (np.array([1], dtype=np.uint8), "UINT8"),
        (np.array([1], dtype=np.float16), "FP16"),
        (np.array(["x"]), "BYTES"),
        (np.array([True]), "BOOL"),
    ],
)
def test_types_in_the_protocols_words(values: Any, word: str) -> None:
    assert datatype_of(values) == word


def test_a_column_of_lists_is_named() -> None:
    with pytest.raises(DataError, match="column 'l': values of type object"):
        infer(Doubling(), pd.DataFrame({"x": [1.0], "l": [[1]]}))


@pytest.mark.parametrize("example", [[1, 2], "text", FRAME.head(0), np.zeros((0, 2)), {"a": 1}, object()])
def test_an_example_must_be_rows(example: Any) -> None:
    with pytest.raises(DataError, match=r"example=X\[:5\]"):
        example_rows(example)


class Failing:
    def predict(self, X: Any) -> Any:
        raise KeyError("age")


class OneAnswer:
    def predict(self, X: Any) -> Any:
        return 7


@pytest.mark.parametrize(
    "model, message",
    [
        (Failing(), "fails on the example: KeyError: 'age'"),
        (OneAnswer(), "gives shape"),
        (3, "has no predict"),
    ],
)
def test_a_model_must_answer(model: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        infer(model, FRAME)


@pytest.mark.parametrize(
    "model, truth, task",
    [
        (LogisticRegression().fit(FRAME, LABELS), None, "classification"),
        (LinearRegression().fit(FRAME, FRAME["b"]), FRAME["b"], "regression"),
        (KMeans(2, n_init=1).fit(FRAME), None, "other"),
        (Doubling(), FRAME["b"], "regression"),
        (Doubling(), FRAME["b"] > 3, "classification"),
        (Rounding(), FRAME["b"], "classification"),
        (Rounding(), None, "other"),
    ],
)
def test_tasks(model: Any, truth: Any, task: str) -> None:
    assert task_of(model, infer(model, FRAME), truth) == task


def test_no_classes_where_a_model_doesnt_say() -> None:
    assert classes_of(Doubling()) == ()


def test_texts_without_a_column_are_told_how_to_have_one() -> None:
    with pytest.raises(DataError) as caught:
        example_rows(pd.Series(["good", "bad"]))
    assert "make_column_transformer" in caught.value.hint
