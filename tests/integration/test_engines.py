"""Other engines than our own: the same record, the same cache, the same results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests import notebooks

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]

HEAVY = {
    "IPython", "mlflow", "nbclient", "nbformat", "numpy", "pandas", "papermill", "ploomber", "pyarrow", "ray", "rich", "sqlalchemy",
    "yaml",
}  # fmt: skip

CELLS = (
    "%%mlops params\nseed = 7",
    "%%mlops stage load\nrows = [float(x) for x in open('data.csv').read().split()]",
    "%%mlops stage left\nif seed == 8:\n    raise ValueError('not eight')\ntotal = sum(rows) + seed",
    "%%mlops stage right --memory 100MB\nbiggest = max(rows)",
    "%%mlops stage report\nresult = [total, biggest]\nprint('RESULT', result)",
)


@pytest.fixture
def notebook(workspace: Path) -> Path:
    (workspace / "data.csv").write_text("1 2 3\n")
    return notebooks.write(workspace / "small.ipynb", *CELLS)


def run(notebook: Path, *options: str, expected: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mlops", "run", str(notebook), "--json", *options],
        cwd=notebook.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def loaded(notebook: Path, engine: str) -> set[str]:
    """What a run with nothing to do has imported when it ends."""
    code = (
        "import sys\nfrom jupyter_mlops.interfaces.cli import main\ntry:\n    main()\nexcept SystemExit:\n"
        "    print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "run", str(notebook), "--engine", engine]
    done = subprocess.run(
        command, cwd=notebook.parent, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.splitlines()[-1].split())


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {stage["name"]: stage["status"] for stage in document["stages"]}


def printed(document: dict[str, Any], stage: str) -> str:
    (path,) = [found["executed"] for found in document["stages"] if found["name"] == stage]
    cells = json.loads(Path(path).read_text())["cells"]
    return "".join("".join(out.get("text", "")) for cell in cells for out in cell.get("outputs", ()))


def clusters() -> set[str]:
    """The processes of Ray clusters on this machine."""
    names = {path.parent.name: name_of(path) for path in Path("/proc").glob("[0-9]*/comm")}
    return {pid for pid, name in names.items() if name in ("raylet", "gcs_server")}


def name_of(comm: Path) -> str:
    try:
        return comm.read_text().strip()
    except OSError:  # it ended meanwhile
        return ""


@pytest.mark.parametrize("engine", ["ploomber", "ray"])
def test_what_another_engine_did_is_as_if_we_had_done_it(engine: str, notebook: Path) -> None:
    if find_spec(engine) is None and os.environ.get("CI") != "true":
        pytest.skip(f"{engine} is not installed (pip install 'jupyter-mlops[{engine}]')")
    before = clusters()
    first = run(notebook, "--engine", engine, "-p", "seed=8", expected=1)
    assert statuses(first) == {"load": "executed", "left": "failed", "right": "executed", "report": "skipped"}
    error = first["stages"][1]["error"]
    assert (error["type"], error["message"], error["cell"], error["line"]) == (
        "ValueError",
        "not eight",
        2,
        3,
    )
    assert "not eight" in Path(first["stages"][1]["executed"]).read_text()
    # What it left is good for us; what we leave is what the notebook says.
    second = run(notebook, "--engine", "local", expected=0)
    assert statuses(second) == {"load": "cached", "left": "executed", "right": "cached", "report": "executed"}
    assert printed(second, "report") == "RESULT [13.0, 3.0]\n"
    assert statuses(run(notebook, "--engine", engine, expected=0)) == dict.fromkeys(statuses(first), "cached")
    assert clusters() <= before
    assert loaded(notebook, engine) & HEAVY == set(), "nothing to do loads nothing heavy"


def test_an_engine_that_is_not_installed_is_named_with_the_command(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_mlops.errors import UsageError
    from jupyter_mlops.execution import engines

    monkeypatch.setattr(engines, "_is_installed", lambda _module: False)
    for engine in ("ploomber", "ray"):
        with pytest.raises(
            UsageError, match=f"needs {engine}, which isn't installed; pip install 'jupyter-mlops"
        ):
            engines.check(engine)
    engines.check("local")
    with pytest.raises(UsageError, match="did you mean ray"):
        engines.check("rya")
