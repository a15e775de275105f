"""`jupyter mlops serve` and `lineage` on a project with a logged model."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LOG_MODEL = """
import pandas as pd
from sklearn.linear_model import LogisticRegression
import jupyter_mlops as mlops
frame = pd.read_csv(mlops.dataset("people", "people.csv"))
X, y = frame[["age", "pay"]], frame["left"]
mlops.log_model(LogisticRegression().fit(X, y), "churn", example=X[:3], test=(X, y), metrics={"accuracy": 0.9})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "mlops.toml").write_text("")
    rows = [f"{20 + n},{1000 + 10 * n},{n % 2}" for n in range(40)]
    (folder / "people.csv").write_text("\n".join(["age,pay,left", *rows]))
    run([sys.executable, "-c", LOG_MODEL], folder)
    return folder


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_MLOPS_TOKEN": ""}


def run(command: list[str], folder: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done.stderr
    return done


def mlops(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", "jupyter_mlops", *arguments], folder, status)


def predict_once(folder: Path, target: str) -> tuple[str, str]:
    """Serve ``target``, ask it once and stop it; return the startup line and the prediction's id."""
    command = [sys.executable, "-m", "jupyter_mlops", "serve", target, "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        try:
            assert line, process.stderr.read()
            body = {"dataframe_split": {"columns": ["age", "pay"], "data": [[30, 1100]]}}
            answer = httpx.post(line.split(" at ")[1].strip() + "/invocations", json=body)
            assert answer.status_code == 200, answer.text
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
    return line, answer.headers["x-prediction-id"]


def test_without_a_champion_it_says_what_to_do(project: Path) -> None:
    done = mlops(project, "serve", "churn", status=2)
    assert done.stderr.startswith("error: churn has no champion to serve; make it one with")
    assert "jupyter mlops models promote churn/1" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("target", ["fraud", "churn/9", "churn@shadow"])
def test_what_is_not_there_is_one_line(project: Path, target: str) -> None:
    done = mlops(project, "serve", target, status=2)
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_taken_port_records_no_deployment(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = mlops(project, "serve", "churn/1", "--port", port, status=2)
    assert f"can't serve on 127.0.0.1:{port}" in done.stderr
    assert (
        "deployment/" not in mlops(project, "lineage", "churn/1", "--downstream", "--format", "json").stdout
    )


def test_a_served_prediction_leads_back_to_its_data(project: Path) -> None:
    line, prediction = predict_once(project, "churn/1")
    assert line.startswith("serving churn/1 at http://127.0.0.1:")
    text = mlops(project, "lineage", prediction).stdout
    pieces = [f"prediction {prediction}", "deployment churn-1-", "model churn/1", "dataset people@"]
    at = [text.find(piece) for piece in pieces]
    assert -1 not in at, text
    assert at == sorted(at), text
    document: dict[str, Any] = json.loads(mlops(project, "lineage", prediction, "--json").stdout)
    assert document["start"] == f"prediction/{prediction}"
    assert {"prediction", "deployment", "model", "dataset"} <= {node["kind"] for node in document["nodes"]}
    assert not any(node["missing"] for node in document["nodes"])
    assert mlops(project, "lineage", "churn@challenger").stdout.startswith("model churn/1")
    assert mlops(project, "lineage", "people").stdout.startswith("dataset people@")


def test_the_champion_is_served_by_name(project: Path) -> None:
    promote = "from jupyter_mlops import settings\nfrom jupyter_mlops.workflows.models import promote\n"
    run(
        [sys.executable, "-c", promote + "promote(settings.load(), 'churn/1')"],
        project,
    )
    line, prediction = predict_once(project, "churn")
    assert line.startswith("serving churn/1 at ")
    assert "promotion to champion" in mlops(project, "lineage", prediction).stdout


@pytest.mark.parametrize(
    "text", ["nothing", "model/churn@7", "churn@ff", "a/b/c", "@", "prediction/", "weird@@x"]
)
def test_an_unknown_id_is_one_line(project: Path, text: str) -> None:
    done = mlops(project, "lineage", text, status=2)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
