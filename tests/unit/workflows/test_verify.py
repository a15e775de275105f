"""What two runs left is compared in page order; whose a difference is, is found by running again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_mlops.errors import NotebookError, UsageError
from jupyter_mlops.pipeline.comparison.snapshot import Logged
from jupyter_mlops.pipeline.comparison.values import Tolerance
from jupyter_mlops.records.run import StageError
from jupyter_mlops.settings import Settings
from jupyter_mlops.workflows import build, sides, verify
from jupyter_mlops.workflows.sandbox import Sandbox
from tests.notebooks import write

EXACT = Tolerance()


def printed(text):
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def warned(text):
    return [{"output_type": "stream", "name": "stderr", "text": f"/a.py:1: UserWarning: {text}\n"}]


def side(outputs, **changes):
    values: dict[str, Any] = {"seconds": 1.0, "outputs": outputs, **changes}
    return sides.Side(**values)


@pytest.fixture
def subject(tmp_path):
    path = write(
        tmp_path / "n.ipynb",
        ("import math", {"mlops": {"kind": "setup"}}),
        ("seed = 1", {"tags": ["parameters"]}),
        ("x = 1", {"mlops": {"kind": "stage", "name": "load"}}),
        ("y = x", {"mlops": {"kind": "stage", "name": "train"}}),
        ("!ls", {"mlops": {"kind": "skip"}}),
    )
    notebook, pipeline = build.load(path)
    return sides.Subject(path, notebook, pipeline, {"seed": 7, "nan": float("nan")})


def differences(subject, notebook, pipeline):
    return [(d.stage, d.cell) for d in verify._output_differences(subject, notebook, pipeline, EXACT)]


def test_output_is_compared_cell_by_cell_in_page_order(subject):
    notebook = side({"": {0: [], 2: printed("a"), 3: printed("b")}})
    assert differences(subject, notebook, side({"load": {2: printed("a")}, "train": {3: printed("b")}})) == []
    changed = side({"load": {2: printed("A")}, "train": {3: printed("B")}})
    assert differences(subject, notebook, changed) == [("load", 2), ("train", 3)]
    assert differences(subject, notebook, side({"": {0: [], 2: printed("a"), 3: []}})) == [("train", 3)]


def test_a_setup_cell_may_warn_once_a_process(subject):
    notebook = side({"": {0: warned("w") + printed("v"), 2: [], 3: warned("w")}})
    setup = warned("w") + printed("v")
    pipeline = side({"load": {0: setup, 2: []}, "train": {0: setup, 3: warned("w")}})
    assert differences(subject, notebook, pipeline) == []
    other = side({"load": {0: setup, 2: []}, "train": {0: printed("V"), 3: []}})
    assert differences(subject, notebook, other) == [("train", 0)]


def test_figures_and_versions_are_compared(subject):
    mine = Logged(metrics={"a": 1.0, "b": 2.0}, datasets=(("d", "1"),), models=("m",))
    found = Logged(metrics={"a": 1.5, "c": 2.0}, datasets=(("d", "2"),), models=("m", "m"))
    notebook, pipeline = side({"": {}}, logged=mine), side({}, logged=found)
    told = [(d.kind, d.name) for d in verify._logged_differences(notebook, pipeline, EXACT)]
    assert told == [
        ("metric", "a"),
        ("metric", "b"),
        ("metric", "c"),
        ("logged", "datasets"),
        ("logged", "models"),
    ]
    assert list(verify._logged_differences(notebook, side({}, logged=mine), EXACT)) == []


class Rehearsed(verify._Verifying):
    """A verification whose runs have been made: what they left is given."""

    def __init__(self, subject, pipelines, notebooks):
        super().__init__(subject, Sandbox(Path(), Settings(root=Path())), EXACT, None, lambda *_: None)
        self._pipelines, self._notebooks = iter(pipelines), iter(notebooks)

    def _pipeline(self):
        return next(self._pipelines)

    def _notebook(self, pipeline, label):
        return next(self._notebooks)


def left(text, **changes):
    return side({"load": {2: printed(text)}, "train": {3: []}}, **changes)


def shown(text, **changes):
    return side({"": {2: printed(text), 3: []}}, **changes)


def test_nothing_is_run_again_where_nothing_differs(subject):
    assert Rehearsed(subject, [left("a")], [shown("a")]).go().status == "same"


def test_a_difference_is_the_pipelines_where_the_notebook_agrees_with_itself(subject):
    found = Rehearsed(subject, [left("b"), left("b")], [shown("a"), shown("a")]).go()
    assert found.status == "differs"
    assert [(d.stage, d.cell, d.by_itself) for d in found.differences] == [("load", 2, False)]


def test_a_notebook_that_differs_from_itself_is_told_so(subject):
    found = Rehearsed(subject, [left("b")], [shown("a"), shown("c")]).go()
    assert found.status == "not deterministic"
    assert found.differences[0].by_itself
    assert "in the first run" in found.own_differences[0].what


def test_what_the_notebook_does_by_itself_excuses_nothing_else(subject):
    other = side({"load": {2: printed("b")}, "train": {3: printed("!")}})
    found = Rehearsed(subject, [other], [shown("a"), shown("c")]).go()
    assert found.status == "differs"
    assert [d.by_itself for d in found.differences] == [True, False]


def test_a_cell_that_shows_the_time_is_compared_in_all_else(subject):
    runs = [shown("took 1\nresult 5"), shown("took 2\nresult 5")]
    assert Rehearsed(subject, [left("took 3\nresult 5")], runs).go().status == "not deterministic"
    found = Rehearsed(subject, [left("took 3\nresult 6")], runs).go()
    assert found.status == "differs"
    assert "'result 5' in the notebook" in found.differences[0].what


def test_files_of_the_first_run_are_no_difference(subject):
    assert (
        Rehearsed(subject, [left("made"), left("found")], [shown("found"), shown("found")]).go().status
        == "same"
    )


def test_a_notebook_that_cannot_be_run_twice_is_told_so(subject):
    error = StageError(type="FileExistsError", message="x", cell=2)
    found = Rehearsed(subject, [left("b")], [shown("a"), shown("a", error=error)]).go()
    assert found.status == "not deterministic"
    assert "the second run fails: FileExistsError" in found.own_differences[0].what


def test_a_failure_is_the_notebooks_or_only_the_pipelines(subject):
    error = StageError(type="ValueError", message="x", cell=2)
    both = Rehearsed(subject, [left("a", error=error)], [shown("a", error=error)]).go()
    assert (both.status, both.failure and both.failure.of) == ("failed", "notebook")
    one = Rehearsed(subject, [left("a", error=error, failed_stage="load")], [shown("a")]).go()
    assert (one.status, one.failure and one.failure.stage) == ("differs", "load")


def test_a_verification_is_a_document(subject):
    found = Rehearsed(subject, [left("b")], [shown("a"), shown("c")]).go()
    document = json.loads(msgspec.json.encode(found))
    assert document["status"] == "not deterministic"
    assert document["differences"][0]["kind"] == "output"


def test_the_stock_run_has_the_notebooks_cells_and_the_parameters_given(subject, tmp_path):
    cells = sides._stock_cells(subject, {"load": ("x",)}, tmp_path)
    assert [cell.source for cell in cells if cell.index is not None] == [
        "import math",
        "seed = 1",
        "x = 1",
        "y = x",
    ]
    assert "seed = 7\nnan = float('nan')" in [cell.source for cell in cells]
    assert [cell.index for cell in cells if ".take(" in cell.afterwards] == [2]


def test_every_run_has_an_empty_project_at_one_path(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_MLOPS_STORE", "sqlite:///elsewhere.db")
    box = Sandbox(tmp_path, Settings(root=tmp_path, store="x", warm_kernels=False))
    with box.fresh() as (one, environment):
        (one / "left").touch()
    assert environment["JUPYTER_MLOPS_STORE"] == "sqlite:///.mlops/mlops.db"
    assert environment["JUPYTER_MLOPS_WARM_KERNELS"] == "false"
    with box.fresh() as (two, _):
        assert (one, []) == (two, list(two.iterdir()))
    assert box.earlier.is_dir()


def test_bad_input_is_refused_before_anything_runs(tmp_path):
    path = write(tmp_path / "n.ipynb", "x = 1")
    with pytest.raises(UsageError, match="tolerance"):
        verify.verify(path, rtol=-1)
    with pytest.raises(UsageError, match="parameter"):
        verify.verify(path, params={"nope": "1"})
    with pytest.raises(NotebookError):
        verify.verify(tmp_path / "missing.ipynb")
