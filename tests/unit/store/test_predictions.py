from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlops.errors import IntegrityError, NotFoundError
from jupyter_mlops.records.serving import Prediction
from jupyter_mlops.store.predictions import PAGE, PredictionLog, UsedIdError

ROOT = Path(__file__).parents[3]


def prediction(name: str, model: str = "churn", version: int = 3) -> Prediction:
    return Prediction(
        prediction_id=name,
        deployment="d1",
        model=model,
        version=version,
        rows=2,
        inputs={"age": [31, 44], "job": ["cook", None]},
        outputs={"predict": [0, 1], "predict_proba": [[0.9, 0.1], [0.2, 0.8]]},
        milliseconds=1.5,
        created_at="2026-11-21T08:00:00+00:00",
        parents=("deployment/d1",),
    )


@pytest.fixture
def log(tmp_path: Path):
    opened = PredictionLog(tmp_path / "state" / "predictions.db")
    yield opened
    opened.close()


def test_what_goes_in_comes_out(log: PredictionLog) -> None:
    log.append([prediction("a"), prediction("b")])
    assert log.find("a") == prediction("a")
    assert log.count() == 2


def test_an_unknown_id_is_not_found(log: PredictionLog) -> None:
    with pytest.raises(NotFoundError, match="no prediction 'nope'"):
        log.find("nope")


def test_rows_are_of_one_model_in_order_and_over_many_pages(log: PredictionLog) -> None:
    log.append([prediction(f"p{i:04}", version=1 + i % 2) for i in range(PAGE + 10)])
    log.append([prediction("other", model="fraud")])
    assert [p.prediction_id for p in log.rows("churn")] == [f"p{i:04}" for i in range(PAGE + 10)]
    assert {p.version for p in log.rows("churn", 2)} == {2}
    assert log.count("fraud") == 1
    assert list(log.rows("nobody")) == []


def test_a_used_id_is_named_and_nothing_is_written(log: PredictionLog) -> None:
    log.append([prediction("a")])
    with pytest.raises(UsedIdError, match="'a' is already used") as caught:
        log.append([prediction("b"), prediction("a")])
    assert caught.value.details["ids"] == ["a"]
    assert log.count() == 1
    with pytest.raises(UsedIdError):
        log.append([prediction("c"), prediction("c")])
    log.append([prediction("c")])
    assert log.count() == 2


def test_ids_by_prefix_take_percent_signs_literally(log: PredictionLog) -> None:
    log.append([prediction("ab1"), prediction("ab2"), prediction("zz")])
    assert log.ids("ab") == ["ab2", "ab1"]
    assert log.ids("%") == []


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.db"
    path.write_bytes(b"this is no database, but it is long enough to look like one" * 20)
    with pytest.raises(IntegrityError, match="can't be opened"):
        PredictionLog(path)


WRITER = """
import sys
from pathlib import Path
from jupyter_mlops.records.serving import Prediction
from jupyter_mlops.store.predictions import PredictionLog
log = PredictionLog(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{number}"
    log.append([Prediction(prediction_id=name, deployment="d", model="m", version=1, rows=1)])
    print(name, flush=True)
"""


def writer(path: Path, name: str, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(number)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "predictions.db"
    with writer(path, "w", 10**9) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(25)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split()
    log = PredictionLog(path)
    assert len(acknowledged) >= 25
    for name in acknowledged:
        assert log.find(name).prediction_id == name
    log.close()


@pytest.mark.slow
def test_several_processes_make_the_file_and_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "predictions.db"
    processes = [writer(path, f"w{i}", 40) for i in range(4)]
    for process in processes:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert len(output.split()) == 40
    log = PredictionLog(path)
    assert log.count() == 160
    log.close()
