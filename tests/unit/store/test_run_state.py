from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.records.run import Run, StageRun
from jupyter_mlops.settings import Settings
from jupyter_mlops.store import run_state

if TYPE_CHECKING:
    from pathlib import Path

STAGES = (
    StageRun(name="a", status="cached"),
    StageRun(name="b", status="running"),
    StageRun(name="c", status="pending"),
)


def run(run_id: str, notebook: str = "n.ipynb") -> Run:
    return Run(run_id=run_id, status="running", notebook=notebook, stages=STAGES)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


def test_ids_sort_by_time_and_differ() -> None:
    ids = {run_state.new_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", run_id) for run_id in ids)


def test_what_is_written_is_read_while_the_run_is_alive(settings: Settings) -> None:
    with run_state.alive(settings, "r1"):
        run_state.write(settings, run("r1"))
        assert run_state.read(settings, "r1") == run("r1")


def test_a_run_whose_process_is_gone_has_failed(settings: Settings) -> None:
    run_state.write(settings, run("r1"))
    found = run_state.read(settings, "r1")
    assert found.status == "failed"
    assert [stage.status for stage in found.stages] == ["cached", "failed", "skipped"]
    assert found.stages[1].error is not None
    with run_state.alive(settings, "r1"):
        pass
    assert run_state.read(settings, "r1").status == "failed"


def test_runs_are_listed_newest_first_and_by_notebook(settings: Settings) -> None:
    assert run_state.runs(settings) == []
    for run_id, notebook in (("r1", "n.ipynb"), ("r3", "sub/n.ipynb"), ("r2", "m.ipynb")):
        run_state.write(settings, run(run_id, notebook))
    (run_state.folder(settings, "r4")).mkdir()
    (run_state.folder(settings, "r5")).mkdir()
    (run_state.folder(settings, "r5") / "state.json").write_text("{")
    assert [found.run_id for found in run_state.runs(settings)] == ["r3", "r2", "r1"]
    assert [found.run_id for found in run_state.runs(settings, "n.ipynb")] == ["r3", "r1"]
    assert [found.run_id for found in run_state.runs(settings, "sub/n.ipynb")] == ["r3"]


@pytest.mark.parametrize("run_id", ["nothing", "../x", "", ".hidden", "a/b"])
def test_an_unknown_run_is_not_found(settings: Settings, run_id: str) -> None:
    with pytest.raises(NotFoundError):
        run_state.read(settings, run_id)
