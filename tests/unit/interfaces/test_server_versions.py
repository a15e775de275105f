"""The models' part of the sidebar over REST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from msgspec.structs import replace
from tornado.httpclient import HTTPClientError

from jupyter_mlops import settings as project
from jupyter_mlops.data import versions
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Signature
from jupyter_mlops.records.serving import Prediction
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from tests import notebooks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Fetch = Callable[..., Awaitable[Any]]

pytest_plugins = ["pytest_jupyter.jupyter_server"]


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"jupyter_mlops.interfaces.server": True}}}


@pytest.fixture
def root(jp_root_dir: Path) -> Path:
    """A project with two versions of a model: the second one's gate failed."""
    (jp_root_dir / "mlops.toml").write_text('mlflow_sync = "off"\n')
    notebooks.write(jp_root_dir / "n.ipynb", "x = 1")
    ledger = open_store(project.load(jp_root_dir)).ledger
    for number in (1, 2):
        ledger.append(
            ModelVersion(
                name="churn",
                version=number,
                bundle=f"b{number}",
                signature=Signature(layout="array", inputs=(), outputs=()),
                metrics={"auc": 0.8 + number / 100},
                author="ann",
                created_at=f"2026-01-0{number}T00:00:00Z",
            )
        )
        ledger.append(
            Evaluation(
                model="churn",
                version=number,
                passed=number == 1,
                conditions=(
                    ConditionResult(text="auc >= 0.815", status="passed" if number == 1 else "failed"),
                ),
                parents=(f"model/churn@{number}",),
                created_at=f"2026-01-0{number}T00:00:01Z",
            )
        )
    return jp_root_dir


async def _post(jp_fetch: Fetch, where: str, **body: Any) -> tuple[int, Any]:
    try:
        response = await jp_fetch("jupyter-mlops", where, method="POST", body=json.dumps(body))
    except HTTPClientError as error:
        response = error.response
    return response.code, json.loads(response.body)


async def _project(jp_fetch: Fetch) -> Any:
    response = await jp_fetch("jupyter-mlops", "project", params={"path": "n.ipynb"})
    return json.loads(response.body)


async def test_a_promotion_is_done_shown_and_rolled_back(jp_fetch: Fetch, root: Path) -> None:
    status, moved = await _post(jp_fetch, "promotions", path="n.ipynb", model="churn/1")
    assert (status, moved["version"], moved["alias"]) == (201, 1, "champion")
    body = {"path": "n.ipynb", "model": "churn/2", "override": "the old one is down"}
    assert (await _post(jp_fetch, "promotions", **body))[0] == 201
    shown = await _project(jp_fetch)
    second, first = shown["models"]
    assert (second["aliases"], first["aliases"]) == (["champion"], [])
    assert second["override"] == "the old one is down"
    assert first["override"] == ""
    assert shown["user"]
    status, back = await _post(jp_fetch, "rollbacks", path="n.ipynb", name="churn", reason="worse")
    assert (status, back["version"], back["reason"]) == (201, 1, "worse")
    actions = [event["action"] for event in (await _project(jp_fetch))["audit"] if event["phase"] == "done"]
    assert actions == ["model.rollback", "model.override", "model.promote"]


async def test_what_a_gate_blocks_is_409_and_changes_nothing(jp_fetch: Fetch, root: Path) -> None:
    status, problem = await _post(jp_fetch, "promotions", path="n.ipynb", model="churn/2")
    assert (status, problem["code"]) == (409, "MLO510")
    assert "auc >= 0.815" in problem["message"]
    assert all(not model["aliases"] for model in (await _project(jp_fetch))["models"])


async def test_a_version_is_shown_from_near(jp_fetch: Fetch, root: Path) -> None:
    params = {"path": "n.ipynb", "model": "churn/2"}
    shown = json.loads((await jp_fetch("jupyter-mlops", "version", params=params)).body)
    (gate,) = shown["gates"]
    assert (gate["title"], gate["conditions"][0]["status"]) == ("Gate failed", "failed")
    assert shown["logged"] == {"auc": pytest.approx(0.82)}
    with pytest.raises(HTTPClientError) as gone:
        await jp_fetch("jupyter-mlops", "version", params={**params, "model": "churn/9"})
    assert gone.value.code == 404


async def test_live_traffic_is_compared_and_its_report_opened(jp_fetch: Fetch, root: Path) -> None:
    settings = project.load(root)
    store = open_store(settings)
    ages = pd.DataFrame({"age": range(200)})
    rows = versions.add(store, "people", ages)
    given = store.ledger.get("model/churn@2")
    assert isinstance(given, ModelVersion)
    store.ledger.append(replace(given, version=3, datasets=(str(rows.ref),)))
    assert (await _post(jp_fetch, "drift-reports", path="n.ipynb", model="churn"))[0] == 404
    log = PredictionLog(settings.state / "predictions.db")
    asked = {"age": [float(age + 500) for age in range(200)]}
    log.append(
        [Prediction(prediction_id="p", deployment="d", model="churn", version=3, rows=200, inputs=asked)]
    )
    log.close()
    status, made = await _post(jp_fetch, "drift-reports", path="n.ipynb", model="churn")
    assert (status, made["drifted"]) == (201, True), made
    shown = await _project(jp_fetch)
    assert [each["report_id"] for each in shown["drift"]] == [made["report_id"]]
    assert shown["traffic"] == [{"model": "churn", "requests": 1, "reference": f"people@{rows.version}"}]
    where = ("jupyter-mlops", "drift-reports", made["report_id"])
    page = json.loads((await jp_fetch(*where, params={"path": "n.ipynb"})).body)["html"]
    assert "age" in page


async def test_what_the_comparison_complains_of_is_said(jp_fetch: Fetch, root: Path) -> None:
    settings = project.load(root)
    store = open_store(settings)
    rows = versions.add(store, "people", pd.DataFrame({"age": [1, 2]}))
    given = store.ledger.get("model/churn@2")
    assert isinstance(given, ModelVersion)
    store.ledger.append(replace(given, version=3, datasets=(str(rows.ref),)))
    log = PredictionLog(settings.state / "predictions.db")
    log.append(
        [Prediction(prediction_id="p", deployment="d", model="churn", version=3, rows=1, inputs={"b": [1.0]})]
    )
    log.close()
    status, problem = await _post(jp_fetch, "drift-reports", path="n.ipynb", model="churn")
    assert status == 400
    assert "column" in problem["message"]
    assert "Traceback" not in problem["message"]


@pytest.mark.parametrize(
    "where, body, status",
    [
        ("promotions", {"model": "churn/9"}, 404),
        ("promotions", {"model": "churn/1", "alias": "best"}, 404),
        ("promotions", {"model": 7}, 400),
        ("promotions", {"model": "\ud800"}, 400),
        ("promotions", {"model": "churn\u200b/1"}, 404),
        ("promotions", {"model": "churn/2", "override": " "}, 400),
        ("rollbacks", {"name": "churn"}, 404),
        ("rollbacks", {"name": "nothing"}, 404),
        ("rollbacks", {"name": ["churn"]}, 400),
    ],
)
async def test_bad_requests_are_refused_in_json(
    jp_fetch: Fetch, root: Path, where: str, body: dict[str, Any], status: int
) -> None:
    code, problem = await _post(jp_fetch, where, path="n.ipynb", **body)
    assert code == status, problem
    assert problem["message"]
    assert (await _post(jp_fetch, where, path="../n.ipynb", **body))[0] == 400
