"""The example notebook, opened in JupyterLab and run cell by cell by a person; nothing in it is touched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.conftest import Lab

pytestmark = [pytest.mark.slow, pytest.mark.browser]

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
# Where to leave a picture of what the test saw (docs/pictures/lab.png is made so); nowhere by default.
PICTURE = os.environ.get("LAB_PICTURE", "")


def test_run_cell_by_cell(lab: Lab, page: Page):
    from playwright.sync_api import expect

    folder = lab.root / "example"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns(".mlops", "reports"))
    page.goto(f"{lab.url}/lab/tree/example/employment.ipynb?token={lab.token}&reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_role("tab", name="MLOps").click()
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Python 3 (ipykernel) | Idle", timeout=60_000)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Escape")
    active = page.locator(".jp-Notebook .jp-Cell.jp-mod-active")
    cells = json.loads((folder / "employment.ipynb").read_text())["cells"]
    executed = 0
    for index, cell in enumerate(cells):
        expect(active).to_have_attribute("data-windowed-list-index", str(index))
        page.keyboard.press("Control+Enter")
        if cell["cell_type"] == "code":
            executed += 1
            expect(active.locator(".jp-InputPrompt")).to_have_text(f"[{executed}]:", timeout=60_000)
        if index < len(cells) - 1:
            page.keyboard.press("ArrowDown")
    expect(active).to_contain_text("really employed")
    expect(page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)
    panel = page.get_by_role("region", name="MLOps")
    panel.locator('[data-stage="evaluate"]').click()
    gate = page.locator(".jp-Notebook .jp-CodeCell", has_text="gate employment").last
    gate.scroll_into_view_if_needed()
    expect(gate.locator(".jp-OutputArea")).to_contain_text("accuracy >= 0.77")
    widths = [
        box["width"]
        for cell in gate.locator("tbody tr").first.locator("td").all()
        if (box := cell.bounding_box())
    ]
    assert widths[0] == max(widths), "the condition has the most room"
    if PICTURE:
        panel.get_by_role("button", name="Run", exact=True).click()
        expect(panel.locator("[data-run-status]")).to_have_text("Succeeded", timeout=240_000)
        page.screenshot(path=PICTURE)
