"""Killed at any moment while versions are put on record, moved or taken away: what is listed is whole.

``JUPYTER_MLOPS_TEST_KILLS`` says how often; the few of the default are for every day.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.registry import standing
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import models

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("JUPYTER_MLOPS_TEST_KILLS", "10"))
WRITERS = 8
LOG = """
import sys
import numpy as np
from sklearn.linear_model import LogisticRegression
import jupyter_mlops as mlops
X = np.arange(40.0).reshape(20, 2)
model = LogisticRegression(C=float(sys.argv[1])).fit(X, X[:, 0] > 20)
print(mlops.log_model(model, "churn", example=X[:5], metrics={"auc": 0.9}).version)
"""
ENVIRONMENT = {**os.environ, "JUPYTER_MLOPS_MLFLOW_SYNC": "off"}


def cli(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jupyter_mlops", *arguments]


def done(*arguments: str) -> str:
    finished = subprocess.run(
        cli(*arguments), capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def killed_after(command: list[str], seconds: float) -> None:
    """Start a command and kill it after some time, if it still runs then."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.send_signal(signal.SIGKILL)


def timed(command: list[str]) -> float:
    started = time.monotonic()
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert finished.returncode == 0, finished.stderr
    return time.monotonic() - started


def everything_is_whole() -> None:
    """Check what people and servers could ask for now: contents, versions, aliases, the audit log."""
    settings = project.load()
    store = open_store(settings)
    done("data", "verify")
    done("audit", "verify")
    listed = models.list_models(settings)
    numbers = {(view.model.name, view.model.version) for view in listed}
    for view in listed:
        if standing.collected(store, view.model.name, view.model.version):
            continue
        assert store.bundles.load(view.model.bundle).manifest.name == view.model.name
    for alias in standing.ALIASES:
        with suppress(NotFoundError):
            found = models.resolve(settings, f"churn@{alias}")
            assert (found.name, found.version) in numbers
            assert not standing.collected(store, found.name, found.version)


@pytest.fixture
def project_folder(workspace: Path) -> Path:
    (workspace / "log.py").write_text(LOG)
    grow(workspace, 0)
    done("data", "add", "rows", "rows.csv")
    for c in ("1", "2"):
        subprocess.run([sys.executable, "log.py", c], check=True, env=ENVIRONMENT, capture_output=True)
    done("models", "promote", "churn/1")
    return workspace


def grow(folder: Path, number: int) -> None:
    rows = "\n".join(f"{number},{i}" for i in range(50_000))
    (folder / "rows.csv").write_text(f"a,b\n{rows}\n")


def test_killed_at_any_moment_everything_listed_is_whole(project_folder: Path) -> None:
    commands: dict[str, Callable[[int], list[str]]] = {
        "data add": lambda _: cli("data", "add", "rows", "rows.csv"),
        "log_model": lambda number: [sys.executable, "log.py", str(3 + number)],
        "promote": lambda number: cli("models", "promote", f"churn/{1 + number // 5 % 2}"),
        "data gc": lambda _: cli("data", "gc", "--keep", "2"),
        "models gc": lambda _: cli("models", "gc", "--keep", "3"),
    }
    names = list(commands)
    usual = {name: timed(command(-2)) for name, command in commands.items()}
    draw = random.Random(11)  # noqa: S311 - moments, not secrets
    for number in range(KILLS):
        name = names[number % len(names)]
        grow(project_folder, number + 1)
        killed_after(commands[name](number), draw.uniform(0.15, 1.05) * usual[name])
        everything_is_whole()


@pytest.mark.usefixtures("project_folder")
def test_many_writers_lose_nothing() -> None:
    """Eight at a time log a model and record data each: all of it is there, each number once."""

    def write(number: int) -> tuple[int, str]:
        logged = subprocess.run(
            [sys.executable, "log.py", str(10 + number)],
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
        assert logged.returncode == 0, logged.stderr
        Path(f"own{number}.csv").write_text(f"a\n{number}\n")
        added: dict[str, Any] = json.loads(done("data", "add", f"own{number}", f"own{number}.csv", "--json"))
        return int(logged.stdout), added["version"]

    with ThreadPoolExecutor(WRITERS) as pool:
        written = list(pool.map(write, range(WRITERS)))
    assert sorted(version for version, _ in written) == list(range(3, 3 + WRITERS))
    listed = {record["name"]: record["version"] for record in json.loads(done("data", "list", "--json"))}
    assert all(listed[f"own{number}"] == digest for number, (_, digest) in enumerate(written))
    everything_is_whole()
