"""A model built again from the ledger and the object store alone: its folder is gone, a byte or a package is another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlops import settings
from jupyter_mlops.records.model import Retirement
from jupyter_mlops.store.opened import open_store
from tests.notebooks import write
from tests.wheels import wheel

pytestmark = pytest.mark.slow

ROWS = "a,b,y\n" + "".join(f"{i},{i * i % 7},{int(i % 3 == 0)}\n" for i in range(60))
# An environment from the index that pip is configured for: "0" where there is none.
FRESH = os.environ.get("JUPYTER_MLOPS_TEST_FRESH", "1")
PARTS = {"parts/one.txt": "3", "parts/two.txt": "4"}


def stage(name):
    return {"mlops": {"kind": "stage", "name": name}}


def a_package(folder: Path, version: str, factor: int) -> None:
    """Install a package of one module, as far as Python and the record look."""
    shutil.rmtree(folder, ignore_errors=True)
    info = folder / f"tinylib-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tinylib\nVersion: {version}\n")
    (folder / "tinylib.py").write_text(f"FACTOR = {factor}\n")


SETUP = """
import numpy as np
import tinylib
import jupyter_mlops as mlops
from helpers import scale

class Linear:
    def __init__(self, weights):
        self.weights = weights

    def predict(self, X):
        return np.asarray(X) @ self.weights
"""
LOAD = """
rows = np.loadtxt("../data/rows.csv", delimiter=",", skiprows=1)
asked = np.array(mlops.dataset("asked", {asked!r}).read_text().split(), dtype=float)
offset = sum(int(open(f"parts/{{name}}.txt").read()) for name in names)
"""
LOG = """
mlops.log_metrics({"error": float(np.abs(model.predict(X) - y).mean()), "fit_seconds": __import__("time").perf_counter()})
mlops.log_model(model, "tiny", example=X[:5], metrics={"rows": len(X)})
"""


def a_notebook(path: Path, asked: Path) -> None:
    write(
        path,
        (SETUP, {"mlops": {"kind": "setup"}}),
        ("strength = 1.0\nnames = ['one', 'two']", {"tags": ["parameters"]}),
        (LOAD.format(asked=str(asked)), stage("load")),
        ("print(len(rows))", stage("look")),
        ("X = scale(rows[:, :2]) + asked * offset\ny = rows[:, 2]", stage("features")),
        ("X[:, 0] = X[:, 0] * tinylib.FACTOR", stage("weigh")),
        ("model = Linear(np.linalg.lstsq(X, y * strength)[0])", stage("train")),
        (LOG, stage("log")),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose notebook was run once, with everything deleted that isn't the record."""
    root = tmp_path_factory.mktemp("project")
    library = tmp_path_factory.mktemp("library") / "site"
    a_package(library, "1.0", 2)
    beside = root / "notebooks"
    (beside / "parts").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "mlops.toml").touch()
    for name, text in PARTS.items():
        (beside / name).write_text(text)
    (root / "data" / "rows.csv").write_text(ROWS)
    (beside / "helpers.py").write_text("def scale(frame):\n    return frame / 10\n")
    asked = library.parent / "asked.txt"
    asked.write_text("0.5 1.5")
    a_notebook(beside / "tiny.ipynb", asked)
    done = mlops(root, library, "run", "notebooks/tiny.ipynb", "-p", "strength=0.5")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(beside)
    shutil.rmtree(root / "data")
    asked.unlink()
    return root, library


def mlops(root, library, *arguments, cwd=None):
    environment = {**os.environ, "PYTHONPATH": str(library)}
    command = [sys.executable, "-m", "jupyter_mlops", "--project", str(root), *arguments]
    return subprocess.run(
        command, cwd=cwd or root, env=environment, capture_output=True, text=True, check=False
    )


def reproduced(made, *options, kind="current"):
    done = mlops(*made, "reproduce", "tiny/1", "--environment", kind, "--json", *options)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_from_the_record_alone_every_figure_and_array_is_the_same(made, tmp_path):
    status, found = reproduced(made, "-o", str(tmp_path / "again"))
    assert (status, found["status"]) == (0, "identical"), found
    assert found["stages"] == ["load", "features", "weigh", "train", "log"]
    assert set(found["inputs"]) == {"../data/rows.csv", "helpers.py", *PARTS}
    figures = {figure["name"]: figure["status"] for figure in found["metrics"]}
    assert figures == {"error": "identical", "rows": "identical", "fit_seconds": "not compared"}
    arrays = {array["path"]: array["status"] for array in found["arrays"]}
    assert arrays == {"model.weights": "identical"}
    assert (found["changes"], found["first"], found["causes"], found["notes"]) == ([], None, [], [])
    laid = tmp_path / "again"
    assert (laid / "data/rows.csv").read_text() == ROWS
    assert json.loads((laid / "reproduction.json").read_text())["status"] == "identical"
    assert (laid / "notebooks/.mlops").exists() is False
    assert sorted(path.name for path in made[0].iterdir()) == [".mlops", "mlops.toml"]


