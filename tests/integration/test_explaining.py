"""A served answer explained: by the serving process, and afterwards from the log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LOG_MODEL = """
import numpy as np, pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
import jupyter_mlops as mlops
random = np.random.default_rng(0)
X = pd.DataFrame({"age": random.integers(18, 70, 400), "job": random.choice(["cook", "nurse"], 400)})
y = ((X["age"] > 40) ^ (X["job"] == "cook")).astype(int)
encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
model = make_pipeline(encode, GradientBoostingClassifier(n_estimators=20, random_state=0)).fit(X, y)
mlops.log_model(model, "churn", test=(X, y))
"""
ROW: dict[str, Any] = {
    "inputs": [
        {"name": "age", "datatype": "INT64", "shape": [1], "data": [61]},
        {"name": "job", "datatype": "BYTES", "shape": [1], "data": ["nurse"]},
    ]
}


def python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shap_is_loaded(pid: int) -> bool:
    return "/shap/" in Path(f"/proc/{pid}/maps").read_text()


def test_the_process_that_answered_explains_and_so_does_the_log(workspace: Path):
    python(workspace, "-c", LOG_MODEL)
    command = [sys.executable, "-m", "jupyter_mlops", "serve", "churn/1", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_MLOPS_TOKEN": ""}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=workspace, env=environment, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            url = process.stdout.readline().strip().rpartition(" at ")[2] + "/v2/models/churn"
            answered = httpx.post(f"{url}/infer", json=ROW).json()
            assert not shap_is_loaded(process.pid)
            explained = httpx.post(f"{url}/explain", json=ROW, timeout=60).json()
            assert shap_is_loaded(process.pid)
            by_id = httpx.post(f"{url}/versions/1/explain", json={"id": answered["id"]}).json()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
    assert by_id == explained
    assert (explained["method"], explained["scale"]) == ("tree paths", "score")
    (row,) = explained["explanations"]
    assert row["base"] + sum(row["attributions"].values()) == pytest.approx(row["value"])
    assert set(row["attributions"]) == {"age", "job"}
    told = python(
        workspace,
        "-m",
        "jupyter_mlops",
        "models",
        "explain",
        "churn/1",
        "--prediction",
        answered["id"],
        "--json",
    )
    (again,) = json.loads(told)["explanations"]
    assert again["attributions"] == pytest.approx(row["attributions"])
