from __future__ import annotations

import hashlib
import importlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import jupyter_mlops as mlops
from jupyter_mlops.data import versions
from jupyter_mlops.errors import DataError, NotFoundError, UsageError
from jupyter_mlops.pipeline import session as sessions
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.run import NamedVersion
from jupyter_mlops.registry import attachments, standing
from jupyter_mlops.settings import load
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import register
from jupyter_mlops.workflows.recorded import VARIABLE, Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.pipeline.session import Session

X = pd.DataFrame({"age": np.arange(60.0), "SEX": np.arange(60) % 2 + 1})
Y = (X["age"] > 30).astype(int).rename("employed")


@pytest.fixture
def store(workspace: Path) -> Store:
    return open_store(load())


@pytest.fixture
def stage(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv(sessions.RUN_VARIABLE, "20261121-084455-3fa9c1")
    found = sessions.start("churn", "train", str(workspace))
    found.params = {"year": 2015}
    found.upstream_datasets.append(NamedVersion(name="census", version="c" * 64))
    yield found
    sessions.finish()


def model() -> Any:
    return LogisticRegression().fit(X, Y)


def test_a_dataset_is_recorded_and_its_content_returned(
    stage: Session, store: Store, workspace: Path
) -> None:
    (workspace / "churn.csv").write_text("x\n1\n")
    path = mlops.dataset("churn", "churn.csv")
    (workspace / "churn.csv").write_text("x\n2\n")
    assert path.read_text() == "x\n1\n"
    assert path.name == "churn.csv"
    version = versions.resolve(store, "churn")
    assert stage.datasets == [NamedVersion(name="churn", version=version.version)]
    assert stage.reads == {"churn.csv": version.version}


def test_the_path_has_the_name_of_the_file_that_was_given(store: Store, workspace: Path) -> None:
    for name in ("a.csv", "b.txt"):
        (workspace / name).write_text("x\n1\n")
    assert mlops.dataset("churn", "a.csv").name == "a.csv"
    assert mlops.dataset("churn", workspace / "b.txt").name == "b.txt"
    assert len(store.ledger.find("dataset")) == 1


def test_a_folder_is_read_file_by_file(stage: Session, workspace: Path) -> None:
    (workspace / "images" / "sub").mkdir(parents=True)
    (workspace / "images" / "sub" / "a.png").write_bytes(b"a")
    path = mlops.dataset("images", "images/")
    (workspace / "images" / "sub" / "a.png").write_bytes(b"b")
    assert (path / "sub" / "a.png").read_bytes() == b"a"
    assert stage.reads.keys() == {"images/sub/a.png", "images/"}
    assert stage.reads["images/sub/a.png"] == hashlib.sha256(b"a").hexdigest()


def test_a_frame_was_made_from_what_was_recorded_before_it(
    stage: Session, store: Store, workspace: Path
) -> None:
    (workspace / "raw.csv").write_text("x\n1\n")
    mlops.dataset("raw", "raw.csv")
    mlops.dataset("clean", X)
    raw, clean = versions.resolve(store, "raw"), versions.resolve(store, "clean")
    assert raw.parents == ()
    assert clean.parents == ("dataset/census@" + "c" * 64, str(raw.ref))
    mlops.dataset("other", X + 1, derived_from=["raw"])
    assert versions.resolve(store, "other").parents == (str(raw.ref),)
    with pytest.raises(NotFoundError, match="no dataset 'rwa'; did you mean raw"):
        mlops.dataset("third", X + 2, derived_from=["rwa"])


def test_a_version_on_record_needs_no_source(stage: Session, store: Store, workspace: Path) -> None:
    for number in (1, 2):
        (workspace / "churn.csv").write_text(f"x\n{number}\n")
        versions.add(store, "churn", workspace / "churn.csv")
    (workspace / "churn.csv").unlink()
    first = versions.versions_of(store, "churn")[1]
    assert mlops.dataset(f"churn@{first.version[:8]}").read_text() == "x\n1\n"
    assert stage.reads == {}
    assert mlops.dataset("churn").read_text() == "x\n2\n"
    assert list(stage.reads) == ["dataset://churn"]
    assert stage.datasets[0].version == first.version
    with pytest.raises(NotFoundError, match="did you mean churn"):
        mlops.dataset("chrun")
    with pytest.raises(UsageError, match="can't name a dataset"):
        mlops.dataset("churn@4f2a", X)


def test_in_a_build_made_again_it_is_the_version_of_then(
    stage: Session, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    for number in (1, 2):
        path = workspace / str(number) / "churn.csv"
        path.parent.mkdir()
        path.write_text(f"x\n{number}\n")
        version = hashlib.sha256(path.read_bytes()).hexdigest()
        kept.append(Recorded(name="churn", version=version, source="churn.csv", path=str(path)))
    (workspace / "recorded.json").write_bytes(canonical_json(kept))
    monkeypatch.setenv(VARIABLE, str(workspace / "recorded.json"))
    assert mlops.dataset(f"churn@{kept[1].version[:8]}").read_text() == "x\n2\n"
    assert mlops.dataset(f"churn@{kept[0].version}").read_text() == "x\n1\n"


def test_a_query_is_asked_each_time(stage: Session, workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
    url = f"sqlite:///{workspace}/shop.db"
    path = mlops.dataset("orders", url, query="SELECT id FROM orders")
    assert pd.read_parquet(path).to_dict("list") == {"id": [1]}
    assert list(stage.reads) == [url]


def test_a_frame_is_a_dataset_too(stage: Session) -> None:
    path = mlops.dataset("people", X)
    pd.testing.assert_frame_equal(pd.read_parquet(path), X)
    assert stage.reads == {}


def test_figures_are_kept_with_the_stage(stage: Session) -> None:
    mlops.log_metrics({"auc": np.float64(0.5)})
    mlops.log_metrics({"auc": 0.75, "rows": 3})
    assert stage.metrics == {"auc": 0.75, "rows": 3.0}
    for bad in ("high", None, float("nan"), [1, 2]):
        with pytest.raises(DataError, match="metric 'auc'"):
            mlops.log_metrics({"auc": bad})  # type: ignore[dict-item]  # wrong on purpose
    assert stage.metrics == {"auc": 0.75, "rows": 3.0}


def test_figures_with_a_step_become_a_curve(stage: Session) -> None:
    for epoch in range(3):
        mlops.log_metrics({"loss": 1.0 / (epoch + 1)}, step=epoch)
    assert stage.metrics == {"loss": 1 / 3}
    assert [(step, value) for step, value, _ in stage.curves["loss"]] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    for bad in (0.5, "1", True):
        with pytest.raises(DataError, match="step is"):
            mlops.log_metrics({"loss": 1.0}, step=bad)  # type: ignore[arg-type]  # wrong on purpose


def test_by_hand_figures_go_with_the_next_model_and_no_other(store: Store) -> None:
    mlops.log_metrics({"auc": 0.5})
    mlops.log_metrics({"loss": 2.0}, step=1)
    first = mlops.log_model(model(), "churn", example=X, metrics={"auc": 0.75})
    second = mlops.log_model(model(), "churn", example=X)
    assert first.metrics == {"auc": 0.75, "loss": 2.0}
    assert [point[:2] for point in attachments.curves(store, first.curves)["loss"]] == [(1, 2.0)]
    assert (second.metrics, second.curves) == ({}, "")
    assert first.hardware is not None
    assert b"scikit-learn" in store.objects.read(first.environment)


def test_a_model_is_bundled_registered_and_recorded(workspace: Path, stage: Session, store: Store) -> None:
    (workspace / "churn.csv").write_text("x\n1\n")
    mlops.dataset("churn", "churn.csv")
    version = mlops.log_model(model(), "churn", test=(X, Y), sensitive=X["SEX"], metrics={"auc": 0.9})
    own, census = versions.resolve(store, "churn"), f"dataset/census@{'c' * 64}"
    test = versions.resolve(store, "churn-test")
    assert store.ledger.get("model/churn@1") == version
    assert (version.run_id, version.stage) == ("20261121-084455-3fa9c1", "train")
    assert version.datasets == (census, str(own.ref))
    assert version.parents == ("run/20261121-084455-3fa9c1", census, str(own.ref), str(test.ref))
    assert version.metrics == {"auc": 0.9}
    assert version.params["year"] == 2015
    assert version.hyperparameters["C"] == 1.0
    assert stage.models == [NamedVersion(name="churn", version=1)]
    assert standing.aliases(store, "churn") == {"challenger": 1}
    assert version.test is not None
    assert version.test.sensitive == {"SEX": "SEX"}
    rows = versions.load_frame(store, test)
    pd.testing.assert_frame_equal(rows[list(version.test.features)], X)
    assert list(rows[version.test.target]) == list(Y)
    bundle = store.bundles.load(version.bundle)
    assert (bundle.manifest.task, bundle.manifest.classes) == ("classification", (0, 1))
    assert bundle.manifest.signature == version.signature
    np.testing.assert_array_equal(bundle.model.predict(X), model().predict(X))


def test_by_hand_what_was_read_before_stands_behind_the_model(workspace: Path, store: Store) -> None:
    mlops.dataset("people", X)
    first = mlops.log_model(model(), "churn", example=X[:5])
    second = mlops.log_model(LinearRegression().fit(X.to_numpy(), Y), "score", test=(X.to_numpy(), Y))
    people = str(versions.resolve(store, "people").ref)
    assert first.parents == first.datasets == (people,)
    assert (first.run_id, first.test) == ("", None)
    assert second.signature.layout == "array"
    assert second.test is not None
    assert second.test.features == ("x0", "x1")
    assert store.bundles.load(second.bundle).manifest.task == "regression"


def test_functions_of_the_notebook_travel_with_the_model(
    workspace: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "beside_it.py").write_text(
        "def scale(X):\n    return halve(X)\ndef halve(X):\n    return X / 2\n"
    )
    monkeypatch.syspath_prepend(workspace)
    beside = importlib.import_module("beside_it")
    cell: dict[str, Any] = {"__name__": "__main__"}
    exec("import numpy as np\ndef log(X):\n    return np.log1p(X)", cell)  # noqa: S102 - a cell's code
    trained = make_pipeline(
        FunctionTransformer(beside.scale), FunctionTransformer(cell["log"]), LogisticRegression()
    ).fit(X, Y)
    version = mlops.log_model(trained, "churn", example=X)
    code = (
        "import pickle, sys, pandas as pd;"
        "model = pickle.load(open(sys.argv[1], 'rb'));"
        "print(model.predict(pd.DataFrame({'age': [1.0, 59.0], 'SEX': [1, 2]})).tolist())"
    )
    pickled = store.bundles.path(version.bundle) / "model.pkl"
    done = subprocess.run(
        [sys.executable, "-c", code, str(pickled)], cwd="/", capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[0, 1]", "")


class Silent:
    """No answer to anything."""


UNPICKLABLE = model()
UNPICKLABLE.lines = (line for line in "abc")


@pytest.mark.parametrize(
    "given, how, message",
    [
        (model(), {}, "pass example"),
        (model(), {"example": X, "sensitive": {"SEX": [1]}}, "belong to test rows"),
        (model(), {"test": X}, r"pass test=\(X, y\)"),
        (model(), {"test": (X, Y[:3])}, "the target has 3 values for 60 test rows"),
        (model(), {"test": (X, Y), "sensitive": {"SEX": [1]}}, "'SEX' has 1 values for 60"),
        (model(), {"example": X[["age"]]}, "fails on the example"),
        (model(), {"example": X, "metrics": {"auc": "high"}}, "a metric is a number"),
        (Silent(), {"example": X}, "has no predict"),
        (UNPICKLABLE, {"example": X}, "can't be pickled"),
    ],
)
def test_what_cant_be_logged_is_refused_and_changes_nothing(
    workspace: Path, given: Any, how: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        mlops.log_model(given, "churn", **how)
    assert [path.name for path in workspace.iterdir()] == ["mlops.toml"]


def test_a_bad_name_is_refused(workspace: Path) -> None:
    with pytest.raises(UsageError, match="can't name a model"):
        mlops.log_model(model(), "churn/1", example=X)


@pytest.mark.parametrize("found", [None, TypeError("needs an argument"), ["not", "a", "dict"]])
def test_other_peoples_get_params_are_left_alone(found: Any) -> None:
    class Odd:
        def get_params(self) -> Any:
            if isinstance(found, Exception):
                raise found
            return found

    assert register._hyperparameters(Odd()) == {}
    assert register._hyperparameters(object()) == {}
