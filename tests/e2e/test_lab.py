"""What a person does in JupyterLab, in a real JupyterLab and a real browser: one test a story."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.e2e.conftest import Lab

pytestmark = [pytest.mark.slow, pytest.mark.browser]

RUN_MS = 120_000


def _cell(source: str, tag: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata = {"mlops": tag} if tag else {}
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def _stage(name: str) -> dict[str, Any]:
    return {"kind": "stage", "name": name}


def _write(folder: Path, name: str, *cells: dict[str, Any]) -> Path:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    numbered = [{"id": f"cell-{i}", **cell} for i, cell in enumerate(cells)]
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": numbered}
    path = folder / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _open(page: Page, lab: Lab, notebook: Path) -> Locator:
    """Open the notebook and the panel; return the panel."""
    path = notebook.relative_to(lab.root).as_posix()
    page.goto(f"{lab.url}/lab/tree/{path}?token={lab.token}&reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_role("tab", name="MLOps").click()
    return page.get_by_role("region", name="MLOps")


def _stage_button(panel: Locator, name: str) -> Locator:
    return panel.locator(f'[data-stage="{name}"]')


def _tag(page: Page, cell: int, kind: str, name: str = "") -> None:
    """Choose a tag in the dialog behind the cell's toolbar."""
    page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".cm-content").click()
    page.get_by_role("button", name="Tag this cell for the pipeline").click()
    page.get_by_role("radio", name=re.compile(f"^{kind}")).check()
    if name:
        page.get_by_role("dialog").get_by_role("combobox").fill(name)
    page.get_by_role("button", name="Tag", exact=True).click()


def _save(page: Page) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    page.locator(".jp-mod-dirty").first.wait_for(state="detached")


def _expect(locator: Locator) -> Any:
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    return expect(locator)


def test_the_server_works_beside_ploomber(lab: Lab) -> None:
    assert lab.get("/api/contents") == 200


def test_the_panel_says_what_to_do_where_no_notebook_is_open(lab: Lab, page: Page) -> None:
    page.goto(f"{lab.url}/lab?token={lab.token}&reset")
    page.get_by_role("tab", name="MLOps").click()
    _expect(page.get_by_role("region", name="MLOps")).to_contain_text("No notebook open")


