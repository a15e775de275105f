from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.execution import planner
from jupyter_mlops.records.pipeline import Pipeline, Stage, StageOptions
from jupyter_mlops.records.run import StageExecution

TRAIN = Stage(name="train", cells=(1,))
PARTS = {"code": "c", "parameter seed": "7"}


def execution(**changes: Any) -> StageExecution:
    return StageExecution(
        **{
            "key": "k", "parts": PARTS, "pipeline": "p", "stage": "train", "source": "", "run_id": "r1",
            "product": "obj1", "executed": "obj2", **changes,
        }
    )  # fmt: skip


def decide(
    *same_key: StageExecution,
    stage: Stage = TRAIN,
    last: StageExecution | None = None,
    files: dict[str, str] | None = None,
    stored: frozenset[str] = frozenset({"obj1", "obj2"}),
    force: bool = False,
    parts: dict[str, str] | None = None,
) -> tuple[str, tuple[str, ...]]:
    decision = planner.decide(
        stage,
        parts or PARTS,
        same_key=same_key,
        last=last,
        digest=(files or {}).get,
        stored=stored.__contains__,
        force=force,
    )
    return decision.verdict, decision.reasons


def test_an_unchanged_stage_is_cached_and_says_which_execution() -> None:
    decision = planner.decide(
        TRAIN, PARTS, same_key=[execution()], last=None, digest=lambda _: None, stored=lambda _: True
    )
    assert (decision.verdict, decision.evidence) == ("cached", {"execution": "stage/p.train@r1"})


def test_force_and_no_cache_never_hit() -> None:
    assert decide(execution(), force=True) == ("run", ("--force",))
    uncached = Stage(name="train", cells=(1,), options=StageOptions(cache=False))
    assert decide(execution(), stage=uncached) == ("run", ("--no-cache",))


def test_a_stage_that_never_ran_runs() -> None:
    assert decide() == ("run", ("never run",))


def test_a_changed_part_is_told() -> None:
    assert decide(last=execution(parts={**PARTS, "parameter seed": "6"})) == (
        "run",
        ("parameter seed 6 -> 7",),
    )
    assert decide(last=execution()) == ("run", ("its earlier run is not on record",))


@pytest.mark.parametrize(
    "files, reason",
    [({"a.csv": "2"}, "file a.csv changed"), ({}, "file a.csv is gone")],
)
def test_a_changed_file_is_told(files: dict[str, str], reason: str) -> None:
    assert decide(execution(reads={"a.csv": "1"}), files=files) == ("run", (reason,))


def test_an_older_execution_may_fit_where_the_newest_does_not() -> None:
    newest, older = execution(reads={"a.csv": "2"}, run_id="r2"), execution(reads={"a.csv": "1"})
    assert decide(newest, older, files={"a.csv": "1"})[0] == "cached"


def test_a_file_that_it_writes_must_still_be_there() -> None:
    assert decide(execution(writes=("plot.png",))) == ("run", ("file plot.png, which it writes, is gone",))
    assert decide(execution(writes=("plot.png",)), files={"plot.png": "any"})[0] == "cached"


def test_stored_outputs_must_be_there() -> None:
    assert decide(execution(), stored=frozenset({"obj1"})) == (
        "run",
        ("its stored outputs are gone or damaged",),
    )


def test_a_selection_takes_what_it_needs() -> None:
    stages = (
        Stage(name="a", cells=()),
        Stage(name="b", cells=(), upstream=("a",)),
        Stage(name="c", cells=(), upstream=("a",)),
        Stage(name="d", cells=(), upstream=("b",)),
    )
    pipeline = Pipeline(notebook="n.ipynb", stages=stages)
    assert planner.selection(pipeline, ["d"]) == ("a", "b", "d")
    assert planner.selection(pipeline, []) == ("a", "b", "c", "d")
