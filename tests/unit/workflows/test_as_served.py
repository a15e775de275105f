from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from jupyter_mlops import settings as configuration
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.records.model import Manifest, ModelVersion, Signature, Tensor
from jupyter_mlops.serving import open_inference
from jupyter_mlops.serving.columns import Schema
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import as_served
from jupyter_mlops.workflows.as_served import Served, body

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.serving.exchange import Question

TYPES = {"INT64": "int64", "FP64": "float64", "BYTES": "str", "BOOL": "bool"}
FRAME = pd.DataFrame(
    {
        "whole": [1, 2],
        "real": [0.5, np.nan],
        "text": ["a", None],
        "kind": pd.Categorical(["x", "y"]),
        "truth": [True, False],
        "time": pd.to_datetime(pd.Series(["2026-01-02T03:04:05", None])),
    }
)


def frame_signature() -> Signature:
    words = {
        "whole": "INT64",
        "real": "FP64",
        "text": "BYTES",
        "kind": "BYTES",
        "truth": "BOOL",
        "time": "BYTES",
    }
    inputs = [
        Tensor(name=name, datatype=word, shape=(-1,), dtype=str(FRAME[name].dtype))
        for name, word in words.items()
    ]
    outputs = [Tensor(name=name, datatype="INT64", shape=(-1,)) for name in ("predict", "predict_proba")]
    return Signature(layout="frame", inputs=tuple(inputs), outputs=tuple(outputs))


def understood(rows: Any, signature: Signature) -> Question:
    """Read a request as the serving process does."""
    question, _ = open_inference.decode(body(rows, signature), None, Schema(signature))
    return question


def test_the_serving_process_understands_a_frames_rows() -> None:
    question = understood(FRAME, frame_signature())
    assert question.rows == 2
    assert question.outputs == ("predict",)
    assert question.columns == {
        "whole": [1, 2],
        "real": [0.5, None],
        "text": ["a", None],
        "kind": ["x", "y"],
        "truth": [True, False],
        "time": ["2026-01-02T03:04:05", None],
    }


def test_the_serving_process_understands_an_arrays_rows() -> None:
    tensor = Tensor(name="input", datatype="FP32", shape=(-1, 2), dtype="float32")
    signature = Signature(layout="array", inputs=(tensor,), outputs=())
    rows = np.array([[1.5, np.nan], [3, 4]], dtype=np.float32)
    assert understood(rows, signature).columns == {"input": [[1.5, None], [3.0, 4.0]]}
    assert msgspec.json.decode(body(rows, signature))["outputs"] == []


class Constant:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, rows: Any) -> Any:
        return np.full(len(rows), self.answer)


class Broken:
    def predict(self, rows: Any) -> Any:
        raise RuntimeError("no such weights")


class Missing:
    def __reduce__(self) -> Any:
        return __import__, ("a_module_that_is_not_there",)


@pytest.fixture
def store(workspace: Path) -> Store:
    return open_store(configuration.load())


def served(store: Store, model: Any, rows: int = 3) -> Served:
    inputs = (Tensor(name="a", datatype="FP64", shape=(-1,), dtype="float64"),)
    outputs = (Tensor(name="predict", datatype="INT64", shape=(-1,)),)
    signature = Signature(layout="frame", inputs=inputs, outputs=outputs)
    bundle = store.bundles.write(model, Manifest(name="m", task="other", signature=signature))
    version = ModelVersion(name="m", version=1, bundle=bundle, signature=signature)
    return Served(store, version, pd.DataFrame({"a": np.arange(float(rows))}))


@pytest.mark.slow
def test_what_it_shows_of_itself(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(as_served, "SECONDS", 0.2)
    monkeypatch.setattr(as_served, "THROUGHPUT_SECONDS", 0.2)
    # The token of the project's own servers isn't asked for.
    monkeypatch.setenv("JUPYTER_MLOPS_TOKEN", "secret")
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    one = served(store, Constant(1))
    try:
        p50, p99 = one.latency(50), one.latency(99)
        assert 0 < p50.value <= p99.value
        assert p50.ci is not None
        assert one.latency(50, batch=64).value > 0
        by_size = [one.throughput(batch).value for batch in as_served.BATCHES]
        assert one.throughput().value == max(by_size)
        assert 10 < one.memory().value < 100_000
        process = one._process
        assert process is not None
        assert process.poll() is None
    finally:
        one.close()
    assert process.poll() is not None
    assert list(folder.iterdir()) == []
    assert store.ledger.find("deployment") == []


@pytest.mark.slow
def test_what_stands_in_the_way_is_told(store: Store) -> None:
    for model, why in [
        (Broken(), "the server refuses the test rows: .*RuntimeError: no such weights"),
        (Missing(), "the serving process didn't start: error: .*a_module_that_is_not_there"),
    ]:
        one = served(store, model)
        try:
            with pytest.raises(NotMeasurableError, match=why):
                one.latency(50)
        finally:
            one.close()


def test_memory_that_is_not_told() -> None:
    with pytest.raises(NotMeasurableError, match="doesn't say how much memory"):
        as_served._peak_bytes(2**30)


def test_nothing_starts_before_it_is_asked(store: Store) -> None:
    one = served(store, Constant(1))
    one.close()
    assert one._process is None
