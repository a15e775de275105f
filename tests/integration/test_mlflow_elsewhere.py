"""The mirror kept on PostgreSQL, and on a running MLflow server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import jupyter_mlops as mlops
from jupyter_mlops.execution.processes import die_with_parent
from jupyter_mlops.registry import standing, syncing
from jupyter_mlops.registry.mirror import Report
from jupyter_mlops.registry.tracking import Tracking
from jupyter_mlops.settings import load
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
X = np.arange(20.0).reshape(-1, 2)
SERVER = """
import os, sys
os.environ["_MLFLOW_SERVER_FILE_STORE"] = os.environ["_MLFLOW_SERVER_REGISTRY_STORE"] = sys.argv[2]
os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = "mlflow-artifacts:/"
os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] = sys.argv[3]
os.environ["_MLFLOW_SERVER_SERVE_ARTIFACTS"] = "true"
from mlflow.server import app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), app)
"""


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run MLflow's own web application, without the jobs and workers that its command starts beside it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [str(port), f"sqlite:///{folder}/server.db", (folder / "files").as_uri()]
    this = os.getpid()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVER, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: die_with_parent(this),  # noqa: PLW1509 - a server left behind would be worse
    )
    try:
        until = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def log() -> int:
    return mlops.log_model(LinearRegression().fit(X, X[:, 0]), "churn", example=X).version


def check() -> None:
    """Two versions arrive once, with their files and alias."""
    assert [log(), log()] == [1, 2]
    settings = load()
    assert syncing.sync(settings) == Report(versions=2, aliases=1)
    assert syncing.sync(settings) == Report()
    client = Tracking(settings).client
    found = client.search_model_versions("name='churn'")
    assert sorted(int(version.version) for version in found) == [1, 2]
    assert int(client.get_model_version_by_alias("churn", "challenger").version) == 2
    logged = client.search_logged_models([Tracking(settings).experiment])
    assert {"MLmodel", "requirements.txt"} <= {
        file.path.rpartition("/")[2] for file in client.list_logged_model_artifacts(logged[0].model_id)
    }


def test_a_running_server(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(tmp_path_factory.mktemp("server")) as address:
        monkeypatch.setenv("JUPYTER_MLOPS_TRACKING_URI", address)
        check()
        # Somebody registers a version of the same name on the server: known from the last sync on.
        Tracking(load()).client.create_model_version("churn", "s3://elsewhere/model")
        syncing.sync(load())
        assert log() == 4
        # A number that was given here and never reached the server.
        store = open_store(load())
        fourth = standing.versions(store, "churn")[0]
        store.ledger.append(msgspec.structs.replace(fourth, version=6, created_at="2031"))
        assert syncing.sync(load()) == Report(versions=2, aliases=1)
    assert log() == 7
    assert not (workspace / ".mlops" / "artifacts").exists()


def test_postgresql(workspace: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_MLOPS_TRACKING_URI", postgresql_url)
    check()
    assert (workspace / ".mlops" / "artifacts").is_dir()
