from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from jupyter_mlops.records.model import Manifest, Signature, Tensor
from jupyter_mlops.records.serving import Deployment
from jupyter_mlops.serving.app import ServingApp
from jupyter_mlops.serving.guard import Guard
from jupyter_mlops.serving.loader import ServedModel
from jupyter_mlops.store.predictions import PredictionLog

CLASSIFIER = (
    Tensor(name="predict", datatype="INT64", shape=(-1,)),
    Tensor(name="predict_proba", datatype="FP64", shape=(-1, 2)),
)
FRAME = Signature(
    layout="frame",
    inputs=(
        Tensor(name="age", datatype="INT64", shape=(-1,), dtype="int64"),
        Tensor(name="pay", datatype="FP64", shape=(-1,), dtype="float64"),
        Tensor(name="job", datatype="BYTES", shape=(-1,), dtype="str"),
        Tensor(name="member", datatype="BOOL", shape=(-1,), dtype="bool"),
    ),
    outputs=CLASSIFIER,
)
ARRAY = Signature(
    layout="array", inputs=(Tensor(name="input", datatype="FP64", shape=(-1, 3)),), outputs=CLASSIFIER
)


def people(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "age": random.integers(18, 70, rows),
            "pay": random.normal(3000, 500, rows),
            "job": random.choice(["cook", "nurse", "clerk"], rows),
            "member": random.random(rows) > 0.5,
        }
    )


def frame_model() -> Any:
    X = people(200)
    y = (X["age"] > 40).astype(int)
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["job"]), remainder="passthrough"
    )
    return make_pipeline(encode, LogisticRegression(max_iter=5000)).fit(X, y)


def manifest(signature: Signature) -> Manifest:
    return Manifest(name="churn", task="classification", signature=signature, classes=(0, 1))


@pytest.fixture(scope="session")
def framed() -> ServedModel:
    return ServedModel(frame_model(), manifest(FRAME))


@pytest.fixture(scope="session")
def arrayed() -> ServedModel:
    X = np.random.default_rng(1).normal(size=(100, 3))
    return ServedModel(LogisticRegression().fit(X, X[:, 0] > 0), manifest(ARRAY))


@pytest.fixture
def log(tmp_path: Path):
    opened = PredictionLog(tmp_path / "predictions.db")
    yield opened
    opened.close()


@pytest.fixture
def deployment() -> Deployment:
    return Deployment(deployment_id="d1", model="churn", version=3, bundle="b", address="http://127.0.0.1:1")


@pytest.fixture
def app(framed: ServedModel, log: PredictionLog, deployment: Deployment):
    built = ServingApp(framed, log, deployment, Guard(""), limit=1 << 20)
    yield built
    built.close()


class Own:
    """A model by a function of the matrix."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.predict = function


@pytest.fixture(scope="session")
def make() -> Callable[[Callable[[Any], Any]], ServedModel]:
    signature = msgspec.structs.replace(ARRAY, outputs=CLASSIFIER[:1])
    return lambda function: ServedModel(Own(function), manifest(signature))
