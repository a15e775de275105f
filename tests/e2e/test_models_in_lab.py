"""Model versions in the sidebar: promote, be blocked by a gate, override, roll back; one from near, and drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.data import versions
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation, Figure, Slice
from jupyter_mlops.records.model import ModelVersion, Signature
from jupyter_mlops.records.serving import Prediction
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows import audit
from tests import notebooks

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import Lab

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def folder(lab: Lab, request: pytest.FixtureRequest) -> Path:
    """A project with two versions of a model: the second one's gate failed."""
    folder = lab.root / str(request.node.name)
    folder.mkdir()
    (folder / "mlops.toml").write_text('mlflow_sync = "off"\n')
    notebooks.write(folder / "n.ipynb", "%%mlops stage one\nx = 1")
    store = open_store(project.load(folder))
    ledger = store.ledger
    rows = versions.add(store, "people", pd.DataFrame({"age": range(200)}))
    for number, passed in ((1, True), (2, False)):
        condition = ConditionResult(
            text="auc >= 0.8",
            status="passed" if passed else "failed",
            value=0.79,
            threshold=0.8,
            ci=(0.77, 0.81),
        )
        version = ModelVersion(
            name="churn",
            version=number,
            bundle=f"b{number}",
            signature=Signature(layout="array", inputs=(), outputs=()),
            metrics={"auc": 0.8},
            datasets=(str(rows.ref),),
        )
        judged = Evaluation(
            model="churn",
            version=number,
            passed=passed,
            conditions=(condition,),
            slices=(_group("women", 0.7), _group("men", 0.8)),
            parents=(str(version.ref),),
            created_at=f"2026-01-0{number}",
        )
        ledger.append(version, judged)
    return folder


def _group(name: str, accuracy: float) -> Slice:
    figure = Figure(metric="accuracy", value=accuracy, ci=(accuracy - 0.1, accuracy + 0.1))
    return Slice(attribute="sex", group=name, rows=50, figures=(figure,))


def _expect(locator: Locator) -> Any:
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    return expect(locator)


def _panel(lab: Lab, page: Page, folder: Path) -> Locator:
    page.goto(f"{lab.url}/lab/tree/{folder.name}/n.ipynb?token={lab.token}&reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_role("tab", name="MLOps").click()
    return page.get_by_role("region", name="MLOps", exact=True)


def _answer(page: Page, button: str, reason: str = "") -> None:
    dialog = page.get_by_role("dialog")
    if reason:
        dialog.get_by_role("textbox").fill(reason)
    dialog.get_by_role("button", name=button).click()


def test_promote_override_and_roll_back(lab: Lab, page: Page, folder: Path) -> None:
    panel = _panel(lab, page, folder)
    first, second = (panel.get_by_role("listitem", name=f"churn/{number}") for number in (1, 2))

    panel.get_by_role("button", name="Promote churn/1").click()
    _answer(page, "Promote")
    _expect(first).to_contain_text("champion")

    panel.get_by_role("button", name="Promote churn/2").click()
    _answer(page, "Promote")
    _expect(page.get_by_role("dialog")).to_contain_text("auc >= 0.8: failed")
    _answer(page, "Override", "the old one is down")
    _expect(second).to_contain_text("champion")
    _expect(second).to_contain_text("Promoted against its gates: the old one is down")
    _expect(first).not_to_contain_text("champion")

    panel.get_by_role("button", name="Roll back churn/2").click()
    _answer(page, "Roll back", "worse")
    _expect(first).to_contain_text("champion")
    log = panel.get_by_role("region", name="Audit log")
    for line in ("model.promote churn/1", "model.override churn/2", "model.rollback churn/1"):
        _expect(log).to_contain_text(line)

    settings = project.load(folder)
    outcomes = [(event.action, event.reason) for event in audit.events(settings) if event.phase == "done"]
    assert outcomes == [
        ("model.promote", ""),
        ("model.override", "the old one is down"),
        ("model.rollback", "worse"),
    ]
    assert audit.verify(settings).intact


def test_a_version_from_near_by_keyboard(lab: Lab, page: Page, folder: Path) -> None:
    panel = _panel(lab, page, folder)
    version = panel.get_by_role("listitem", name="churn/2")
    version.locator("summary").first.focus()
    page.keyboard.press("Enter")
    gate = version.get_by_role("region", name="Gate for churn/2")
    _expect(gate).to_contain_text("auc >= 0.8")
    _expect(gate).to_contain_text("failed")
    picture = gate.get_by_role("img", name="95% interval 0.77 to 0.81; threshold 0.8")
    _expect(picture).to_be_visible()
    gate.locator("summary", has_text="By sex").focus()
    _expect(gate).to_contain_text("worst accuracy: women, 0.700 on 50 rows")
    page.keyboard.press("Enter")
    women = gate.get_by_role("row").filter(has_text="women")
    _expect(women).to_contain_text("worst")
    _expect(women.get_by_role("img", name="women: 0.700, 95% interval 0.600 to 0.800")).to_be_visible()
    frame, bar = panel.bounding_box(), picture.bounding_box()
    assert frame is not None
    assert bar is not None
    assert bar["width"] > frame["width"] / 2
    assert bar["x"] + bar["width"] <= frame["x"] + frame["width"]
    assert panel.evaluate("node => node.scrollWidth <= node.clientWidth"), "nothing stands out at the side"


def test_live_traffic_is_compared_and_its_report_opens(lab: Lab, page: Page, folder: Path) -> None:
    log = PredictionLog(folder / ".mlops" / "predictions.db")
    inputs = {"age": [float(age) + 500 for age in range(200)]}
    log.append(
        [Prediction(prediction_id="p", deployment="d", model="churn", version=1, rows=200, inputs=inputs)]
    )
    log.close()
    panel = _panel(lab, page, folder)
    drift = panel.get_by_role("region", name="Drift")
    _expect(drift).to_contain_text("Nothing was compared yet")
    drift.get_by_role("button", name="Compare the live traffic of churn").click()
    _expect(drift.get_by_role("status")).to_contain_text("drifted")
    _expect(drift.get_by_role("row").filter(has_text="age")).to_contain_text("drifted")
    drift.get_by_role("button", name="Open the report").click()
    report = page.frame_locator(".mlops-ReportFrame")
    _expect(report.locator("h2").first).to_be_visible()
    _expect(report.locator("body")).to_contain_text("age")