def test_one_byte_of_an_input_is_named_with_where_the_difference_enters(made, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(ROWS.replace("\n31,", "\n37,", 1))
    status, found = reproduced(made, "--input", f"../data/rows.csv={other}")
    assert (status, found["status"]) == (1, "different")
    (change,) = found["changes"]
    assert (change["kind"], change["name"]) == ("input", "../data/rows.csv")
    assert change["what"].startswith(f"1 of {len(ROWS)} bytes differs, the first difference at byte ")
    assert (found["first"]["stage"], found["first"]["variable"], found["first"]["place"]) == (
        "load",
        "rows",
        "",
    )
    assert found["causes"] == [f"input ../data/rows.csv, which stage load reads: {change['what']}"]
    assert {array["path"]: array["status"] for array in found["arrays"]}["model.weights"] == "different"


def test_another_version_of_a_package_is_named_with_where_the_difference_enters(made, tmp_path):
    root, library = made
    a_package(library, "2.0", 3)
    try:
        shown = mlops(
            root, library, "reproduce", "tiny/1", "--environment", "current", "-o", str(tmp_path / "new")
        )
    finally:
        a_package(library, "1.0", 2)
    found = json.loads((tmp_path / "new" / "reproduction.json").read_text())
    assert (shown.returncode, found["status"]) == (1, "different")
    (change,) = found["changes"]
    assert (change["kind"], change["name"], change["recorded"], change["used"]) == (
        "package",
        "tinylib",
        "1.0",
        "2.0",
    )
    assert (found["first"]["stage"], found["first"]["variable"]) == ("weigh", "X")
    assert found["causes"] == ["tinylib is 2.0, it was 1.0"]
    assert "because: tinylib is 2.0, it was 1.0" in shown.stdout
    assert "first difference: stage weigh, X: 60 of 120 values differ" in shown.stdout


def test_a_stored_content_that_was_changed_is_refused_by_name(made):
    root, _ = made
    store = open_store(settings.Settings(root=root))
    (run,) = store.ledger.find("run")
    (load,) = [store.ledger.get(ref) for ref in run.parents if "tiny.load@" in ref]
    place = store.objects.path(load.kept["../data/rows.csv"])  # type: ignore[attr-defined]
    before = place.read_bytes()
    place.chmod(0o644)
    try:
        place.write_bytes(before.replace(b"1", b"2", 1))
        status, said = reproduced(made)
    finally:
        place.write_bytes(before)
        place.chmod(0o444)
    assert status == 1
    assert "input ../data/rows.csv of stage load: its stored content" in said


def test_a_version_that_gc_took_away_is_built_again_and_its_figures_are_compared(made, tmp_path):
    root, library = made
    taken = tmp_path / "taken"
    shutil.copytree(root, taken)
    store = open_store(settings.Settings(root=taken))
    (version,) = store.ledger.find("model")
    bundle = version.bundle  # type: ignore[attr-defined]
    shutil.rmtree(taken / ".mlops" / "bundles", ignore_errors=True)
    place = taken / ".mlops" / "objects" / bundle[:2] / bundle
    place.unlink()
    missed = mlops(taken, library, "reproduce", "tiny/1", "--environment", "current")
    assert (missed.returncode, "no bundle" in missed.stderr) == (2, True)
    store.ledger.append(Retirement(name="tiny", version=1, cause="collected", reason="not needed"))
    shown = mlops(taken, library, "reproduce", "tiny/1", "--environment", "current")
    assert shown.returncode == 0, shown.stderr
    assert "the model on record was taken away by models gc" in shown.stdout
    assert "3 figures and what the stages hand on (not the model itself) are those on record" in shown.stdout


def test_a_package_that_cannot_be_installed_is_one_line(made):
    status, said = reproduced(made, "--all-packages", kind="fresh")
    assert status == 1
    assert said.strip().splitlines()[-1].startswith("error: ")
    assert "tinylib==1.0" in said
    assert "can't be installed" in said
    assert "Traceback" not in said


@pytest.mark.skipif(FRESH == "0", reason="no index to install from (JUPYTER_MLOPS_TEST_FRESH=0)")
def test_in_a_new_environment_from_the_lock_every_array_is_the_same(made, tmp_path, monkeypatch):
    index = tmp_path / "index"
    wheel(index, "tinylib", "1.0", "FACTOR = 2\n")
    wheel(index, "tinylib", "2.0", "FACTOR = 3\n")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{os.environ.get('PIP_FIND_LINKS', '')} {index}")
    status, found = reproduced(made, kind="fresh")
    assert (status, found["status"]) == (0, "identical"), found
    assert (found["environment"], found["changes"], found["notes"]) == ("fresh", [], [])
    assert {array["path"]: array["status"] for array in found["arrays"]} == {"model.weights": "identical"}
