"""A new project's first run that ends with a registered model: ours against the same code with plain MLflow.

    python benchmarks/first_run.py [ROUNDS]

Both have an empty folder and keep everything in SQLite there. As a notebook: `jupyter mlops run` against papermill; as a
script: Python on both sides. MLflow learns of ours from a process in the background; how long that takes is shown too.
Figures are medians of the rounds: wall clock, and the processor time of everything that was started.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
Seconds = tuple[float, float]  # wall, processor
DATA = """\
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)"""
FIT = """\
model = LogisticRegression(max_iter=3000).fit(X_train, y_train)
accuracy = model.score(X_test, y_test)"""
OURS = """\
import jupyter_mlops as mlops
mlops.log_metrics({"accuracy": accuracy})
mlops.log_model(model, "tumours", example=X_test[:5], metrics={"accuracy": accuracy})"""
MLFLOW = """\
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
with mlflow.start_run():
    mlflow.log_params(model.get_params())
    mlflow.log_metric("accuracy", accuracy)
    mlflow.sklearn.log_model(
        model, name="model", input_example=X_test[:5], registered_model_name="tumours",
        serialization_format="cloudpickle",
    )"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    jupyter, python = str(BIN / "jupyter"), sys.executable
    commands = {
        "notebook, ours": [jupyter, "mlops", "run", "ours.ipynb"],
        "notebook, MLflow under papermill": [
            str(BIN / "papermill"),
            "mlflow.ipynb",
            "out.ipynb",
            "--no-progress-bar",
        ],
        "script, ours": [python, "ours.py"],
        "script, MLflow": [python, "mlflow_.py"],
    }
    taken: dict[str, list[Seconds]] = {name: [] for name in commands}
    shown = []
    for _ in range(rounds):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                taken[name].append(seconds(project(Path(folder)), "off", *command))
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            seconds(project(Path(folder)), "background", *commands["script, ours"])
            # It waits for the process in the background, and finds nothing left to do.
            seconds(Path(folder), "off", jupyter, "mlops", "models", "sync")
            shown.append(time.perf_counter() - begun)
    medians = {
        name: tuple(statistics.median(one[place] for one in each) for place in (0, 1))
        for name, each in taken.items()
    }
    print(f"{'':36}{'wall':>9}{'cpu':>9}")
    for name, (wall, cpu) in medians.items():
        print(f"{name:36}{wall:7.2f} s{cpu:7.2f} s")
    print(f"{'script, ours, until MLflow has it':36}{statistics.median(shown):7.2f} s")
    for kind, peer in (("notebook", "notebook, MLflow under papermill"), ("script", "script, MLflow")):
        wall, cpu = (medians[f"{kind}, ours"][place] / medians[peer][place] for place in (0, 1))
        print(f"ratio, {kind:29}{wall:7.2f}  {cpu:7.2f}")


def project(folder: Path) -> Path:
    (folder / "mlops.toml").touch()
    write_notebook(
        folder / "ours.ipynb", f"%%mlops stage fit\n{DATA}", FIT, f"%%mlops stage register\n{OURS}"
    )
    write_notebook(folder / "mlflow.ipynb", DATA, FIT, MLFLOW)
    (folder / "ours.py").write_text(f"{DATA}\n{FIT}\n{OURS}")
    (folder / "mlflow_.py").write_text(f"{DATA}\n{FIT}\n{MLFLOW}")
    return folder


def write_notebook(path: Path, *sources: str) -> None:
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"c{n}",
            "source": source,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for n, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def seconds(folder: Path, sync: str, *command: str) -> Seconds:
    environment = {**os.environ, "JUPYTER_MLOPS_MLFLOW_SYNC": sync, "MLFLOW_DISABLE_TELEMETRY": "true"}
    wall, cpu = time.perf_counter(), processor()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
    return time.perf_counter() - wall, processor() - cpu


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    if shutil.which("papermill", path=str(BIN)) is None:
        sys.exit("papermill isn't installed beside this Python")
    main()
