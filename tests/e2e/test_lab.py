"""What a person does in JupyterLab, in a real JupyterLab and a real browser: one test a story."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CHROMIUM = shutil.which("chromium")
TOKEN = "e2e"  # noqa: S105 - of a server that lives for these tests
START = 60.0
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Lab:
    """A JupyterLab of its own: its folder, its address."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root = root
        self._state = state
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> subprocess.Popen[bytes]:
        own = {
            name: str(self._state / name.lower())
            for name in (
                "JUPYTER_CONFIG_DIR",
                "JUPYTER_DATA_DIR",
                "JUPYTER_RUNTIME_DIR",
                "IPYTHONDIR",
                "HOME",
            )
        }
        for folder in own.values():
            Path(folder).mkdir(parents=True)
        self._settle(Path(own["JUPYTER_CONFIG_DIR"]))
        options = [
            "--no-browser",
            "--allow-root",
            f"--ServerApp.port={self._port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.root}",
        ]
        with (self._state / "lab.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                cwd=self.root,
                env={**os.environ, **own},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.request("GET", path, headers={"Authorization": f"token {TOKEN}"})
        status = connection.getresponse().status
        connection.close()
        return status

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        # A server says that it is ready only by answering.
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            assert process.poll() is None, (self._state / "lab.log").read_text()
            try:
                self.get("/api")
            except (OSError, HTTPException):
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"no JupyterLab after {START} s:\n" + (self._state / "lab.log").read_text())

    @staticmethod
    def _settle(config: Path) -> None:
        folder = config / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True)
        (folder / "notification.jupyterlab-settings").write_text(
            '{"fetchNews": "false", "checkForUpdates": false}'
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = Lab(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("state"))
    process = server.start()
    try:
        server.wait(process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        missing = "chromium is not installed (apt-get install chromium)"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1360, "height": 900})
    tab.set_default_timeout(30_000)
    yield tab
    tab.close()


def _open(page: Page, lab: Lab, notebook: Path) -> Locator:
    """Open the notebook and the panel; return the panel."""
    path = notebook.relative_to(lab.root).as_posix()
    page.goto(f"{lab.url}/lab/tree/{path}?token={TOKEN}&reset")
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
    page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
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
