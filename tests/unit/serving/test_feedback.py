from __future__ import annotations

import asyncio
import gzip
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jupyter_mlops.serving import feedback
from jupyter_mlops.serving.problems import RequestError

if TYPE_CHECKING:
    from jupyter_mlops.serving.app import ServingApp
    from jupyter_mlops.store.predictions import PredictionLog

PATH = "/v2/models/churn/feedback"
Tell = Callable[..., httpx.Response]


@pytest.fixture
def tell(app: ServingApp) -> Tell:
    def request(document: Any = None, path: str = PATH, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.post(path, **{"json": document, **more} if document else more)

        return asyncio.run(send())

    return request


@pytest.fixture
def ids(tell: Tell) -> list[str]:
    """Two answered predictions: of one row, and of three."""
    rows: dict[str, list[Any]] = {"age": [30], "pay": [1.0], "job": ["cook"], "member": [True]}
    inputs = [rows, {name: values * 3 for name, values in rows.items()}]
    return [tell({"inputs": each}, "/invocations").headers["x-prediction-id"] for each in inputs]


def test_a_label_is_kept_and_telling_it_again_changes_nothing(
    tell: Tell, ids: list[str], log: PredictionLog, app: ServingApp
) -> None:
    one = {"id": ids[0], "label": 1}
    assert tell(one).json() == {"model_name": "churn", "labels": 1, "new": 1}
    assert tell(one).json()["new"] == 0
    assert tell([one, one], "/v2/models/churn/versions/3/feedback").json()["new"] == 0
    assert log.labels(ids) == {(ids[0], 0): 1}
    [told] = log.told(ids[0])
    assert told.created_at
    assert 'mlops_labels_total{model="churn",version="3"} 1' in app.metrics.render()


def test_of_two_labels_the_newer_counts_and_both_are_kept(
    tell: Tell, ids: list[str], log: PredictionLog
) -> None:
    for label in (0, 1, 0):
        assert tell({"id": ids[0], "label": label}).json()["new"] == 1
    assert log.labels(ids) == {(ids[0], 0): 0}
    assert [told.label for told in log.told(ids[0])] == [0, 1, 0]


def test_several_rows_and_several_predictions(tell: Tell, ids: list[str], log: PredictionLog) -> None:
    first, second = ids
    told = [{"id": first, "label": True}, {"id": second, "label": ["yes", None, 2.5]}]
    assert tell(told).json() == {"model_name": "churn", "labels": 3, "new": 3}
    assert tell({"id": second, "row": 1, "label": "no"}).json()["new"] == 1
    assert log.labels(ids) == {(first, 0): True, (second, 0): "yes", (second, 1): "no", (second, 2): 2.5}


@pytest.mark.parametrize(
    "content, status, error",
    [
        ({"id": "nobody", "label": 1}, 404, "no prediction 'nobody' of churn; the id is in the answer's"),
        ([{"id": "a", "label": 1}, {"id": "b", "label": 1}], 404, "no prediction 'a' and 1 more of churn"),
        ({"id": "ONE", "row": 1, "label": 1}, 400, "prediction 'ONE' has no row 1; it has 1, counted from 0"),
        ({"id": "ONE", "row": -1, "label": 1}, 400, "prediction 'ONE' has no row -1"),
        ({"id": "ONE", "label": [1, 2]}, 400, "prediction 'ONE' has no row 1"),
        ({"id": "ONE", "row": 0, "label": [1]}, 400, "prediction 'ONE' has a row and a list of labels"),
        ({"id": "ONE", "label": {"a": 1}}, 400, "the label of prediction 'ONE' is no number"),
        ({"id": "ONE", "label": "x" * 1_001}, 400, "the label of prediction 'ONE' is no number"),
        ({"id": "ONE", "label": None}, 400, "no label is in the request; send"),
        ([], 400, "no label is in the request; send"),
        ({"id": "ONE"}, 400, "the request can't be read: Object missing required field `label`"),
        ({"id": 1, "label": 1}, 400, "the request can't be read: Expected `str`"),
        ({"id": "ONE", "label": 1, "lable": 1}, 400, "the request can't be read: Object contains unknown"),
        ([{"id": "ONE", "label": 1}] * 10_001, 400, "10,001 labels in one request; send up to 10,000"),
        (
            [{"id": "ONE", "label": 1}, {"id": "ONE", "row": 9, "label": 1}],
            400,
            "prediction 'ONE' has no row 9",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    tell: Tell, ids: list[str], log: PredictionLog, content: Any, status: int, error: str
) -> None:
    for each in content if isinstance(content, list) else [content]:
        each["id"] = ids[0] if each["id"] == "ONE" else each["id"]
    answer = tell(json=content)
    assert answer.status_code == status
    assert answer.json()["error"].replace(ids[0], "ONE").startswith(error)
    assert log.labels(ids) == {}


def test_another_models_prediction_is_not_found(tell: Tell, ids: list[str], log: PredictionLog) -> None:
    del ids
    from tests.unit.store.test_predictions import prediction

    log.append([prediction("other", model="fraud")])
    assert tell({"id": "other", "label": 1}).status_code == 404


def test_a_packed_body_and_a_broken_one(tell: Tell, ids: list[str]) -> None:
    packed = gzip.compress(b'{"id": "%s", "label": 1}' % ids[0].encode())
    assert tell(content=packed, headers={"content-encoding": "gzip"}).json()["new"] == 1
    assert tell(content=packed[:-4], headers={"content-encoding": "gzip"}).status_code == 400


@pytest.mark.parametrize("label", [b"NaN", b"1e999", b"1" + b"0" * 400])
def test_a_label_is_a_finite_number(label: bytes) -> None:
    with pytest.raises(RequestError):
        feedback.decode(b'{"id": "a", "label": ' + label + b"}")


def test_where_the_log_cannot_be_written(
    tell: Tell, ids: list[str], log: PredictionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(log, "tell", full)
    answer = tell({"id": ids[0], "label": 1})
    assert answer.status_code == 503
    assert answer.json()["error"] == "the label can't be kept: database or disk is full; try again later"
