"""Registering a small model: `mlops.log_model` against `mlflow.sklearn.log_model`, in an existing project.

    python benchmarks/log_model.py [ROUNDS]

Each round is a process of its own that has imported pandas and scikit-learn and fitted a model, as a notebook has: its
first call, what comes in with it included, then ten more. Medians over the rounds; wall clock and processor time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COMMON = """
import time
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
X = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 20)), columns=[f"x{i}" for i in range(20)])
y = (X.x0 > 0).astype(int)
model = LogisticRegression().fit(X, y)
def timed(log):
    for _ in range(11):
        wall, cpu = time.perf_counter(), time.process_time()
        log()
        print(time.perf_counter() - wall, time.process_time() - cpu)
"""
OURS = """
def log():
    import jupyter_mlops as mlops
    mlops.log_model(model, "churn", example=X[:5], metrics={"auc": 0.9})
"""
WITH_TEST = """
def log():
    import jupyter_mlops as mlops
    mlops.log_model(model, "churn", test=(X, y), metrics={"auc": 0.9})
"""
MLFLOW = """
def log():
    import mlflow
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    with mlflow.start_run():
        mlflow.log_metric("auc", 0.9)
        mlflow.sklearn.log_model(
            model, name="model", input_example=X[:5], registered_model_name="churn", serialization_format="cloudpickle"
        )
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    firsts = {}
    print(f"{'':28}{'first':>8}{'cpu':>8}{'later':>8}{'cpu':>8}")
    for name, code in {"ours": OURS, "ours, with 500 test rows": WITH_TEST, "MLflow": MLFLOW}.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "mlops.toml").touch()
            calls = 3 if code is MLFLOW else 11
            script = COMMON.replace("range(11)", f"range({calls})") + code + "timed(log)"
            measured(script, folder)  # the project's first, which makes its databases
            found = [measured(script, folder) for _ in range(rounds)]
        first = [statistics.median(each[0][place] for each in found) for place in (0, 1)]
        later = [statistics.median(row[place] for each in found for row in each[1:]) for place in (0, 1)]
        firsts[name] = first[0]
        print(f"{name:28}{first[0]:8.3f}{first[1]:8.3f}{later[0]:8.3f}{later[1]:8.3f}")
    print(f"ratio, the first             {firsts['MLflow'] / firsts['ours']:7.1f}")


def measured(script: str, folder: str) -> list[tuple[float, ...]]:
    environment = {**os.environ, "JUPYTER_MLOPS_MLFLOW_SYNC": "off", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return [tuple(map(float, line)) for line in lines if len(line) == 2 and line[0][:1].isdigit()]


if __name__ == "__main__":
    main()
