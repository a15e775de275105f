"""A reproduction in a terminal: many arrays in few lines, what differs in words."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from jupyter_mlops.interfaces.cli import _reproduce_view as view
from jupyter_mlops.records.reproduction import (
    Change,
    Figure,
    FirstDifference,
    ModelArray,
    Rebuilding,
    Reproduction,
)
from jupyter_mlops.records.run import StageError


def array(path, status="identical", **changes):
    return ModelArray(path=path, status=status, dtype="float64", shape=(2,), **changes)


def shown(report):
    stream = io.StringIO()
    view.summary(Console(file=stream, width=60, highlight=False), report)
    return stream.getvalue()


def test_arrays_of_a_kind_are_a_line_and_only_what_varies_is_left_open():
    arrays = [array(f"model.steps[1].trees[{n}].nodes") for n in range(40)]
    assert view.grouped([*arrays, array("model.coef_")]) == [
        ("model.steps[1].trees[*].nodes (40 arrays)", "identical", ""),
        ("model.coef_", "identical", " (float64 [2])"),
    ]


def test_of_many_that_differ_a_few_stand_alone():
    arrays = [
        array(f"model.t[{n}]", "different" if n % 2 else "identical", what="w" * (n % 2)) for n in range(20)
    ]
    lines = view.grouped(arrays)
    assert lines[0] == ("model.t[*] (10 arrays)", "identical", "")
    assert [line[0] for line in lines[1:]] == [
        "model.t[1]", "model.t[3]", "model.t[5]", "model.t[*] (7 more arrays)",
    ]  # fmt: skip


def test_the_report_says_what_it_rests_on_and_what_is_behind_a_difference():
    report = Reproduction(
        model="m/1", status="different", environment="fresh", run_id="r", stages=("load", "train"),
        inputs=("[bold]rows.csv",), metrics=(Figure(name="score", status="identical", recorded=0.5, rebuilt=0.5),),
        arrays=(array("model.coef_", "different", what="2 of 2 values differ"),),
        changes=tuple(Change(kind="package", name=f"p{n}", recorded="1", used="2") for n in range(20)),
        first=FirstDifference(stage="load", variable="rows", place="['a']", what="1 of 60 values differ"),
        causes=("p1 is 2, it was 1",), notes=("Python 3.9 can't be had here",), packages=7,
    )  # fmt: skip
    said = shown(report)
    for line in (
        "inputs   [bold]rows.csv",
        "note     Python 3.9 can't be had here",
        "changed  package p0: 1 on record, 2 used",
        "         and 8 more (--json has all)",
        "metric   score  identical (0.5)",
        "array    model.coef_  different: 2 of 2 values differ",
        "first difference: stage load, rows['a']: 1 of 60 values differ",
        "because: p1 is 2, it was 1",
        "verdict  different",
    ):
        assert line in said.splitlines()


def test_a_build_that_fails_says_where():
    failure = Rebuilding(stage="load", error=StageError(type="ValueError", message="no\nmore"))
    said = shown(
        Reproduction(model="m/1", status="failed", environment="current", run_id="r", failure=failure)
    )
    assert "failed   stage load: ValueError: no" in said.splitlines()
    identical = shown(Reproduction(model="m/1", status="identical", environment="current", run_id="r"))
    assert "bit for bit" in identical


def test_the_verdict_says_what_was_compared():
    same: dict[str, Any] = {"status": "identical", "environment": "current", "run_id": "r"}
    plain = shown(Reproduction(model="m/1", **same))
    assert (
        "verdict  identical: 0 figures and all that the model holds are those on record, bit for bit\n"
        in plain
    )
    gone = shown(Reproduction(model="m/1", model_kept=False, **same))
    assert "0 figures and what the stages hand on (not the model itself) are those on record" in gone
    arrays = shown(Reproduction(model="m/1", arrays=(array("model.coef_"),), **same))
    assert "0 figures and 1 arrays are those on record" in arrays
