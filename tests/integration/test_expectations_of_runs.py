"""Bad data stops a stage before it trains; what is expected is part of what a stage is cached by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.pipeline import pages
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import build
from jupyter_mlops.workflows.compile import compile_notebook
from jupyter_mlops.workflows.run import run
from tests import notebooks

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.run import Run

pytestmark = pytest.mark.slow

SETUP = "%%mlops setup\nimport pandas as pd\nimport jupyter_mlops as mlops"
EXPECT = "%%mlops expect people\ncolumns:\n  age: {{max: {most}}}"
LOAD = "%%mlops stage load\nages = pd.read_csv(mlops.dataset('people', 'people.csv')).age"
TRAIN = "%%mlops stage train\nmlops.log_metrics({'mean': ages.mean()})"


def statuses(done: Run) -> dict[str, str]:
    return {stage.name: stage.status for stage in done.stages}


def test_a_stage_stops_before_it_trains_on_bad_data(workspace: Path) -> None:
    path = workspace / "n.ipynb"
    (workspace / "people.csv").write_text("age\n30\n40\n")
    notebooks.write(path, SETUP, LOAD, TRAIN)
    assert run(path).status == "succeeded"
    # Expectations come: what was cached without them is held against them.
    notebooks.write(path, SETUP, EXPECT.format(most=99), LOAD, TRAIN)
    second = run(path)
    assert (second.status, statuses(second)) == ("succeeded", {"load": "executed", "train": "cached"})
    assert second.stages[0].reason == "what is expected of people changed"
    assert statuses(run(path)) == {"load": "cached", "train": "cached"}
    # Bad data comes.
    (workspace / "people.csv").write_text("age\n30\n140\n")
    third = run(path)
    assert (third.status, statuses(third)) == ("failed", {"load": "failed", "train": "skipped"})
    error = third.stages[0].error
    assert error is not None
    assert (error.cell, error.line) == (2, 2)
    assert "age (max: 99): 1 of 2 values (50%) are above 99: 140 in row 1" in error.message
    ledger = open_store(project.load()).ledger
    assert len(ledger.find("dataset", "people")) == 2  # the bad version is kept
    # The data are right, the expectation was wrong.
    notebooks.write(path, SETUP, EXPECT.format(most=150), LOAD, TRAIN)
    fourth = run(path)
    assert (fourth.status, fourth.metrics) == ("succeeded", {"mean": 85})
    # And it is taken out again.
    notebooks.write(path, SETUP, LOAD, TRAIN)
    assert run(path).status == "succeeded"
    assert [each.said == "nothing" for each in ledger.find("expectations")] == [True, False, False]  # type: ignore[attr-defined]  # a record of that kind


def test_a_compiled_folder_carries_what_is_expected(workspace: Path) -> None:
    path = notebooks.write(workspace / "n.ipynb", SETUP, EXPECT.format(most=99), LOAD)
    folder = workspace / "compiled"
    compile_notebook(path, folder)
    written = folder / pages.EXPECTATIONS
    found = pages.expectations_in(written)
    _, pipeline = build.load(path)
    assert found == {one.dataset: msgspec.structs.replace(one.expectations) for one in pipeline.expected}
    assert not any("expect people" in each.read_text() for each in folder.glob("*.ipynb"))
    notebooks.write(path, SETUP, LOAD)
    compile_notebook(path, folder)
    assert not written.exists()
