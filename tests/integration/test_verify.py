"""A notebook run top to bottom on a stock kernel, and as a pipeline: real kernels, real hand-off."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from jupyter_mlops.interfaces.cli.verify import command
from jupyter_mlops.settings import STATE
from jupyter_mlops.workflows.verify import verify
from tests.notebooks import write

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def in_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlops.toml").touch()


def test_a_notebook_that_converts_is_the_same_and_leaves_no_trace(tmp_path):
    path = write(
        tmp_path / "n.ipynb",
        ("import random\nimport jupyter_mlops as mlops\nclass Box:\n    pass", {"mlops": {"kind": "setup"}}),
        ("rows = 3", {"tags": ["parameters"]}),
        ("print(undefined)", {"mlops": {"kind": "skip"}}),
        ("box = Box()\nbox.items = list(range(rows))\nrandom.seed(1)\nprint(sorted(box.items))", {"mlops": {"kind": "stage", "name": "load"}}),
        ("box.items[99]", {"tags": ["raises-exception"]}),
        ("%time box.items.append(random.random())\nmlops.log_metrics({'n': len(box.items)})\nbox", {"mlops": {"kind": "stage", "name": "grow"}}),
        ("f'{box.items} {random.random()}'", {"mlops": {"kind": "stage", "name": "show"}}),
    )  # fmt: skip
    steps = []
    found = verify(path, params={"rows": "5"}, on_step=lambda label, _done, _total: steps.append(label))
    assert (found.status, found.differences, found.failure) == ("same", (), None)
    assert found.stages == ("load", "grow", "show")
    assert (found.compared.metrics, found.compared.cells) == (1, 6)
    assert found.compared.variables >= 2
    assert {"notebook", "comparing"} <= set(steps)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["mlops.toml", "n.ipynb"]
    assert not (tmp_path / STATE).exists()


def test_the_first_thing_that_differs_is_named(tmp_path):
    path = write(
        tmp_path / "n.ipynb",
        ("x = 1", {"mlops": {"kind": "stage", "name": "load"}}),
        ("count = get_ipython().execution_count", {"mlops": {"kind": "stage", "name": "count"}}),
        ("print(x, count)", {"mlops": {"kind": "stage", "name": "show"}}),
    )
    done = CliRunner().invoke(command, [str(path), "--json"], standalone_mode=False)
    assert done.return_value == 1
    document = json.loads(done.stdout)
    first, second = document["differences"]
    assert document["status"] == "differs"
    assert (first["stage"], first["name"], first["by_itself"]) == ("count", "count", False)
    assert (second["stage"], second["cell"]) == ("show", 2)


def test_a_notebook_that_draws_without_a_seed_is_told_so(tmp_path):
    path = write(
        tmp_path / "n.ipynb",
        ("import random", {"mlops": {"kind": "setup"}}),
        ("x = random.random()", {"mlops": {"kind": "stage", "name": "draw"}}),
        ("print(x)", {"mlops": {"kind": "stage", "name": "show"}}),
    )
    done = CliRunner().invoke(command, [str(path)], standalone_mode=False)
    assert done.return_value == 1
    told = " ".join(done.stdout.split())
    assert "the notebook itself differs first in stage draw, variable x" in told
    assert "cell 1, line 1" in told
    assert "isn't deterministic by itself" in told


def test_a_notebook_that_fails_by_itself_has_nothing_to_compare(tmp_path):
    path = write(tmp_path / "n.ipynb", "x = 1", "raise ValueError('no')")
    found = verify(path)
    assert found.status == "failed"
    assert found.failure is not None
    assert (found.failure.of, found.failure.error.cell, found.failure.error.type) == (
        "notebook",
        1,
        "ValueError",
    )
