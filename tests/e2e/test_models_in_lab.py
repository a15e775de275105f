"""Model versions in the sidebar: promote, be blocked by a gate, override with a reason, roll back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Signature
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import audit
from tests import notebooks

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import Lab

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def folder(lab: Lab) -> Path:
    """A project with two versions of a model: the second one's gate failed."""
    folder = lab.root / "churn"
    folder.mkdir()
    (folder / "mlops.toml").write_text('mlflow_sync = "off"\n')
    notebooks.write(folder / "n.ipynb", "%%mlops stage one\nx = 1")
    ledger = open_store(project.load(folder)).ledger
    for number, passed in ((1, True), (2, False)):
        condition = ConditionResult(text="auc >= 0.8", status="passed" if passed else "failed", value=0.79)
        version = ModelVersion(
            name="churn",
            version=number,
            bundle=f"b{number}",
            signature=Signature(layout="array", inputs=(), outputs=()),
            metrics={"auc": 0.8},
        )
        judged = Evaluation(
            model="churn",
            version=number,
            passed=passed,
            conditions=(condition,),
            parents=(str(version.ref),),
            created_at=f"2026-01-0{number}",
        )
        ledger.append(version, judged)
    return folder


def _expect(locator: Locator) -> Any:
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    return expect(locator)


def _answer(page: Page, button: str, reason: str = "") -> None:
    dialog = page.get_by_role("dialog")
    if reason:
        dialog.get_by_role("textbox").fill(reason)
    dialog.get_by_role("button", name=button).click()


def test_promote_override_and_roll_back(lab: Lab, page: Page, folder: Path) -> None:
    page.goto(f"{lab.url}/lab/tree/churn/n.ipynb?token={lab.token}&reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_role("tab", name="MLOps").click()
    panel = page.get_by_role("region", name="MLOps", exact=True)
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
