"""Real kernels: run, run again, change something, fail, be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.errors import UsageError
from jupyter_mlops.pipeline.handoff import read_header
from jupyter_mlops.store import run_state
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.run import run
from tests import notebooks

if TYPE_CHECKING:
    from jupyter_mlops.records.run import Run

pytestmark = pytest.mark.slow

CELLS = (
    ("md", "# A small notebook"),
    "%%mlops params\nseed = 7\nscale = 2",
    "%%mlops setup\nclass Base:\n    pass\ndef helper(x):\n    return x + 1",
    "%%mlops stage load\nrows = [float(x) for x in open('data.csv').read().split()]\nsame = rows",
    "%%mlops stage left\nleft = [helper(r) * scale for r in rows]",
    """%%mlops stage right
import helpers
class Thing(Base):
    def score(self): return helpers.TEN * seed
thing = Thing()""",
    """%%mlops stage report
import jupyter_mlops as mlops
assert isinstance(thing, Base)
total = thing.score() + sum(left)
mlops.log_metrics({'total': total})
open('report.txt', 'w').write(str(total))""",
)
TOTAL = 10 * 7 + sum((x + 1) * 2 for x in (1.0, 2.0, 3.0))


@pytest.fixture
def notebook(workspace: Path) -> Path:
    (workspace / "data.csv").write_text("1 2 3\n")
    (workspace / "helpers.py").write_text("TEN = 10\n")
    return notebooks.write(workspace / "small.ipynb", *CELLS)


def edit(notebook: Path, place: int, old: str, new: str) -> None:
    document = json.loads(notebook.read_text())
    source = "".join(document["cells"][place]["source"])
    assert old in source
    document["cells"][place]["source"] = source.replace(old, new)
    notebook.write_text(json.dumps(document))


def statuses(done: Run) -> dict[str, str]:
    return {stage.name: stage.status for stage in done.stages}


def reasons(done: Run) -> dict[str, str]:
    return {stage.name: stage.reason for stage in done.stages}


def all_of(status: str) -> dict[str, str]:
    return dict.fromkeys(("load", "left", "right", "report"), status)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jupyter_mlops", *arguments]


def test_a_run_and_what_runs_again_after_each_change(notebook: Path) -> None:
    seen: list[Run] = []
    first = run(notebook, on_change=seen.append)
    assert first.status == "succeeded", [stage.error for stage in first.stages]
    assert statuses(first) == all_of("executed")
    assert first.metrics == {"total": TOTAL}
    assert all(Path(stage.executed).is_file() for stage in first.stages)
    assert {stage.status for shown in seen for stage in shown.stages} == {"pending", "running", "executed"}
    assert all(stage.cells_done == stage.cells_total > 0 for stage in first.stages)
    assert run_state.read(project.load(), first.run_id) == first

    second = run(notebook)
    assert statuses(second) == all_of("cached")
    assert second.metrics == {"total": TOTAL}
    assert all(Path(stage.executed).is_file() for stage in second.stages)

    edit(notebook, 4, "left =", "# a comment\nleft =")
    assert statuses(run(notebook)) == all_of("cached")

    # Other code with the same result: the stage runs, what comes after it doesn't.
    edit(notebook, 4, "* scale", "* (scale + 0)")
    changed = run(notebook)
    assert statuses(changed) == {**all_of("cached"), "left": "executed"}
    assert reasons(changed)["left"] == "code changed"

    other = run(notebook, params={"scale": "3"})
    assert statuses(other) == {"load": "cached", "left": "executed", "right": "cached", "report": "executed"}
    assert reasons(other)["left"] == "parameter scale 2 -> 3"
    assert "input left from left changed" in reasons(other)["report"]
    assert other.params == {"seed": 7, "scale": 3}

    (notebook.parent / "data.csv").write_text("1 2 4\n")
    fresh = run(notebook)
    assert reasons(fresh)["load"] == "file data.csv changed"
    assert statuses(fresh)["right"] == "cached"

    (notebook.parent / "helpers.py").write_text("TEN = 11\n")
    assert reasons(run(notebook))["right"] == "module helpers.py changed"

    (notebook.parent / "report.txt").unlink()
    assert reasons(run(notebook))["report"] == "file report.txt, which it writes, is gone"
    assert statuses(run(notebook, stages=["left"], force=True)) == {
        "load": "executed", "left": "executed", "right": "skipped", "report": "skipped",
    }  # fmt: skip


def test_a_damaged_product_is_made_again(notebook: Path) -> None:
    run(notebook, stages=["load"])
    store = open_store(project.load())
    (record,) = store.ledger.find("stage", name="small.load")
    product = store.objects.path(record.product)  # type: ignore[attr-defined]
    product.chmod(0o644)
    product.write_bytes(product.read_bytes()[:-5])
    again = run(notebook, stages=["left"])
    assert again.status == "succeeded"
    assert reasons(again)["load"] == "its stored outputs are gone or damaged"
    assert read_header(Path(again.stages[0].executed).with_suffix(".pkl")).stage == "load"


def test_failures_are_told_by_the_notebook_s_own_cell_and_line(workspace: Path) -> None:
    path = notebooks.write(
        workspace / "bad.ipynb",
        "%%mlops setup\ndef boom(x):\n    return 1 / x",
        "%%mlops stage a\nx = 1\nzero = 0",
        "%%mlops stage b\n\nprint('hi')\nz = boom(zero)\n",
        "%%mlops stage c\n%%time\nw = x\nraise ValueError('no')",
        "%%mlops stage d\nimport os, signal\nv = x\nos.kill(os.getpid(), signal.SIGKILL)",
        "%%mlops stage e --timeout 12s\nimport time\nu = x\ntime.sleep(60)",
        "%%mlops stage f\nimport threading\nlocks = [threading.Lock()]",
        "%%mlops stage g\nprint(locks)",
        "%%mlops stage s\nimport sys\nt = x\nsys.exit(0)",
    )
    done = run(path, jobs=2)
    assert done.status == "failed"
    assert statuses(done) == {**dict.fromkeys("af", "executed"), **dict.fromkeys("bcdegs", "failed")}
    errors: dict[str, Any] = {stage.name: stage.error for stage in done.stages if stage.error}
    where = {name: (error.type, error.cell, error.line) for name, error in errors.items()}
    assert where == {
        "b": ("ZeroDivisionError", 2, 4),
        "c": ("ValueError", 3, 3),
        "d": ("KernelDied", 4, None),
        "e": ("Timeout", 5, None),
        "g": ("HandoffError", 7, 2),
        "s": ("SystemExit", None, None),
    }
    assert "memory" in errors["d"].message
    assert "(cell 6, line 3)" in errors["g"].message
    assert "jupyter_mlops" not in errors["g"].traceback
    assert all(Path(stage.executed).is_file() for stage in done.stages if stage.status == "failed")


def test_a_stage_is_tried_again_as_often_as_it_says(workspace: Path) -> None:
    code = "n = len(open('tries').read())\nopen('tries', 'a').write('x')\nassert n == 2, n"
    path = notebooks.write(workspace / "r.ipynb", f"%%mlops stage a --retries 2\n{code}")
    (workspace / "tries").touch()
    done = run(path)
    assert done.status == "succeeded"
    assert "3 attempts" in reasons(done)["a"]


def test_a_gate_without_its_model_blocks_and_says_why(workspace: Path) -> None:
    path = notebooks.write(
        workspace / "g.ipynb", "%%mlops stage a\nx = 1", ("raw", "%%mlops gate churn\naccuracy >= 0.5")
    )
    done = subprocess.run(command("run", str(path), "--json"), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["status"] == "succeeded"
    (gate,) = document["gates"]
    assert not gate["passed"]
    assert "no stage of this run logged" in gate["conditions"][0]["reason"]


def test_bad_usage_changes_nothing(notebook: Path) -> None:
    for arguments in (
        ["--stage", "lod"],
        ["-p", "sed=1"],
        ["-p", "seed=x"],
        ["--engine", "spark"],
        ["-p", "seed"],
    ):
        done = subprocess.run(
            command("run", str(notebook), *arguments), capture_output=True, text=True, check=False
        )
        assert done.returncode == 2, arguments
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "Traceback" not in done.stderr
    with pytest.raises(UsageError):
        run(notebook, stages=["nothing"])
    assert not (notebook.parent / ".mlops").exists()


def test_killed_in_the_middle_the_next_run_goes_on(workspace: Path) -> None:
    path = notebooks.write(
        workspace / "k.ipynb",
        "%%mlops stage a\nx = 1",
        "%%mlops stage b\nimport os, pathlib, time\npathlib.Path('kernel.pid').write_text(str(os.getpid()))\n"
        "y = x + 1\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)",
        "%%mlops stage c\nz = y + 1\nassert z == 3",
    )
    with subprocess.Popen(
        command("run", str(path), "--run-id", "killed"), stderr=subprocess.DEVNULL
    ) as process:
        pid_file = workspace / "kernel.pid"
        wait_for(lambda: pid_file.is_file() and pid_file.read_text())
        kernel = int(pid_file.read_text())
        assert run_state.read(project.load(), "killed").status == "running"
        process.send_signal(signal.SIGKILL)
        process.wait()
    started = time.monotonic()
    wait_for(lambda: not alive(kernel))
    assert time.monotonic() - started < 5
    assert run_state.read(project.load(), "killed").status == "failed"
    (workspace / "go").touch()
    again = run(path)
    assert statuses(again) == {"a": "cached", "b": "executed", "c": "executed"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_ends_its_kernels_and_says_so(workspace: Path, number: signal.Signals) -> None:
    path = notebooks.write(
        workspace / "i.ipynb",
        "%%mlops stage a\nimport os, pathlib, time\npathlib.Path('kernel.pid').write_text(str(os.getpid()))\n"
        "time.sleep(100)",
        "%%mlops stage b --after a\ny = 1",
    )
    with subprocess.Popen(
        command("run", str(path), "--run-id", "i1"), stderr=subprocess.PIPE, text=True
    ) as process:
        pid_file = workspace / "kernel.pid"
        wait_for(lambda: pid_file.is_file() and pid_file.read_text())
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    wait_for(lambda: not alive(int(pid_file.read_text())))
    state = run_state.read(project.load(), "i1")
    assert state.status == "failed"
    assert [stage.status for stage in state.stages] == ["failed", "skipped"]


def test_two_runs_at_a_time_do_not_mix(notebook: Path) -> None:
    both = [
        subprocess.Popen(
            command("run", str(notebook), "-p", f"seed={seed}", "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for seed in (1, 2)
    ]
    documents = [json.loads(process.communicate(timeout=200)[0]) for process in both]
    totals = [document["metrics"]["total"] for document in documents]
    assert totals == [TOTAL - 60, TOTAL - 50]
    assert documents[0]["run_id"] != documents[1]["run_id"]


def wait_for(condition: Any, seconds: float = 90) -> None:
    """Look again and again: these are other processes, and they tell nobody."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    # In a container without an init, a killed process's children may stay as zombies.
    return state != "Z" and os.path.exists(f"/proc/{pid}")  # noqa: PTH110 - one look at the kernel's own table
