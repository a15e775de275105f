"""Faults on purpose: killed at any moment, a full disk, a read-only folder, many runs at a time.

``JUPYTER_MLOPS_TEST_KILLS`` says how often a run is killed; the few of the default are for every day.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.pipeline.storage import Product
from jupyter_mlops.records.run import StageExecution
from jupyter_mlops.store import run_state
from jupyter_mlops.store.opened import open_store
from tests import notebooks

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("JUPYTER_MLOPS_TEST_KILLS", "12"))
ORPHANS_END_WITHIN = 5.0
STAGES = (
    "%%mlops setup\nimport json, pathlib, time",
    "%%mlops stage rows\nrows = list(range(20_000))\nshared = [rows]\ntime.sleep(0.3)",
    "%%mlops stage left\nleft = sum(rows)\nopen('left.txt', 'w').write(str(left))\ntime.sleep(0.2)",
    "%%mlops stage right\nright = [2 * r for r in rows]\ntime.sleep(0.3)",
    "%%mlops stage change\nshared[0].append(left)\ntime.sleep(0.1)",
    """%%mlops stage report
import jupyter_mlops as mlops
text = pathlib.Path('left.txt').read_text()
mlops.log_metrics({'left': int(text), 'right': sum(right), 'last': rows[-1], 'all': sum(shared[0])})""",
)
LEFT = sum(range(20_000))
METRICS = {"left": LEFT, "right": 2 * LEFT, "last": LEFT, "all": 2 * LEFT}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jupyter_mlops", "run", "n.ipynb", "--jobs", "2", *arguments]


def marked(mark: str) -> set[int]:
    """Return the live processes that were started with a mark in their environment."""
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            is_marked = mark.encode() in (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        # In a container without an init, what a killed process leaves may stay as a zombie.
        if is_marked and state != "Z":
            found.add(int(folder.name))
    return found


def gone_within(mark: str, seconds: float) -> float:
    """Wait until no marked process is left; return how long that took."""
    started = time.monotonic()
    while pids := marked(mark):
        assert time.monotonic() - started < seconds, [_name(pid) for pid in pids]
        time.sleep(0.05)
    return time.monotonic() - started


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return f"{pid} is gone"


def finished(*arguments: str, **options: Any) -> dict[str, Any]:
    done = subprocess.run(
        command("--json", *arguments), capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def everything_on_record_is_whole() -> None:
    """Check each product and executed notebook that the ledger speaks of."""
    store = open_store(project.load())
    for record in store.ledger.find("stage"):
        assert isinstance(record, StageExecution)
        store.objects.verify(record.product)
        store.objects.verify(record.executed)
        assert Product(store.objects.path(record.product)).header.stage == record.stage


@pytest.fixture
def notebook(workspace: Path) -> Path:
    return notebooks.write(workspace / "n.ipynb", *STAGES)


def test_killed_at_any_moment_the_next_run_gives_the_same(notebook: Path, record_property: Any) -> None:
    whole = time.monotonic()
    assert finished()["metrics"] == METRICS
    whole = time.monotonic() - whole
    draw = random.Random(7)  # noqa: S311 - moments, not secrets
    slowest = 0.0
    for number in range(KILLS):
        # A new parameter each time, so that there is something to run.
        edit(notebook, f"round = {number}")
        mark = f"MLOPS_TEST_MARK=kill-{os.getpid()}-{number}"
        with subprocess.Popen(
            command("--run-id", f"killed{number}"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **dict([mark.split("=")])},
        ) as process:
            try:
                process.wait(draw.uniform(0.1, 1.05 * whole))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.wait()
        slowest = max(slowest, gone_within(mark, ORPHANS_END_WITHIN))
        everything_on_record_is_whole()
        for run in run_state.runs(project.load()):
            assert run.status != "running"
        if number % 3 == 0 or number == KILLS - 1:
            assert finished()["metrics"] == METRICS
    record_property("slowest_orphan_seconds", round(slowest, 2))


def edit(notebook: Path, code: str) -> None:
    notebooks.write(notebook, *(f"{cell}\n{code}" if "stage rows" in cell else cell for cell in STAGES))


def test_eight_runs_at_a_time_do_each_stage_once(notebook: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        documents = list(pool.map(lambda _: finished(), range(8)))
    assert [document["metrics"] for document in documents] == [METRICS] * 8
    executed = [
        stage["name"]
        for document in documents
        for stage in document["stages"]
        if stage["status"] == "executed"
    ]
    assert sorted(executed) == ["change", "left", "report", "right", "rows"]
    assert not list((notebook.parent / ".mlops" / "locks").iterdir())


def test_a_killed_run_lets_go_of_what_another_waits_for(workspace: Path) -> None:
    notebooks.write(
        workspace / "n.ipynb",
        "%%mlops stage a\nimport pathlib, time\npathlib.Path('began').touch()\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.05)\nx = 1",
    )
    with subprocess.Popen(command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        wait_for((workspace / "began").exists)
        with subprocess.Popen(command("--json"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as second:
            wait_for(lambda: len(run_state.runs(project.load())) == 2)
            (workspace / "began").unlink()
            first.kill()
            wait_for((workspace / "began").exists)
            (workspace / "go").touch()
            output, _ = second.communicate(timeout=120)
    assert json.loads(output)["status"] == "succeeded"


def test_a_full_disk_fails_the_run_and_believes_nothing_half_written(workspace: Path) -> None:
    big = "%%mlops stage big\nimport os\nblob = os.urandom(6_000_000)"
    notebooks.write(
        workspace / "n.ipynb", "%%mlops stage small\nx = 1", big, "%%mlops stage last\nn = len(blob) + x"
    )
    limit = 3_000_000
    done = subprocess.run(
        command("--json"),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    assert {stage["name"]: stage["status"] for stage in document["stages"]} == {
        "small": "executed", "big": "failed", "last": "skipped",
    }  # fmt: skip
    assert "File too large" in document["stages"][1]["error"]["message"]
    everything_on_record_is_whole()
    again = finished()
    assert [stage["status"] for stage in again["stages"]] == ["cached", "executed", "executed"]


@pytest.mark.parametrize("limit", [1, 20_000, 60_000])
def test_where_not_even_the_record_fits_one_line_says_so(notebook: Path, limit: int) -> None:
    done = subprocess.run(
        command(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr or "failed" in done.stderr
    assert finished()["metrics"] == METRICS


def test_in_a_read_only_folder_one_line_says_so(notebook: Path) -> None:
    # Root may write anywhere, unless it gives that right away.
    plainly = ["setpriv", "--bounding-set=-dac_override", "--"] if os.getuid() == 0 else []
    notebook.parent.chmod(0o555)
    try:
        done = subprocess.run([*plainly, *command()], capture_output=True, text=True, check=False)
    finally:
        notebook.parent.chmod(0o755)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "Permission denied" in line
    assert "--project" in line
    assert not (notebook.parent / ".mlops").exists()


def test_stopped_while_its_kernels_start_it_was_interrupted(notebook: Path) -> None:
    mark = f"MLOPS_TEST_MARK=stop-{os.getpid()}"
    with subprocess.Popen(
        command("--run-id", "stopped"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **dict([mark.split("=")])},
    ) as process:
        assert process.stderr is not None
        while "rows: running" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        errors = process.stderr.read()
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in errors
    gone_within(mark, ORPHANS_END_WITHIN)
    state = run_state.read(project.load(), "stopped")
    assert state.status == "failed"
    assert state.stages[0].error is not None
    assert state.stages[0].error.type == "Interrupted"


def test_a_kernel_that_memory_ran_out_on_is_reported_as_that(workspace: Path) -> None:
    notebooks.write(
        workspace / "n.ipynb", "%%mlops stage a\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(command("--json"), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (stage,) = json.loads(done.stdout)["stages"]
    assert stage["error"]["type"] == "KernelDied"
    assert "memory" in stage["error"]["message"]


def wait_for(condition: Any, seconds: float = 90) -> None:
    """Look again and again: these are other processes, and they tell nobody."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
