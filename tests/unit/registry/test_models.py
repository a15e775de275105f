from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from jupyter_mlops.errors import NotFoundError, SettingsError
from jupyter_mlops.records.run import Commit, Run
from jupyter_mlops.registry.models import Registry
from jupyter_mlops.registry.signatures import infer
from jupyter_mlops.registry.tracking import Tracking, quiet
from jupyter_mlops.settings import Settings

pytestmark = pytest.mark.slow

FRAME = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20)})
TRUTH = (FRAME["a"] > 8).astype(int)


class Sum:
    def predict(self, X: Any) -> Any:
        return np.asarray(X).sum(axis=1)


@pytest.fixture
def registry(registry_workspace: Path) -> Registry:
    return Registry(Settings(root=registry_workspace))


def register(registry: Registry, model: object, name: str = "churn", rows: object = FRAME) -> int:
    signature = infer(model, rows)  # type: ignore[arg-type]  # a frame or an array
    number, _ = registry.register(
        name,
        model,
        signature,
        metrics={"auc(x)": 0.9},
        params={"c": 1},
        tags={"t": "1"},
        requirements=("numpy",),
    )
    return number


def load(registry: Registry, uri: str) -> object:
    with quiet():
        import mlflow

        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(registry.tracking.uri)
        try:
            return mlflow.pyfunc.load_model(uri)
        finally:
            mlflow.set_tracking_uri(before)


def test_reading_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    registry = Registry(Settings(root=tmp_path))
    assert (registry.names(), registry.versions("churn"), registry.aliases("churn")) == ([], [], {})
    with pytest.raises(NotFoundError, match="there is no model yet"):
        registry.version("churn", "champion")
    assert list(tmp_path.iterdir()) == []


def test_numbers_and_aliases(registry: Registry) -> None:
    model = LogisticRegression().fit(FRAME, TRUTH)
    assert [register(registry, model), register(registry, model), register(registry, model, "other")] == [
        1,
        2,
        1,
    ]
    registry.set_alias("churn", "champion", 1)
    assert registry.names() == ["churn", "other"]
    assert registry.versions("churn") == [2, 1]
    assert registry.aliases("churn") == {"champion": 1}
    assert (registry.version("churn", "champion"), registry.version("churn", 2)) == (1, 2)
    for which, message in (("9", "no version of churn '9'"), ("shadow", "no alias of churn 'shadow'")):
        with pytest.raises(NotFoundError, match=message):
            registry.version("churn", which)


def test_what_is_read_at_a_glance_is_what_mlflow_says(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LogisticRegression().fit(FRAME, TRUTH)
    register(registry, model)
    register(registry, model)
    registry.set_alias("churn", "champion", 2)
    at_a_glance = registry.names(), registry.versions("churn"), registry.aliases("churn")
    monkeypatch.setattr("jupyter_mlops.registry.glance.glance", lambda *_: None)
    assert (registry.names(), registry.versions("churn"), registry.aliases("churn")) == at_a_glance
    assert registry.aliases("nobody") == {}


@pytest.mark.parametrize(
    "model, rows",
    [
        (LogisticRegression().fit(FRAME, TRUTH), FRAME),
        (RandomForestClassifier(5, random_state=0).fit(FRAME.to_numpy(), TRUTH), FRAME.to_numpy()),
        (Sum(), FRAME),
        (Sum(), FRAME.to_numpy(np.float32)),
    ],
)
def test_mlflow_loads_and_asks_the_model(registry: Registry, model: object, rows: object) -> None:
    register(registry, model, rows=rows)
    answers = load(registry, "models:/churn/1").predict(rows)  # type: ignore[attr-defined]  # a PyFuncModel
    np.testing.assert_array_equal(answers, model.predict(rows))  # type: ignore[attr-defined]  # they all have it


def test_figures_land_in_mlflow_under_names_it_allows(registry: Registry) -> None:
    register(registry, LogisticRegression().fit(FRAME, TRUTH))
    client = registry.tracking.client
    version = client.get_model_version("churn", "1")
    run = client.get_run(version.run_id)
    assert run.data.metrics == {"auc_x_": 0.9}
    assert run.data.params == {"c": "1"}
    assert run.info.status == "FINISHED"
    assert version.tags == {"t": "1"}
    assert str(registry.settings.state / "artifacts") in version.source


def test_a_pipeline_run_is_kept(registry: Registry) -> None:
    run = Run(
        run_id="r1",
        status="failed",
        notebook="n.ipynb",
        metrics={f"m{n}": float(n) for n in range(250)},
        params={"p": "x" * 9000},
        commit=Commit(sha="abc", dirty=False),
    )
    kept = registry.tracking.client.get_run(registry.log_run(run))
    assert kept.info.status == "FAILED"
    assert len(kept.data.metrics) == 250
    assert kept.data.tags["jupyter_mlops.run"] == "r1"
    assert kept.data.tags["mlflow.source.git.commit"] == "abc"


def test_mlflows_global_state_is_left_alone(registry: Registry) -> None:
    with quiet():
        import mlflow

        before = mlflow.get_tracking_uri()
        register(registry, LogisticRegression().fit(FRAME, TRUTH))
        assert mlflow.get_tracking_uri() == before
        assert mlflow.active_run() is None
    assert not (registry.settings.root / "mlflow.db").exists()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


TWO = """
import sys, warnings
warnings.simplefilter("error")
from pathlib import Path
from sklearn.linear_model import LinearRegression
from jupyter_mlops.records.model import Signature, Tensor
from jupyter_mlops.registry.models import Registry
from jupyter_mlops.registry.tracking import load_mlflow
from jupyter_mlops.settings import Settings
registry = Registry(Settings(root=Path(sys.argv[1])))
x = Tensor(name="input", datatype="FP64", shape=(-1, 1), dtype="float64")
signature = Signature(layout="array", inputs=(x,), outputs=())
model = LinearRegression().fit([[0.0], [1.0]], [0, 1])
load_mlflow()
sys.stdin.readline()
for _ in range(3):
    print(registry.register("churn", model, signature, metrics={}, params={}, tags={})[0])
"""


def test_two_processes_register_at_once_with_a_new_database(tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate() for process in both]
    assert [error for _, error in answers] == ["", ""]
    numbers = sorted(int(line) for output, _ in answers for line in output.split())
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_a_url_that_mlflow_cant_open_is_a_setting_to_mend(tmp_path: Path) -> None:
    (tmp_path / ".mlops").mkdir()
    with pytest.raises(SettingsError, match="MLflow can't open"):
        _ = Tracking(Settings(root=tmp_path, tracking_uri="nonsense://x")).client
