"""The real serving process under real clients."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from jupyter_mlops.records.model import Manifest, Signature, Tensor
from jupyter_mlops.store.bundles import Bundles
from jupyter_mlops.store.objects import Objects
from jupyter_mlops.store.predictions import PredictionLog

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the guard is tested with
SECRET = "s3cret"  # noqa: S105 - made up
INFER = "/v2/models/churn/infer"
FEEDBACK = "/v2/models/churn/feedback"


def people(rows: int) -> pd.DataFrame:
    draw = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "age": draw.integers(18, 70, rows),
            "pay": draw.normal(3000, 500, rows),
            "job": draw.choice(["cook", "nurse", "clerk"], rows),
        }
    )


@pytest.fixture(scope="module")
def model() -> Any:
    X = people(200)
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["job"]), remainder="passthrough"
    )
    return make_pipeline(encode, LogisticRegression(max_iter=5000)).fit(X, (X["age"] > 40).astype(int))


@pytest.fixture(scope="module")
def bundle(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    signature = Signature(
        layout="frame",
        inputs=(
            Tensor(name="age", datatype="INT64", shape=(-1,), dtype="int64"),
            Tensor(name="pay", datatype="FP64", shape=(-1,), dtype="float64"),
            Tensor(name="job", datatype="BYTES", shape=(-1,), dtype="str"),
        ),
        outputs=(
            Tensor(name="predict", datatype="INT64", shape=(-1,)),
            Tensor(name="predict_proba", datatype="FP64", shape=(-1, 2)),
        ),
    )
    bundles = Bundles(tmp_path_factory.mktemp("bundles"), Objects(tmp_path_factory.mktemp("objects")))
    return bundles.path(
        bundles.write(model, Manifest(name="churn", task="classification", signature=signature))
    )


def start(bundle: Path, log: Path, *more: str, token: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "jupyter_mlops.serving", "--bundle", str(bundle), "--deployment", "d1"]
    command += ["--model", "churn", "--version", "3", "--log", str(log), *more]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_MLOPS_TOKEN": token}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@contextmanager
def serving(
    bundle: Path, log: Path, *more: str, token: str = ""
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = start(bundle, log, "--port", "0", *more, token=token)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"serving churn/3 at (http://\S+)\n", line)
        assert found, line + process.stderr.read()
        yield found[1], process
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def log_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "predictions.db"


@pytest.fixture(scope="module")
def address(bundle: Path, log_path: Path) -> Iterator[str]:
    with serving(bundle, log_path) as (url, _):
        yield url


def request(X: pd.DataFrame, **more: Any) -> dict[str, Any]:
    kinds = {"age": "INT64", "pay": "FP64", "job": "BYTES"}
    inputs = [
        {"name": name, "shape": [len(X)], "datatype": kinds[name], "data": X[name].tolist()}
        for name in X.columns
    ]
    return {"inputs": inputs, **more}


@pytest.mark.parametrize("binary", [False, True])
def test_tritons_client_gets_what_the_model_says(
    address: str, model: Any, log_path: Path, binary: bool
) -> None:
    X = people(7)
    columns = {
        "job": ("BYTES", X["job"].to_numpy(dtype=object)),
        "age": ("INT64", X["age"].to_numpy()),
        "pay": ("FP64", X[["pay"]].to_numpy()),
    }
    inputs = []
    for name, (datatype, values) in columns.items():
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary)
        inputs.append(tensor)
    outputs = [triton.InferRequestedOutput(n, binary_data=binary) for n in ("predict_proba", "predict")]
    client = triton.InferenceServerClient(address.removeprefix("http://"))
    try:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("churn", "3")
        assert client.get_model_metadata("churn")["inputs"][0] == {
            "name": "age",
            "datatype": "INT64",
            "shape": [-1],
        }
        result = client.infer("churn", inputs, outputs=outputs, request_id=f"triton-{binary}")
        everything = client.infer("churn", inputs)
        packed = client.infer("churn", inputs, request_compression_algorithm="gzip")
    finally:
        client.close()
    assert np.array_equal(result.as_numpy("predict"), model.predict(X))
    assert np.allclose(result.as_numpy("predict_proba"), model.predict_proba(X), rtol=0, atol=1e-12)
    assert np.array_equal(everything.as_numpy("predict"), packed.as_numpy("predict"))
    assert result.get_response()["id"] == f"triton-{binary}"
    with_id = PredictionLog(log_path).find(f"triton-{binary}")
    assert with_id.inputs["age"] == X["age"].tolist()
    assert with_id.inputs["job"] == X["job"].tolist()
    assert with_id.outputs["predict"] == model.predict(X).tolist()


# MLflow warns about its own type hints when it is imported.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_mlflows_client_gets_what_the_model_says(
    address: str, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    X = people(5)
    host, _, port = address.removeprefix("http://").rpartition(":")
    client = ScoringServerClient(host, int(port))
    client.ping()
    assert client.get_version()
    assert client.invoke(X).get_predictions()[0].tolist() == model.predict(X).tolist()


def test_csv_and_records_give_the_same(address: str, model: Any) -> None:
    X = people(4)
    expected = {"predictions": model.predict(X).tolist()}
    lines = X.to_csv(index=False)
    as_csv = httpx.post(f"{address}/invocations", content=lines, headers={"content-type": "text/csv"})
    as_records = httpx.post(f"{address}/invocations", json={"dataframe_records": X.to_dict("records")})
    assert as_csv.json() == as_records.json() == expected


def test_sixteen_clients_at_once_each_get_their_own_answer(bundle: Path, model: Any, tmp_path: Path) -> None:
    X = people(16 * 25)
    expected = model.predict_proba(X)
    wrong: list[int] = []
    ids: list[str] = []

    def ask(client: int, url: str) -> None:
        with httpx.Client(base_url=url) as connection:
            for row in range(client * 25, client * 25 + 25):
                answer = connection.post(INFER, json=request(X[row : row + 1])).json()
                ids.append(answer["id"])
                if not np.allclose(answer["outputs"][1]["data"], expected[row], rtol=0, atol=1e-12):
                    wrong.append(row)

    with serving(bundle, tmp_path / "predictions.db") as (url, _):
        threads = [threading.Thread(target=ask, args=(client, url)) for client in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        figures = httpx.get(f"{url}/metrics").text
    assert wrong == []
    assert len(set(ids)) == 400
    log = PredictionLog(tmp_path / "predictions.db")
    assert log.count("churn") == 400
    log.close()
    assert (
        'mlops_requests_total{model="churn",version="3",protocol="open-inference",status="200"} 400'
        in figures
    )
    batches = re.search(r"mlops_batch_rows_count\{.*\} (\d+)", figures)
    assert batches is not None
    assert int(batches[1]) < 400, "nothing was batched"


def test_sigterm_while_busy_loses_no_acknowledged_prediction(bundle: Path, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    enough = threading.Event()
    body = request(people(1))

    def ask(url: str) -> None:
        with httpx.Client(base_url=url) as connection:
            try:
                while True:
                    acknowledged.append(connection.post(INFER, json=body).json()["id"])
                    if len(acknowledged) > 100:
                        enough.set()
            except httpx.TransportError:
                return

    with serving(bundle, tmp_path / "predictions.db") as (url, process):
        threads = [threading.Thread(target=ask, args=(url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert enough.wait(30)
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
    log = PredictionLog(tmp_path / "predictions.db")
    for name in acknowledged:
        assert log.find(name).prediction_id == name
    # What was taken on was answered too: nothing is in the log that no client has heard of.
    assert log.count() == len(acknowledged)
    log.close()


def test_labels_that_were_taken_outlive_a_kill_and_count_for_every_version(
    bundle: Path, tmp_path: Path
) -> None:
    """Told by several clients while others ask; the process is killed outright, another one serves on the same log."""
    path, rows = tmp_path / "predictions.db", people(1).to_dict("list")
    process = start(bundle, path, "--port", "0")
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    taken: dict[str, int] = {}

    def ask_and_tell(client_number: int) -> None:
        with httpx.Client(base_url=address) as client:
            for number in range(15):
                answer = client.post("/invocations", json={"inputs": rows})
                name = answer.headers["x-prediction-id"]
                label = client_number * 100 + number
                if client.post(FEEDBACK, json={"id": name, "label": label}).json()["new"] == 1:
                    taken[name] = label

    clients = [threading.Thread(target=ask_and_tell, args=(number,)) for number in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    process.kill()
    process.communicate(timeout=30)
    assert len(taken) == 60
    with serving(bundle, path) as (again, _):
        name = next(iter(taken))
        assert httpx.post(f"{again}{FEEDBACK}", json={"id": name, "label": taken[name]}).json()["new"] == 0
        assert httpx.post(f"{again}{FEEDBACK}", json={"id": "nobody", "label": 1}).status_code == 404
    log = PredictionLog(path)
    assert log.labels([*taken]) == {(name, 0): label for name, label in taken.items()}
    log.close()


def test_malformed_bodies_get_4xx_and_one_clear_line(address: str) -> None:
    dice = random.Random(7)  # noqa: S311 - a fuzzer's dice
    good = httpx.Request("POST", address, json=request(people(2))).content
    length = {"inference-header-content-length": str(len(good) - 30)}
    with httpx.Client(base_url=address) as client:
        for number in range(300):
            broken = bytearray(good)
            for _ in range(dice.randint(1, 6)):
                at = dice.randrange(len(broken))
                match dice.randint(0, 2):
                    case 0:
                        broken[at] = dice.randrange(256)
                    case 1:
                        del broken[at : at + dice.randint(1, 40)]
                    case _:
                        broken[at:at] = dice.choice([b"null", b"[", b"-1", b'"x"', b"{}", b"1e999", b"NaN"])
            path = INFER if number % 3 else "/invocations"
            headers = {} if number % 5 else length
            answer = client.post(path, content=bytes(broken), headers=headers)
            assert answer.status_code == 200 or 400 <= answer.status_code < 500, broken
            if answer.status_code != 200:
                line = answer.json()["error"]
                assert line
                assert "\n" not in line
                assert "Traceback" not in line
        assert client.post(INFER, content=good).status_code == 200


def test_a_port_in_use_is_one_line_and_exit_2(bundle: Path, address: str, tmp_path: Path) -> None:
    port = address.rpartition(":")[2]
    process = start(bundle, tmp_path / "predictions.db", "--port", port)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert errors.startswith(f"error: can't serve on 127.0.0.1:{port}: Address already in use")
    assert errors.count("\n") == 1


def test_beyond_this_machine_it_needs_a_token(bundle: Path, tmp_path: Path) -> None:
    process = start(bundle, tmp_path / "predictions.db", "--port", "0", "--host", EVERYWHERE)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "JUPYTER_MLOPS_TOKEN" in errors
    assert errors.count("\n") == 1


def test_with_a_token_only_health_is_open(bundle: Path, tmp_path: Path) -> None:
    with serving(bundle, tmp_path / "p.db", "--host", EVERYWHERE, token=SECRET) as (url, _):
        local = url.replace(EVERYWHERE, "127.0.0.1")
        body = request(people(1))
        assert httpx.get(f"{local}/v2/health/ready").status_code == 200
        assert httpx.get(f"{local}/metrics").status_code == 401
        assert httpx.post(local + INFER, json=body).status_code == 401
        for given, status in (("Bearer wrong", 401), (f"Bearer {SECRET}", 200), (f"bearer {SECRET}", 200)):
            answer = httpx.post(local + INFER, json=body, headers={"authorization": given})
            assert answer.status_code == status


def test_a_changed_bundle_is_not_served(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / bundle.name
    copy.mkdir()
    for file in bundle.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "model.pkl").write_bytes(b"not the model")
    process = start(copy, tmp_path / "predictions.db", "--port", "0")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "is not what was logged" in errors
    assert "Traceback" not in errors


def test_the_process_loads_neither_mlflow_nor_jupyter_nor_sqlalchemy(bundle: Path, tmp_path: Path) -> None:
    code = """
import sys
from jupyter_mlops.serving import __main__, app, loader
from jupyter_mlops.store.predictions import PredictionLog
from pathlib import Path
loader.load(Path(sys.argv[1])).predict({"age": [30], "pay": [1.0], "job": ["cook"]}, 1, ["predict"])
PredictionLog(Path(sys.argv[2])).close()
heavy = {"mlflow", "IPython", "ipykernel", "jupyter_server", "jupyter_client", "sqlalchemy", "papermill", "nbformat"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    command = [sys.executable, "-c", code, str(bundle), str(tmp_path / "predictions.db")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"
