"""The compiled folder under stock tools: the notebook's own figures, without a word of ours to run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.workflows.compile import compile_notebook
from tests import notebooks

pytestmark = pytest.mark.slow

CELLS = (
    "%%mlops params\nseed = 7",
    "%%mlops setup\nimport random\nclass Model:\n    def __init__(self): self.weights = []\ndef double(x):\n    return 2 * x",
    "%%mlops stage load\nrows = [float(x) for x in open('data.csv').read().split()]\nview = rows",
    "%%mlops stage grow\nview.append(seed)\nfactor = 3",
    """%%mlops stage train --after grow
model = Model()
model.weights += [double(r) * factor for r in rows]
def predict(x):
    return x * model.weights[0]""",
    """%%mlops stage report
assert type(model) is Model
model.weights[0] = 10.0
result = [len(rows), sum(model.weights), predict(2)]
print('RESULT', result)""",
)


@pytest.fixture
def notebook(workspace: Path) -> Path:
    (workspace / "data.csv").write_text("1 2 3\n")
    return notebooks.write(workspace / "small.ipynb", *CELLS)


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PLOOMBER_STATS_ENABLED": "false",
        "PLOOMBER_VERSION_CHECK_DISABLED": "true",
    }


def call(*command: str, folder: Path, expected: int = 0) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout + done.stderr


def result_in(executed: Path) -> str:
    document: dict[str, Any] = json.loads(executed.read_text())
    text = "".join(
        "".join(output.get("text", "")) for cell in document["cells"] for output in cell.get("outputs", ())
    )
    return text.partition("RESULT ")[2].partition("\n")[0]


def top_to_bottom(folder: Path) -> str:
    """Run the notebook's cells as a person would, in one process."""
    code = "\n".join(cell.partition("\n")[2] for cell in CELLS)
    return call(sys.executable, "-c", code, folder=folder).partition("RESULT ")[2].partition("\n")[0]


def test_stock_papermill_runs_each_stage(notebook: Path) -> None:
    folder = compile_notebook(notebook)
    for stage in ("load", "grow", "train", "report"):
        call("papermill", f"{stage}.ipynb", f"{stage}-out.ipynb", folder=folder)
    assert result_in(folder / "report-out.ipynb") == top_to_bottom(notebook.parent)
    call("papermill", "grow.ipynb", "out.ipynb", "-p", "seed", "8", folder=folder)
    call("papermill", "train.ipynb", "out.ipynb", "-f", "params.yaml", folder=folder)
    errors = call("papermill", f"{folder.name}/load.ipynb", "out.ipynb", folder=notebook.parent, expected=1)
    assert "not the compiled folder" in errors
    call("papermill", f"{folder.name}/load.ipynb", "out.ipynb", "--cwd", folder.name, folder=notebook.parent)


def test_stock_ploomber_builds_it(notebook: Path) -> None:
    if not (Path(sys.executable).parent / "ploomber").exists() and os.environ.get("CI") != "true":
        pytest.skip("ploomber is not installed (pip install 'jupyter-mlops[ploomber]')")
    folder = compile_notebook(notebook, notebook.parent / "deep" / "compiled")
    call("ploomber", "build", folder=folder)
    assert result_in(folder / "products" / "report.ipynb") == top_to_bottom(notebook.parent)


def test_compiling_again_changes_nothing_and_clears_up_after_itself(notebook: Path) -> None:
    folder = compile_notebook(notebook)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "mine.ipynb").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    assert compile_notebook(notebook) == folder
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before
    document = json.loads(notebook.read_text())
    document["cells"].pop()
    notebook.write_text(json.dumps(document))
    compile_notebook(notebook)
    assert sorted({path.name for path in folder.iterdir()} ^ set(before)) == [
        "mine.ipynb",
        "notes.txt",
        "report.ipynb",
    ]
    locked = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in locked if not line.startswith("#"))
    assert not any("://" in line for line in locked)
