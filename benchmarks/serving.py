"""CPU time a request: this package's serving process against MLflow's scoring server, same model, same machine.

    python benchmarks/serving.py [--seconds 5]

A logistic pipeline over 20 features is asked for one row a request by 1 and by 16 clients. What is compared is CPU
microseconds of the server process a request, which depends less on the machine than latency does.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jupyter_mlops.records.model import Manifest, Signature, Tensor
from jupyter_mlops.store.bundles import Bundles
from jupyter_mlops.store.objects import Objects

ROOT = Path(__file__).parents[1]
COLUMNS = [f"feature_{number}" for number in range(20)]
MLFLOW = """
import sys, mlflow, uvicorn
from mlflow.pyfunc import scoring_server
uvicorn.run(scoring_server.init(mlflow.pyfunc.load_model(sys.argv[1])), port=int(sys.argv[2]), log_level="warning")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(2000, 20)), columns=COLUMNS)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X["feature_0"] > 0)
    with tempfile.TemporaryDirectory() as folder:
        servers = {
            "mlflow /invocations": (mlflow_server(model, X, Path(folder)), "/invocations", split(X)),
            "ours /invocations": (our_server(model, Path(folder)), "/invocations", split(X)),
            "ours /v2/…/infer": (our_server(model, Path(folder)), "/v2/models/m/infer", tensors(X)),
        }
        figures: dict[tuple[str, int], float] = {}
        print(f"{'server':<22}{'clients':>8}{'requests/s':>12}{'CPU µs a request':>18}")
        for name, (command, path, body) in servers.items():
            for clients in (1, 16):
                rate, cost = measure(command, path, body, clients, seconds)
                figures[name, clients] = cost
                print(f"{name:<22}{clients:>8}{rate:>12.0f}{cost:>18.0f}", flush=True)
    for clients in (1, 16):
        for name in ("ours /invocations", "ours /v2/…/infer"):
            ratio = figures["mlflow /invocations", clients] / figures[name, clients]
            print(f"{name} at {clients} clients: {ratio:.1f} times less CPU than MLflow")


def split(X: pd.DataFrame) -> bytes:
    return json.dumps({"dataframe_split": {"columns": COLUMNS, "data": X[:1].to_numpy().tolist()}}).encode()


def tensors(X: pd.DataFrame) -> bytes:
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [float(X[name].iloc[0])]} for name in COLUMNS
    ]
    return json.dumps({"inputs": inputs, "outputs": [{"name": "predict"}]}).encode()


def our_server(model: Any, folder: Path) -> list[str]:
    signature = Signature(
        layout="frame",
        inputs=tuple(Tensor(name=name, datatype="FP64", shape=(-1,), dtype="float64") for name in COLUMNS),
        outputs=(Tensor(name="predict", datatype="BOOL", shape=(-1,)),),
    )
    bundles = Bundles(folder / "bundles", Objects(folder / "objects"))
    bundle = bundles.path(
        bundles.write(model, Manifest(name="m", task="classification", signature=signature))
    )
    command = [sys.executable, "-m", "jupyter_mlops.serving", "--bundle", str(bundle), "--deployment", "d"]
    return [*command, "--model", "m", "--version", "1", "--log", str(folder / "predictions.db"), "--port"]


def mlflow_server(model: Any, X: pd.DataFrame, folder: Path) -> list[str]:
    import mlflow

    path = folder / "mlflow-model"
    signature = mlflow.models.infer_signature(X[:5], model.predict(X[:5]))
    mlflow.sklearn.save_model(
        model,
        path,
        signature=signature,
        pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
    )
    return [sys.executable, "-c", MLFLOW, str(path)]


def measure(command: list[str], path: str, body: bytes, clients: int, seconds: float) -> tuple[float, float]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait(port)
        load(port, path, body, clients, 1)
        before, started = cpu_seconds(process.pid), time.perf_counter()
        requests = load(port, path, body, clients, seconds)
        return (
            requests / (time.perf_counter() - started),
            (cpu_seconds(process.pid) - before) / requests * 1e6,
        )
    finally:
        process.terminate()
        process.wait()


def wait(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/ping")
            connection.getresponse().read()
            return
        except ConnectionError:
            time.sleep(0.1)
    raise SystemExit("a server didn't start")


def load(port: int, path: str, body: bytes, clients: int, seconds: float) -> int:
    until = time.perf_counter() + seconds
    counts: list[int] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        done = 0
        while time.perf_counter() < until:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            done += 1
        counts.append(done)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
