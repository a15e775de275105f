"""The process that brings MLflow up to date: started by a change, one at a time, the last change never missed."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import jupyter_mlops as mlops
from jupyter_mlops.registry import syncing
from jupyter_mlops.registry.mirror import Report
from jupyter_mlops.registry.tracking import Tracking
from jupyter_mlops.settings import Settings
from jupyter_mlops.store import detached

pytestmark = pytest.mark.slow
X = np.arange(20.0).reshape(-1, 2)


@pytest.fixture
def settings(registry_workspace: Path) -> Settings:
    (registry_workspace / ".mlops").mkdir()
    return Settings(root=registry_workspace)


@pytest.fixture
def started(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the processes that were started instead of starting them."""
    found: list[int] = []
    monkeypatch.setattr(detached, "start", lambda *_settings, **_without: found.append(1))
    return found


def log() -> int:
    return mlops.log_model(LinearRegression().fit(X, X[:, 0]), "churn", example=X).version


def numbers(settings: Settings) -> list[int]:
    found = Tracking(settings).client.search_model_versions("name='churn'")
    return sorted(int(version.version) for version in found)


def test_a_change_is_in_mlflow_soon_and_no_process_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_MLOPS_MLFLOW_SYNC", "background")
    log()
    # Who waits for the locks knows that the process is at it, or done.
    until = time.monotonic() + 120
    while not (settings.state / "mlflow.db").is_file() and time.monotonic() < until:
        time.sleep(0.1)
    report = syncing.sync(settings)
    assert report == Report()
    assert numbers(settings) == [1]
    # Neither lock has a holder any more.
    for name in ("mlflow-sync.lock", "mlflow-sync-next.lock"):
        with (settings.state / name).open("ab") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_settings_say_when(
    settings: Settings, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    log()
    assert (started, Tracking(settings).exists()) == ([], False)
    monkeypatch.setenv("JUPYTER_MLOPS_MLFLOW_SYNC", "background")
    log()
    assert (started, Tracking(settings).exists()) == ([1], False)
    monkeypatch.setenv("JUPYTER_MLOPS_MLFLOW_SYNC", "wait")
    log()
    assert numbers(settings) == [1, 2, 3]
    assert started == [1]


def test_while_one_waits_no_other_is_started_but_while_one_works_it_is(
    settings: Settings, started: list[int]
) -> None:
    with (settings.state / "mlflow-sync-next.lock").open("ab") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        syncing.request(settings)
        assert started == []
    with (settings.state / "mlflow-sync.lock").open("ab") as working:
        fcntl.flock(working, fcntl.LOCK_EX)
        syncing.request(settings)
        assert started == [1]


KILLED = """
import os, sys
from pathlib import Path
from mlflow import MlflowClient
from jupyter_mlops import settings
from jupyter_mlops.registry import syncing
left = int(sys.argv[1])
for name in ("create_run", "log_batch", "create_logged_model", "log_model_artifacts", "create_model_version"):
    def call(*args, _does=getattr(MlflowClient, name), **more):
        global left
        answer = _does(*args, **more)
        left -= 1
        if not left:
            os.kill(os.getpid(), 9)
        return answer
    setattr(MlflowClient, name, call)
syncing.in_turn(settings.load(Path.cwd()))
"""


def test_killed_the_next_one_completes_it(settings: Settings) -> None:
    log(), log()
    for calls in (2, 4):
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", KILLED, str(calls)], check=False)
        assert done.returncode == -9
    assert syncing.sync(settings).findings == ()
    assert numbers(settings) == [1, 2]
    assert syncing.sync(settings) == Report()


def test_a_server_that_is_away_stops_nobody_and_is_noted(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"MAX_RETRIES": "0", "TIMEOUT": "2"}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    monkeypatch.setenv("JUPYTER_MLOPS_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("JUPYTER_MLOPS_MLFLOW_SYNC", "wait")
    assert [log(), log()] == [1, 2]
    noted = (workspace / ".mlops" / "mlflow-sync.log").read_text()
    assert noted.count("can't open http://127.0.0.1:9") == 2


WRITER = """
import sys
import numpy as np
from sklearn.linear_model import LinearRegression
import jupyter_mlops as mlops
X = np.arange(20.0).reshape(-1, 2)
model = LinearRegression().fit(X, X[:, 0])
sys.stdin.readline()
for _ in range(5):
    print(mlops.log_model(model, "churn", example=X).version)
"""


def test_many_processes_log_at_once_and_every_number_is_given_once(
    workspace: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_MLOPS_STORE", store_url)
    everyone = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WRITER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    answers: list[Any] = [process.communicate("go\n", timeout=300) for process in everyone]
    assert [error for _, error in answers] == [""] * 4
    assert sorted(int(line) for output, _ in answers for line in output.split()) == list(range(1, 21))
