"""`make demo`, and the example notebook: run by a person, by us and by stock ploomber, it gives the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
NOTEBOOK = "employment.ipynb"
STAGES = ["load", "explore", "features", "baseline", "train", "evaluate", "report"]
# The gate's cell times the model; its figures differ from run to run. The card's is text, what is expected of the data
# is held against it by the stage that reads it. None is in the pipeline.
EXPECT_CELL, GATE_CELL, CARD_CELL = 5, 25, 27
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def example(folder: Path) -> Path:
    shutil.copytree(
        EXAMPLES, folder, ignore=shutil.ignore_patterns(".mlops", "reports", ".ipynb_checkpoints")
    )
    return folder


def typed(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def processes_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in str((process / "cwd").readlink()):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or isn't ours
            continue
    return found


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The project after the demo ran twice, and what it printed each time."""
    folder = example(tmp_path_factory.mktemp("demo") / "example_notebooks")
    first, second = (typed(folder, sys.executable, "demo.py") for _ in range(2))
    return folder, first, second


@pytest.fixture(scope="module")
def by_a_person(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The cells of the notebook after somebody ran all of them, from top to bottom, on a stock kernel."""
    folder = example(tmp_path_factory.mktemp("person") / "example_notebooks")
    typed(folder, sys.executable, "-m", "jupyter", "execute", "--inplace", NOTEBOOK)
    cells: list[dict[str, Any]] = json.loads((folder / NOTEBOOK).read_text())["cells"]
    return cells


def shown(cell: dict[str, Any]) -> list[tuple[str, str]]:
    """What a cell printed and displayed, plots byte for byte; of an estimator its text, for its HTML has random ids."""
    found = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            found.append((output["name"], "".join(output["text"])))
        else:
            texts = [(kind, ADDRESS.sub("", "".join(data))) for kind, data in sorted(output["data"].items())]
            found += [(kind, text) for kind, text in texts if "sk-estimator" not in text]
    return found


def outputs_by_cell(folder: Path) -> dict[int, list[tuple[str, str]]]:
    """What each of the notebook's cells showed in the executed notebooks of the stages in ``folder``."""
    found = {}
    for path in folder.glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            source = cell["metadata"].get("jupyter_mlops", {}).get("source_cell")
            if source is not None and cell["cell_type"] == "code":
                found[source] = shown(cell)
    return found


def assert_same(cells: list[dict[str, Any]], by_stage: dict[int, list[tuple[str, str]]]) -> None:
    code = {index for index, cell in enumerate(cells) if cell["cell_type"] == "code"}
    assert set(by_stage) == code - {EXPECT_CELL, GATE_CELL, CARD_CELL}
    for index, outputs in sorted(by_stage.items()):
        assert outputs == shown(cells[index]), f"cell {index}"


def test_the_demo_goes_all_the_way(demonstrated: tuple[Path, str, str]):
    folder, first, _ = demonstrated
    for told in (
        "employment/1: passed",
        "employment/1 is champion now",
        "serving employment/1",
        "10,083 people",
        "prediction ",
        "dataset census@",
        "what the model said",
        "decides most by AGEP",
        "the server has stopped",
        "What to type next",
    ):
        assert told in first
    for made in (
        ".mlops/compiled/employment/pipeline.yaml",
        ".mlops/mlflow.db",
        "reports/drift-2015-2018.html",
    ):
        assert (folder / made).is_file(), made
    assert processes_in(folder) == []


def test_a_second_demo_runs_nothing_again(demonstrated: tuple[Path, str, str]):
    _, _, second = demonstrated
    for stage in STAGES:
        assert f"{stage}: cached" in second or f"{stage:9} cached" in second, stage
    assert "employment/2" not in second


def test_the_pipeline_shows_what_the_notebook_shows(
    demonstrated: tuple[Path, str, str], by_a_person: list[dict[str, Any]]
):
    folder, _, _ = demonstrated
    (newest,) = sorted(folder.glob(".mlops/runs/*"))[-1:]
    assert_same(by_a_person, outputs_by_cell(newest / "pipeline/products"))
    gate = "".join(text for kind, text in shown(by_a_person[GATE_CELL]) if kind == "text/html")
    assert "accuracy &gt;= 0.77" in gate
    held = "".join(text for kind, text in shown(by_a_person[EXPECT_CELL]) if kind == "text/html")
    assert "census" in held
    card = "".join(text for kind, text in shown(by_a_person[CARD_CELL]) if kind == "text/markdown")
    assert card.startswith("Estimates from survey answers")


def test_stock_ploomber_shows_what_the_notebook_shows(by_a_person: list[dict[str, Any]], tmp_path: Path):
    folder = example(tmp_path / "example_notebooks")
    typed(folder, sys.executable, "-m", "jupyter_mlops", "compile", NOTEBOOK, "-o", "compiled")
    environment = {**os.environ, "PLOOMBER_STATS_ENABLED": "false", "PLOOMBER_VERSION_CHECK_DISABLED": "true"}
    built = subprocess.run(
        [str(Path(sys.executable).parent / "ploomber"), "build"],
        cwd=folder / "compiled",
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert_same(by_a_person, outputs_by_cell(folder / "compiled/products"))
