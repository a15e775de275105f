"""What a model takes and gives, found by asking it about a few rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from jupyter_mlops.errors import DataError
from jupyter_mlops.records.model import Signature, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

Task = Literal["classification", "regression", "other"]
ROWS = 20
TABLE = 2  # dimensions
WIDEST = 8  # bytes; the protocol has no longer numbers
# The first letter of numpy's kind and the size in bits, in the Open Inference Protocol's words.
_WORDS = {"i": "INT", "u": "UINT", "f": "FP"}
_OBJECTS = {
    "string": "BYTES",
    "empty": "BYTES",
    "boolean": "BOOL",
    "integer": "INT64",
    "floating": "FP64",
    "mixed-integer-float": "FP64",
}


def example_rows(example: Any) -> pd.DataFrame | NDArray[Any]:
    """Return the first rows of an example as a frame or an array.

    Raises:
        DataError: when it is neither, or holds no rows.
    """
    if isinstance(example, pd.DataFrame):
        if example.empty:
            raise DataError("the example has no rows", hint="pass a few rows, as in example=X[:5]")
        return example.head(ROWS)
    rows = np.asarray(example)
    if rows.ndim < TABLE or not len(rows) or rows.dtype.kind not in "biufUSO":
        raise DataError(
            f"the example is a {type(example).__name__} of shape {rows.shape}",
            hint="pass rows with columns, as in example=X[:5]; for text, a DataFrame and "
            'make_column_transformer((TfidfVectorizer(), "text"))'
            if rows.ndim == 1 and rows.dtype.kind in "USO" and len(rows)
            else "pass a few rows as a DataFrame or a 2-d array, as in example=X[:5]",
        )
    return rows[:ROWS]


def infer(model: Any, rows: pd.DataFrame | NDArray[Any]) -> Signature:
    """Ask ``model`` about ``rows`` and describe what went in and what came out.

    Raises:
        DataError: when the model has no ``predict``, fails, or gives something else than one answer a row.
    """
    outputs = [_output(model, "predict", rows)]
    if callable(getattr(model, "predict_proba", None)):
        outputs.append(_output(model, "predict_proba", rows))
    if isinstance(rows, pd.DataFrame):
        inputs = [_column(str(name), rows.iloc[:, place]) for place, name in enumerate(rows.columns)]
        return Signature(layout="frame", inputs=tuple(inputs), outputs=tuple(outputs))
    matrix = Tensor(
        name="input", datatype=datatype_of(rows), shape=(-1, *rows.shape[1:]), dtype=str(rows.dtype)
    )
    return Signature(layout="array", inputs=(matrix,), outputs=tuple(outputs))


def task_of(model: Any, signature: Signature, truth: pd.Series[Any] | None) -> Task:
    """Say whether a model classifies or estimates numbers, from what it is, what it answers and the true values."""
    base = sys.modules.get("sklearn.base")
    if base is not None and isinstance(model, base.BaseEstimator):
        if base.is_regressor(model):
            return "regression"
        if base.is_classifier(model):
            return "classification"
    if getattr(model, "classes_", None) is not None or callable(getattr(model, "predict_proba", None)):
        return "classification"
    if truth is None:
        return "other"
    answers = signature.outputs[0].datatype
    estimates = answers.startswith("FP") and pd.api.types.is_numeric_dtype(truth.dtype)
    return "regression" if estimates and truth.dtype.kind != "b" else "classification"


def classes_of(model: Any) -> tuple[Any, ...]:
    """Return a classifier's classes in the order of its probabilities; none where it doesn't say."""
    classes = getattr(model, "classes_", None)
    if classes is None or isinstance(classes, list) or np.ndim(classes) != 1:
        return ()
    return tuple(np.asarray(classes).tolist())


def datatype_of(values: Any) -> str:
    """Name the type of an array's or a column's values in the Open Inference Protocol's words.

    Raises:
        DataError: for a type that the protocol has no word for.
    """
    dtype = values.dtype
    types = pd.api.types
    word = ""
    if isinstance(dtype, pd.CategoricalDtype):
        word = datatype_of(dtype.categories)
    elif types.is_object_dtype(dtype):
        word = _OBJECTS.get(types.infer_dtype(np.ravel(np.asarray(values)), skipna=True), "")
    elif types.is_bool_dtype(dtype):
        word = "BOOL"
    elif types.is_string_dtype(dtype) or types.is_datetime64_any_dtype(dtype):
        word = "BYTES"
    else:
        plain = getattr(dtype, "numpy_dtype", dtype)  # that of a nullable or Arrow column
        if getattr(plain, "kind", "") in _WORDS and plain.itemsize <= WIDEST:
            word = f"{_WORDS[plain.kind]}{plain.itemsize * 8}"
    if not word:
        raise DataError(f"values of type {dtype} can't be served", hint="use numbers, text or truth values")
    return word


def _column(name: str, values: pd.Series[Any]) -> Tensor:
    try:
        return Tensor(name=name, datatype=datatype_of(values), shape=(-1,), dtype=str(values.dtype))
    except DataError as error:
        raise DataError(f"column {name!r}: {error.message}", hint=error.hint) from None


def _output(model: Any, method: str, rows: Any) -> Tensor:
    ask = getattr(model, method, None)
    if not callable(ask):
        raise DataError(
            f"a {type(model).__name__} has no {method}()", hint="wrap it in a class with predict(X)"
        )
    try:
        answer = np.asarray(ask(rows))
    # Whatever a user's model raises, it is the example and the model that don't fit.
    except Exception as error:
        raise DataError(
            f"the model's {method}() fails on the example: {type(error).__name__}: {error}",
            hint="pass rows as the model was trained on",
        ) from error
    if answer.ndim == 0 or len(answer) != len(rows):
        raise DataError(
            f"the model's {method}() gives shape {answer.shape} for {len(rows)} rows",
            hint="it must answer every row",
        )
    shape = (-1, *answer.shape[1:])
    return Tensor(name=method, datatype=datatype_of(answer), shape=shape, dtype=str(answer.dtype))