def test_the_panel_shows_the_graph_of_the_open_notebook(lab: Lab, page: Page) -> None:
    notebook = _write(
        lab.root,
        "graph.ipynb",
        _cell("rows = [3, 1, 2]", _stage("load")),
        _cell("ordered = sorted(rows)", _stage("sort")),
        _cell("largest = max(rows)", _stage("peak")),
        _cell("print(ordered, largest)", _stage("report")),
    )
    panel = _open(page, lab, notebook)
    for name in ("load", "sort", "peak", "report"):
        _expect(_stage_button(panel, name)).to_have_attribute("data-status", "none")
    boxes = {name: _stage_button(panel, name).bounding_box() for name in ("load", "sort", "peak", "report")}
    frame = panel.locator(".mlops-Graph").bounding_box()
    assert frame is not None
    for box in boxes.values():
        assert box is not None
        assert box["width"] > 60
        assert box["x"] >= frame["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
        assert box["y"] + box["height"] <= frame["y"] + frame["height"]
    _expect(panel.locator(".react-flow__edge-text", has_text="rows")).to_have_count(2)

    _stage_button(panel, "report").click()
    _expect(page.locator(".jp-Notebook .jp-Cell").nth(3)).to_have_class(re.compile("jp-mod-active"))


def test_tagging_a_cell_changes_the_graph_and_the_saved_notebook(lab: Lab, page: Page) -> None:
    notebook = _write(
        lab.root,
        "tagging.ipynb",
        _cell("limit = 3"),
        _cell("rows = list(range(limit))", _stage("load")),
        _cell("total = sum(rows)"),
        _cell("%%mlops stage report --retries 1\nprint(total)"),
    )
    panel = _open(page, lab, notebook)
    _expect(_stage_button(panel, "load")).to_be_visible()

    page.locator(".jp-Notebook .jp-Cell").nth(2).locator(".cm-content").click()
    page.get_by_role("button", name="Tag this cell for the pipeline").click()
    page.keyboard.type("add up")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    _expect(alert).to_contain_text("can't name a stage")
    page.get_by_role("dialog").get_by_role("combobox").fill("add")
    page.get_by_role("button", name="Tag", exact=True).click()
    _expect(_stage_button(panel, "add")).to_be_visible()
    _expect(page.locator(".jp-Notebook .jp-Cell").nth(2)).to_have_attribute("data-mlops-badge", "add")

    _tag(page, 0, "Parameters")
    _tag(page, 3, "Stage", "show")
    _expect(_stage_button(panel, "show")).to_be_visible()
    _expect(panel.get_by_label("Parameters")).to_contain_text("limit")
    _save(page)
    cells = json.loads(notebook.read_text())["cells"]
    assert cells[0]["metadata"]["tags"] == ["parameters"]
    assert cells[2]["metadata"]["mlops"] == {"kind": "stage", "name": "add"}
    assert "".join(cells[3]["source"]) == "%%mlops stage show --retries 1\nprint(total)"
    assert "mlops" not in cells[3]["metadata"]

    _tag(page, 2, "No tag")
    _expect(_stage_button(panel, "add")).to_have_count(0)


def test_findings_are_shown_and_lead_to_their_cell(lab: Lab, page: Page) -> None:
    notebook = _write(
        lab.root,
        "findings.ipynb",
        _cell("rows = [1]", _stage("load")),
        _cell("source = open('rows.csv', 'w')", _stage("open")),
        _cell("source.write(str(rows))", _stage("write")),
    )
    panel = _open(page, lab, notebook)
    findings = panel.get_by_role("list", name="Findings in the notebook")
    _expect(findings).to_contain_text("source")
    _expect(panel.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    findings.get_by_role("button", name=re.compile("Go to cell")).first.click()
    _expect(page.locator(".jp-Notebook .jp-Cell.jp-mod-active")).to_contain_text("source")


def test_run_shows_live_status_and_then_the_cache(lab: Lab, page: Page) -> None:
    notebook = _write(
        lab.root,
        "run.ipynb",
        _cell("rows = [3, 1, 2]", _stage("load")),
        _cell("import time\ntime.sleep(2)\nlargest = max(rows)", _stage("peak")),
    )
    panel = _open(page, lab, notebook)
    run = panel.get_by_role("button", name="Run", exact=True)
    run.click()
    _expect(_stage_button(panel, "peak")).to_have_attribute("data-status", "running", timeout=RUN_MS)
    _expect(_stage_button(panel, "load")).to_have_attribute("data-status", "executed")
    _expect(panel.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    _expect(_stage_button(panel, "peak")).to_have_attribute("data-status", "executed", timeout=RUN_MS)
    _expect(panel.locator("[data-run-status]")).to_have_text("Succeeded", timeout=RUN_MS)
    _expect(panel.get_by_role("status")).to_have_text("Run succeeded: 2 stages.")

    run.click()
    for name in ("load", "peak"):
        _expect(_stage_button(panel, name)).to_have_attribute("data-status", "cached", timeout=RUN_MS)
    _expect(panel.locator("[data-run-status]")).to_have_text("Succeeded", timeout=RUN_MS)

    page.reload()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    _expect(_stage_button(panel, "peak")).to_have_attribute("data-status", "cached")


def test_a_failing_stage_shows_its_cell_and_line(lab: Lab, page: Page) -> None:
    notebook = _write(
        lab.root,
        "failing.ipynb",
        _cell("rows = [0]", _stage("load")),
        _cell("total = sum(rows)\nmean = 1 / total", _stage("mean")),
        _cell("print(mean)", _stage("report")),
    )
    panel = _open(page, lab, notebook)
    panel.get_by_role("button", name="Run", exact=True).click()
    _expect(panel.locator("[data-run-status]")).to_have_text("Failed", timeout=RUN_MS)
    _expect(_stage_button(panel, "mean")).to_have_attribute("data-status", "failed")
    _expect(_stage_button(panel, "report")).to_have_attribute("data-status", "skipped")
    row = panel.locator('[data-stage-row="mean"]')
    _expect(row).to_contain_text("ZeroDivisionError")
    row.get_by_role("button", name="Go to cell 1, line 2").click()
    _expect(page.locator(".jp-Notebook .jp-Cell").nth(1)).to_have_class(re.compile("jp-mod-active"))


def test_a_run_can_be_stopped(lab: Lab, page: Page) -> None:
    notebook = _write(lab.root, "stop.ipynb", _cell("import time\ntime.sleep(600)", _stage("wait")))
    panel = _open(page, lab, notebook)
    panel.get_by_role("button", name="Run", exact=True).click()
    _expect(_stage_button(panel, "wait")).to_have_attribute("data-status", "running", timeout=RUN_MS)
    panel.get_by_role("button", name="Stop", exact=True).click()
    _expect(panel.locator("[data-run-status]")).to_have_text("Failed", timeout=RUN_MS)
    _expect(panel).to_contain_text("the run was stopped")


def test_the_keyboard_reaches_every_stage(lab: Lab, page: Page) -> None:
    notebook = _write(
        lab.root,
        "keyboard.ipynb",
        _cell("rows = [1]", _stage("load")),
        _cell("total = sum(rows)", _stage("add")),
    )
    panel = _open(page, lab, notebook)
    _expect(_stage_button(panel, "add")).to_be_visible()
    panel.get_by_role("button", name="Run", exact=True).focus()
    page.keyboard.press("Tab")
    _expect(_stage_button(panel, "load")).to_be_focused()
    page.keyboard.press("Tab")
    _expect(_stage_button(panel, "add")).to_be_focused()
    page.keyboard.press("Enter")
    _expect(page.locator(".jp-Notebook .jp-Cell").nth(1)).to_have_class(re.compile("jp-mod-active"))
