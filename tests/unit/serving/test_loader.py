from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.errors import DataError
from jupyter_mlops.records.model import Manifest, Signature, Tensor
from jupyter_mlops.serving.columns import Column
from jupyter_mlops.serving.loader import ServedModel
from jupyter_mlops.serving.problems import RequestError

TRAINED: dict[str, tuple[str, Any, list[Any]]] = {
    "whole": ("INT64", "int64", [1, 2]),
    "small": ("INT8", "int8", [1, 2]),
    "real": ("FP64", "float64", [0.5, None]),
    "short": ("FP32", "float32", [0.5, None]),
    "truth": ("BOOL", "bool", [True, False]),
    "text": ("BYTES", "str", ["a", None]),
    "thing": ("BYTES", "object", ["a", None]),
    "kind": ("BYTES", "category", ["a", "b"]),
    "maybe": ("INT64", "Int64", [1, None]),
    "perhaps": ("BOOL", "boolean", [True, None]),
    "arrow": ("INT64", "int64[pyarrow]", [1, None]),
    "gaps": ("BOOL", "object", [True, None]),
    "level": ("INT64", "category", [3, None]),
    "zoned": ("BYTES", "datetime64[us, UTC]", ["2026-11-21T08:00:00+01:00", None]),
    "when": ("BYTES", "datetime64[us]", ["2026-11-21", "2026-11-22T10:00:00"]),
}


class Keep:
    def predict(self, X: Any) -> Any:
        self.seen = X
        return np.zeros(len(X))


def test_times_are_checked_before_the_model_is_asked() -> None:
    naive = Column.of(Tensor(name="when", datatype="BYTES", shape=(-1,), dtype="datetime64[ns]"))
    assert naive.from_values(["2026-11-21", None]) == ["2026-11-21", None]
    for wrong in ("yesterday", "9999-01-01", "2026-11-21T08:00:00+01:00", ""):
        with pytest.raises(RequestError, match=r"input 'when', value 1: '.*' is no time"):
            naive.from_values(["2026-11-21", wrong])
    zoned = Column.of(Tensor(name="when", datatype="BYTES", shape=(-1,), dtype="datetime64[us, UTC]"))
    assert zoned.from_values(["2026-11-21T08:00:00+01:00"])


@pytest.mark.parametrize(
    "dtype, datatype", [("object", "BOOL"), ("Int64", "INT64"), ("int64[pyarrow]", "INT64")]
)
def test_columns_that_can_miss_a_value_may(dtype: str, datatype: str) -> None:
    column = Column.of(Tensor(name="x", datatype=datatype, shape=(-1,), dtype=dtype))
    assert column.from_values([None]) == [None]


def frame(columns: dict[str, tuple[str, Any, list[Any]]]) -> pd.DataFrame:
    inputs = tuple(
        Tensor(name=name, datatype=datatype, shape=(-1,), dtype=dtype)
        for name, (datatype, dtype, _) in columns.items()
    )
    signature = Signature(
        layout="frame", inputs=inputs, outputs=(Tensor(name="predict", datatype="FP64", shape=(-1,)),)
    )
    model = Keep()
    served = ServedModel(model, Manifest(name="m", task="other", signature=signature))
    served.predict({name: values for name, (_, _, values) in columns.items()}, 2, ["predict"])
    seen: pd.DataFrame = model.seen
    return seen


def test_the_model_sees_the_types_it_was_trained_on() -> None:
    seen = frame(TRAINED)
    assert list(seen.columns) == list(TRAINED)
    assert {name: str(dtype) for name, dtype in seen.dtypes.items()} == {
        name: dtype for name, (_, dtype, _) in TRAINED.items()
    }
    assert seen["real"].isna().tolist() == [False, True]
    assert seen["text"].isna().tolist() == [False, True]
    assert seen["when"][1] == pd.Timestamp("2026-11-22T10:00:00")


@pytest.mark.parametrize("name", ["real", "whole"])
def test_columns_of_one_type_make_the_same_frame(name: str) -> None:
    seen = frame({"b": TRAINED[name], "a": TRAINED[name]})
    values = TRAINED[name][2]
    expected = pd.DataFrame({"b": values, "a": values}, dtype=TRAINED[name][1])
    pd.testing.assert_frame_equal(seen, expected)


def test_an_output_the_model_does_not_give_is_refused(framed: ServedModel) -> None:
    signature = msgspec.structs.replace(
        framed.manifest.signature, outputs=(Tensor(name="predict_log_proba", datatype="FP64", shape=(-1,)),)
    )
    with pytest.raises(DataError, match="'predict_log_proba'"):
        ServedModel(Keep(), msgspec.structs.replace(framed.manifest, signature=signature))
