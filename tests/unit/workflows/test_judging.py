"""What two builds have in common, where they part, and what is said to be behind it: decided from the evidence alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from jupyter_mlops.pipeline.comparison.values import Tolerance
from jupyter_mlops.records.provenance import Hardware
from jupyter_mlops.records.reproduction import Change, FirstDifference, ModelArray, Rebuilding
from jupyter_mlops.records.run import Environment, StageError, StageExecution
from jupyter_mlops.workflows.judging import Judging, compare_environments
from jupyter_mlops.workflows.laying import Laid
from jupyter_mlops.workflows.origin import Inputs
from jupyter_mlops.workflows.rebuild import Answer
from tests.notebooks import text

MACHINE = Hardware(processor="one", cores=2)
PLAIN = Environment(python="3.11.7", platform="linux", packages={"numpy": "2.0", "pandas": "3.0"})
SAME = ModelArray(path="model.coef_", status="identical", dtype="float64", shape=(3,))
OTHER = ModelArray(path="model.coef_", status="different", what="3 of 3 values differ")
CELLS = (
    ("import numpy as np", {"mlops": {"kind": "setup"}}),
    ("x = np.random.rand(3)", {"mlops": {"kind": "stage", "name": "draw"}}),
    ("import pandas\nmodel = x.sum()", {"mlops": {"kind": "stage", "name": "train"}}),
)


def an_origin(**changes: Any) -> Any:
    notebook = parse(text(*CELLS), "n.ipynb")
    pipeline = analyse(notebook)
    executions = {
        stage.name: StageExecution(
            key="k", pipeline="n", stage=stage.name, cells=stage.cells, run_id="r",
            source=notebook.cells[stage.cells[0]].source, metrics={"score": 0.5} if stage.name == "train" else {},
        )
        for stage in pipeline.stages
    }  # fmt: skip
    run = SimpleNamespace(run_id="r", hardware=MACHINE)
    known = {
        "model": "m",
        "environment": PLAIN,
        "metrics": {"score": 0.5},
        "stage": "train",
        "notebook": notebook,
        **changes,
    }
    return SimpleNamespace(label="m/1", run=run, pipeline=pipeline, executions=executions, **known)


def judged(answer=None, *, found=None, laid=(), tolerance=1e-6, used=MACHINE):
    defaults = {"environment": PLAIN, "metrics": {"score": 0.5}, "arrays": (SAME,), "bundle": "b"}
    inputs = Inputs(files={"rows.csv": "d"}, stages={"rows.csv": "draw"})
    where: Any = SimpleNamespace()
    made = Laid(root=where, notebook=where, changes=laid)
    judging = Judging(
        found or an_origin(),
        inputs,
        made,
        Answer(**{**defaults, **(answer or {})}),
        Tolerance(rtol=tolerance),
    )
    return judging.report(used, environment="current")


def test_the_same_everywhere_is_identical():
    report = judged()
    assert (report.status, report.first, report.causes, report.changes) == ("identical", None, (), ())
    assert [(figure.name, figure.status) for figure in report.metrics] == [("score", "identical")]


@pytest.mark.parametrize(
    "answer, status",
    [
        ({"metrics": {"score": 0.5 + 1e-9}}, "within tolerance"),
        ({"metrics": {"score": 0.6}}, "different"),
        ({"metrics": {}}, "different"),
        ({"metrics": {"score": 0.5, "more": 1.0}}, "different"),
        ({"arrays": (OTHER,)}, "different"),
        ({"other": ("model.depth: 3 on record, 4 rebuilt",)}, "different"),
        ({"bundle": ""}, "different"),
        ({"arrays": (), "notes": ("the recorded model can't be loaded here",)}, "different"),
        ({"failure": Rebuilding(stage="draw", error=StageError(type="E", message="m"))}, "failed"),
    ],
)
def test_the_worst_of_figures_arrays_and_the_rest_is_the_verdict(answer, status):
    assert judged(answer).status == status


def test_a_time_it_took_is_no_figure_of_the_model():
    found = an_origin(metrics={"fit_seconds": 1.0, "gate: latency_ms.p95": 4.0})
    report = judged({"metrics": {"fit_seconds": 2.0}}, found=found)
    assert [(figure.name, figure.status) for figure in report.metrics] == [("fit_seconds", "not compared")]
    assert report.status == "identical"


def test_where_no_variable_differs_the_stage_that_logged_is_where_it_enters():
    first = judged({"arrays": (OTHER,)}).first
    assert first == FirstDifference(stage="train", variable="model.coef_", what="3 of 3 values differ")
    first = judged({"other": ("model.depth: 3 on record, 4 rebuilt",)}).first
    assert first == FirstDifference(stage="train", variable="model.depth", what="3 on record, 4 rebuilt")
    first = judged({"metrics": {"score": 0.75}}).first
    assert first is not None
    assert (first.stage, first.variable) == ("train", "metric score")


def test_what_the_stage_imports_is_said_before_other_packages():
    used = Environment(
        python="3.11.7", platform="linux", packages={"numpy": "2.1", "pandas": "3.1", "zlib": "1"}
    )
    first = FirstDifference(stage="draw", variable="x", what="differs")
    report = judged({"environment": used, "arrays": (OTHER,), "first": first})
    assert report.causes == ("numpy is 2.1, it was 2.0",)
    assert [change.name for change in report.changes] == ["numpy", "pandas"]


def test_inputs_the_python_and_the_machine_are_causes_too():
    used = Environment(python="3.12.0", platform="linux", packages=PLAIN.packages)
    laid = (Change(kind="input", name="rows.csv", what="1 of 9 bytes differs"),)
    other = Hardware(processor="one", cores=8)
    report = judged({"environment": used, "arrays": (OTHER,)}, laid=laid, used=other)
    assert report.causes == (
        "input rows.csv, which stage draw reads: 1 of 9 bytes differs",
        "Python is 3.12.0, it was 3.11.7",
        "the machine is one, 8 cores, it was one, 2 cores",
    )


def test_where_nothing_is_otherwise_the_cells_that_draw_without_a_seed_are_named():
    first = FirstDifference(stage="draw", variable="x", what="differs")
    report = judged({"arrays": (OTHER,), "first": first, "states": ("stage draw: numpy's random state",)})
    assert report.causes[0] == "unequal from the first draw on: stage draw: numpy's random state"
    assert report.causes[1].startswith("cell 1, line 1: ")
    seeded = parse(text(CELLS[0], ("x = 1", CELLS[1][1]), CELLS[2]), "n.ipynb")
    report = judged({"arrays": (OTHER,), "first": first}, found=an_origin(notebook=seeded))
    assert report.causes == ("inputs and packages are those on record: the code doesn't do the same twice",)


def test_an_environment_without_what_is_not_needed_is_no_change():
    used = Environment(python="3.11.7", platform="linux", packages={"numpy": "2.0"})
    assert compare_environments(PLAIN, used) == ()
    (change,) = compare_environments(PLAIN, used, ["pandas"])
    assert (change.name, change.recorded, change.used) == ("pandas", "3.0", "")
