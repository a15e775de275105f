from __future__ import annotations

import io

import msgspec
from rich.console import Console

from jupyter_mlops.interfaces.cli import _run_view as view
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.run import NamedVersion, Run, StageError, StageRun

ERROR = StageError(type="ValueError", message="no\nway", cell=4, line=2)
RUN = Run(
    run_id="r1",
    status="failed",
    notebook="n.ipynb",
    stages=(
        StageRun(name="load", status="cached", reason="nothing changed"),
        StageRun(name="train", status="failed", seconds=1.25, executed="/x/train.ipynb", error=ERROR),
        StageRun(name="report", status="skipped", reason="stage train failed"),
    ),
    datasets=(NamedVersion(name="churn", version="4f2a" * 16),),
    models=(NamedVersion(name="churn", version=3),),
    metrics={"auc": 0.5},
    gates=(
        Evaluation(
            model="churn",
            version=3,
            passed=False,
            conditions=(ConditionResult(text='dpd["[bold]"] <= 1', status="failed", value=2.0),),
        ),
    ),
)


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=120, highlight=False), out


def test_the_summary_has_stages_versions_and_gates() -> None:
    shown, out = console()
    view.summary(shown, RUN)
    text = out.getvalue()
    for part in (
        "load",
        "cached",
        "FAILED",
        "1.2",
        "churn@4f2a4f2a4f2a",
        "churn/3",
        "auc = 0.5",
        "blocked",
        "(is 2)",
    ):
        assert part in text
    assert '["[bold]"]' in text


def test_a_failure_is_told_on_few_lines() -> None:
    shown, out = console()
    view.failures(shown, RUN)
    assert out.getvalue().splitlines() == [
        "failed train, cell 4, line 2: ValueError: no",
        "       way",
        "       executed notebook: /x/train.ipynb",
    ]


def test_without_a_terminal_there_is_a_line_for_each_change() -> None:
    shown, out = console()
    with view.progress(shown) as on_change:
        pending = tuple(StageRun(name=stage.name, status="pending") for stage in RUN.stages)
        on_change(msgspec.structs.replace(RUN, stages=pending))
        on_change(RUN)
        judging = msgspec.structs.replace(RUN, step="gate churn: accuracy >= 0.8 (1 of 2)")
        on_change(judging)
        on_change(judging)
        on_change(RUN)
    assert out.getvalue().splitlines() == [
        "load: cached (nothing changed)",
        "train: FAILED in 1.2 s",
        "report: skipped (stage train failed)",
        "gate churn: accuracy >= 0.8 (1 of 2)",
    ]


def test_a_terminal_gets_a_bar_a_stage() -> None:
    shown, out = console(terminal=True)
    running = StageRun(name="train", status="running", cells_done=2, cells_total=5)
    with view.progress(shown) as on_change:
        on_change(msgspec.structs.replace(RUN, stages=(RUN.stages[0], running, RUN.stages[2])))
        on_change(RUN)
        on_change(msgspec.structs.replace(RUN, step="gate churn: [accuracy] >= 0.8"))
    assert "cached" in out.getvalue()
    assert "0/1 cells" in out.getvalue()
    assert "gate churn: [accuracy] >= 0.8" in out.getvalue()


def test_the_document_is_the_record() -> None:
    document = view.document([RUN])
    assert document["stages"][1]["error"]["cell"] == 4
    assert list(document["models"]) == [{"name": "churn", "version": 3}]


def test_several_runs_are_a_list_and_a_table() -> None:
    runs = [
        msgspec.structs.replace(RUN, run_id=f"g-{number}", group="g", params={"lr": lr, "seed": 7}, gates=())
        for number, lr in enumerate((0.1, 0.01), 1)
    ]
    document = view.document(runs)
    assert document["group"] == "g"
    assert [run["run_id"] for run in document["runs"]] == ["g-1", "g-2"]
    shown, out = console()
    view.table(shown, runs, ["lr", "seed"])
    title, first, second = (line.split() for line in out.getvalue().splitlines())
    assert title == ["lr", "auc", "run", "status"]
    assert (first, second) == (["0.1", "0.5", "g-1", "failed"], ["0.01", "0.5", "g-2", "failed"])


def test_a_run_says_that_its_stages_are_suggested_and_which_point_of_a_grid_it_is() -> None:
    shown, out = console()
    suggested = msgspec.structs.replace(RUN, suggested=True, group="g", params={"lr": 0.1})
    with view.progress(shown) as on_change:
        on_change(suggested)
        on_change(suggested)
    text = out.getvalue()
    assert text.count("these stages are suggested: load, train, report") == 1
    assert text.count("run r1: lr=0.1") == 1
