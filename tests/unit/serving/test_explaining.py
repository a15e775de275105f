from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from jupyter_mlops.errors import IntegrityError
from jupyter_mlops.records.serving import Deployment
from jupyter_mlops.serving.app import ServingApp
from jupyter_mlops.serving.explaining import MOST_ROWS, read_background
from jupyter_mlops.serving.guard import Guard
from jupyter_mlops.serving.loader import ServedModel

if TYPE_CHECKING:
    from jupyter_mlops.store.predictions import PredictionLog

Ask = Callable[..., httpx.Response]
TYPES = {"age": "INT64", "pay": "FP64", "job": "BYTES", "member": "BOOL"}
ROWS: dict[str, list[Any]] = {
    "age": [20, 60, 41],
    "pay": [2500.0, 3100.0, 2900.0],
    "job": ["cook", "nurse", "cook"],
    "member": [True, False, True],
}


def body(rows: dict[str, list[Any]], **more: Any) -> dict[str, Any]:
    inputs = [
        {"name": name, "datatype": TYPES[name], "shape": [len(values)], "data": values}
        for name, values in rows.items()
    ]
    return {"inputs": inputs, **more}


BACKGROUND = msgspec.json.encode(body({name: values * 8 for name, values in ROWS.items()}))


def asking(app: ServingApp) -> Ask:
    def ask(path: str, **more: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.post(f"/v2/models/churn{path}", **more)

        return asyncio.run(call())

    return ask


@pytest.fixture
def ask(framed: ServedModel, log: PredictionLog, deployment: Deployment) -> Iterator[Ask]:
    app = ServingApp(framed, log, deployment, Guard(""), background=BACKGROUND)
    yield asking(app)
    app.close()


def test_base_and_attributions_add_up_to_the_models_own_score(ask: Ask, framed: ServedModel):
    answer = ask("/explain", json=body(ROWS))
    assert answer.status_code == 200
    found = answer.json()
    assert (found["model_name"], found["model_version"]) == ("churn", "3")
    assert (found["method"], found["scale"]) == ("linear weights", "score")
    scores = framed.itself.decision_function(framed.table(ROWS))
    for row, score in zip(found["explanations"], scores, strict=True):
        assert row["output"] == 1
        assert row["value"] == pytest.approx(score)
        assert row["base"] + sum(row["attributions"].values()) == pytest.approx(score)
        assert set(row["attributions"]) == set(ROWS)


def test_an_answered_prediction_is_explained_by_its_id(ask: Ask):
    answered = ask("/infer", json=body(ROWS)).json()["id"]
    by_id = ask("/versions/3/explain", json={"id": answered})
    assert by_id.status_code == 200
    assert by_id.json() == ask("/explain", json=body(ROWS)).json()


def test_explaining_is_no_prediction(ask: Ask, log: PredictionLog):
    ask("/explain", json=body(ROWS))
    assert log.count() == 0


@pytest.mark.parametrize(
    "request_, status, error",
    [
        ({}, 400, "the request has neither inputs nor an id"),
        ({"id": "nobody"}, 404, "no prediction 'nobody'"),
        ({"id": 3}, 400, "the request can't be read"),
        (body({**ROWS, "age": [1.5, 2.5, 3.5]}), 400, "input 'age', value 0: a value of type float"),
        (body({"age": [1]}), 400, "input 'pay' and 2 more is missing"),
        ([1], 400, "the request can't be read"),
        (
            body({name: (values * MOST_ROWS)[: MOST_ROWS + 1] for name, values in ROWS.items()}),
            400,
            f"{MOST_ROWS + 1} rows are too many to explain",
        ),
    ],
)
def test_what_cannot_be_explained_is_said_in_one_line(ask: Ask, request_: Any, status: int, error: str):
    answer = ask("/explain", json=request_)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(error)


def test_another_versions_prediction_is_named(ask: Ask, framed: ServedModel, log: PredictionLog):
    other = Deployment(deployment_id="d2", model="churn", version=2, bundle="b", address="")
    app = ServingApp(framed, log, other, Guard(""))
    answered = asking(app)("/infer", json=body(ROWS, id="mine"))
    app.close()
    assert answered.status_code == 200
    assert (
        ask("/explain", json={"id": "mine"})
        .json()["error"]
        .startswith("prediction 'mine' was answered by churn/2; this server has churn/3")
    )


def test_without_background_rows_only_trees_are_explained(
    framed: ServedModel, arrayed: ServedModel, log: PredictionLog, deployment: Deployment
):
    app = ServingApp(framed, log, deployment, Guard(""))
    answer = asking(app)("/explain", json=body(ROWS))
    app.close()
    assert answer.status_code == 501
    assert "no rows to compare" in answer.json()["error"]
    X = np.random.default_rng(1).normal(size=(100, 3))
    forest = ServedModel(RandomForestClassifier(5, random_state=0).fit(X, X[:, 0] > 0), arrayed.manifest)
    app = ServingApp(forest, log, deployment, Guard(""))
    matrix = {"name": "input", "datatype": "FP64", "shape": [1, 3], "data": [1.0, 0.0, 0.0]}
    answer = asking(app)("/explain", json={"inputs": [matrix]})
    app.close()
    (row,) = answer.json()["explanations"]
    assert list(row["attributions"]) == ["x0", "x1", "x2"]
    assert row["base"] + sum(row["attributions"].values()) == pytest.approx(row["value"])


def test_the_background_names_a_matrixs_columns(
    arrayed: ServedModel, log: PredictionLog, deployment: Deployment
):
    matrix = {"name": "input", "datatype": "FP64", "shape": [2, 3], "data": [1.0, 0.0, 0.5, 0.0, 1.0, 2.0]}
    request = {"inputs": [matrix], "parameters": {"features": ["a", "b", "c"]}}
    app = ServingApp(arrayed, log, deployment, Guard(""), background=msgspec.json.encode(request))
    answer = asking(app)("/explain", json=request)
    app.close()
    assert list(answer.json()["explanations"][0]["attributions"]) == ["a", "b", "c"]


def test_a_model_that_raises_is_reported_and_the_server_lives(
    make: Callable[[Callable[[Any], Any]], ServedModel], log: PredictionLog, deployment: Deployment
):
    def predict(rows: Any) -> Any:
        if (rows[:, 0] > 100).any():
            raise ValueError("too hot")
        if np.isnan(rows).any():
            raise ValueError("Input X contains NaN.\nMore on that elsewhere.")
        return rows.sum(axis=1)

    matrix = {"name": "input", "datatype": "FP64", "shape": [1, 3], "data": [1.0, 0.0, 0.5]}
    background = msgspec.json.encode({"inputs": [matrix]})
    app = ServingApp(make(predict), log, deployment, Guard(""), background=background)
    hot = {"inputs": [{**matrix, "data": [101.0, 0.0, 0.0]}]}
    gap = {"inputs": [{**matrix, "data": [None, 0.0, 0.0]}]}
    answers = [asking(app)("/explain", json=each) for each in (hot, gap, {"inputs": [matrix]})]
    app.close()
    assert [answer.status_code for answer in answers] == [500, 400, 200]
    assert answers[0].json() == {"error": "the model raised ValueError: too hot"}
    missing = "input 'input' has a missing value in row 0, which the model can't take: Input X contains NaN"
    assert answers[1].json()["error"].startswith(missing)


def test_a_token_is_asked_for_as_for_predictions(
    framed: ServedModel, log: PredictionLog, deployment: Deployment
):
    app = ServingApp(framed, log, deployment, Guard("secret"), background=BACKGROUND)
    ask = asking(app)
    refused = ask("/explain", json=body(ROWS))
    let_in = ask("/explain", json=body(ROWS), headers={"authorization": "Bearer secret"})
    app.close()
    assert (refused.status_code, let_in.status_code) == (401, 200)


def test_explanations_are_counted(framed: ServedModel, log: PredictionLog, deployment: Deployment):
    app = ServingApp(framed, log, deployment, Guard(""), background=BACKGROUND)
    asking(app)("/explain", json=body(ROWS))
    app.close()
    text = app.metrics.render()
    assert 'protocol="explain",status="200"} 1' in text
    assert 'mlops_request_seconds_count{model="churn",version="3"} 0' in text


def test_a_background_that_was_changed_is_refused(tmp_path: Path):
    path = tmp_path / hashlib.sha256(BACKGROUND).hexdigest()
    path.write_bytes(BACKGROUND)
    assert read_background(path) == BACKGROUND
    assert read_background(None) == b""
    path.write_bytes(BACKGROUND + b" ")
    with pytest.raises(IntegrityError, match="is not what was recorded"):
        read_background(path)
    with pytest.raises(IntegrityError, match="can't be read"):
        read_background(tmp_path / "gone")
