from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from jupyter_mlops.serving.app import ServingApp
    from jupyter_mlops.store.predictions import PredictionLog

GOOD: dict[str, dict[str, list[Any]]] = {
    "inputs": {"age": [30], "pay": [1.0], "job": ["cook"], "member": [True]}
}
Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(app: ServingApp) -> Ask:
    def request(method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    return request


@pytest.mark.parametrize(
    "path, content",
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/churn/ready", {"name": "churn", "ready": True}),
        ("/v2/models/churn/versions/3/ready", {"name": "churn", "ready": True}),
    ],
)
def test_health(ask: Ask, path: str, content: dict[str, Any]) -> None:
    answer = ask("GET", path)
    assert answer.status_code == 200
    assert answer.json() == content


def test_metadata(ask: Ask) -> None:
    assert ask("GET", "/v2").json()["extensions"] == ["binary_tensor_data"]
    about = ask("GET", "/v2/models/churn/versions/3").json()
    assert about["versions"] == ["3"]
    assert about["inputs"][0] == {"name": "age", "datatype": "INT64", "shape": [-1]}
    assert [output["name"] for output in about["outputs"]] == ["predict", "predict_proba"]
    assert ask("GET", "/ping").status_code == ask("GET", "/health").status_code == 200
    assert ask("GET", "/version").text


def test_an_answer_names_the_prediction_in_the_log(ask: Ask, log: PredictionLog) -> None:
    answer = ask("POST", "/invocations", json=GOOD)
    assert answer.status_code == 200
    found = log.find(answer.headers["x-prediction-id"])
    assert found.outputs["predict"] == answer.json()["predictions"]
    assert (found.model, found.version, found.deployment) == ("churn", 3, "d1")
    assert found.milliseconds > 0


@pytest.mark.parametrize(
    "method, path, status, error",
    [
        ("POST", "/v2/models/fraud/infer", 404, "no model 'fraud' here; this server has churn/3"),
        (
            "POST",
            "/v2/models/churn/versions/4/infer",
            404,
            "no model 'churn/4' here; this server has churn/3",
        ),
        ("GET", "/v2/models/churn/versions/x", 404, "no model 'churn/x' here; this server has churn/3"),
        ("GET", "/v2/models/churn/infer", 405, "GET is not allowed at /v2/models/churn/infer"),
        ("GET", "/nowhere", 404, "there is nothing at /nowhere"),
        ("POST", "/v2/models/churn/explain", 400, "the request can't be read: Input data was truncated"),
        ("POST", "/v2/models/churn/feedback", 400, "the request can't be read: Input data was truncated"),
        ("POST", "/v2/models/fraud/feedback", 404, "no model 'fraud' here; this server has churn/3"),
        ("GET", "/v2/models/churn/feedback", 405, "GET is not allowed at /v2/models/churn/feedback"),
        ("POST", "/v2/models/churn/infer", 400, "the request can't be read: Input data was truncated"),
    ],
)
def test_what_is_not_here_is_said_in_one_line(
    ask: Ask, method: str, path: str, status: int, error: str
) -> None:
    answer = ask(method, path)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(error)


def test_a_body_beyond_the_limit_is_413(ask: Ask) -> None:
    answer = ask("POST", "/invocations", content=b" " * ((1 << 20) + 1))
    assert answer.status_code == 413
    assert answer.json() == {"error": "the body is larger than 1 MiB; send fewer rows a request"}


def test_a_large_body_is_answered_like_a_small_one(ask: Ask) -> None:
    many = {name: values * 5000 for name, values in GOOD["inputs"].items()}
    answer = ask("POST", "/invocations", json={"inputs": many})
    assert len(answer.json()["predictions"]) == 5000


def test_requests_are_counted_by_status(ask: Ask) -> None:
    ask("POST", "/invocations", json=GOOD)
    ask("POST", "/invocations", content=b"{")
    text = ask("GET", "/metrics").text
    for status in (200, 400):
        labels = f'model="churn",version="3",protocol="mlflow",status="{status}"'
        assert f"mlops_requests_total{{{labels}}} 1" in text


def test_a_page_of_another_site_is_refused(ask: Ask, log: PredictionLog) -> None:
    answer = ask("POST", "/invocations", json=GOOD, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert ask("GET", "/v2", headers={"host": "evil.example"}).status_code == 403
    assert log.count() == 0


def test_deep_nesting_is_no_trouble(ask: Ask) -> None:
    for path in ("/invocations", "/v2/models/churn/infer"):
        assert ask("POST", path, content=b"[" * 200_000).status_code == 400
        assert ask("POST", path, content=json.dumps({"inputs": "x"}).encode()).status_code == 400
