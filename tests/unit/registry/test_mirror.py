from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import jupyter_mlops as mlops
from jupyter_mlops.errors import SettingsError
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.model import Manifest, ModelVersion, Promotion, Retirement, Signature, Tensor
from jupyter_mlops.records.provenance import Commit
from jupyter_mlops.records.run import Run, StageExecution, StageRun
from jupyter_mlops.registry import mirrored_versions, standing
from jupyter_mlops.registry.mirror import Mark, Mirror, Report
from jupyter_mlops.registry.models import Registry
from jupyter_mlops.registry.tracking import Tracking, quiet
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.bundles import Bundle, Bundles
from jupyter_mlops.store.opened import Store, open_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FRAME = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20)})
TRUTH = (FRAME["a"] > 8).astype(int)
NOTHING = Report()


class Sum:
    def predict(self, X: Any) -> Any:
        return np.asarray(X).sum(axis=1)


@pytest.fixture
def store(registry_workspace: Path) -> Store:
    return open_store(Settings(root=registry_workspace, mlflow_sync="off"))


def sync(store: Store) -> Report:
    return Mirror(store).sync()


def client(store: Store) -> Any:
    return Tracking(store.settings).client


def log(model: object = None, rows: Any = FRAME, **more: Any) -> ModelVersion:
    return mlops.log_model(model or LogisticRegression().fit(FRAME, TRUTH), "churn", example=rows, **more)


def aliases(seen: Any) -> dict[str, int]:
    return {alias: int(number) for alias, number in seen.get_registered_model("churn").aliases.items()}


def in_mlflow(store: Store) -> dict[int, str]:
    """Return MLflow's versions by number, with the record that each was made from."""
    found = client(store).search_model_versions("name='churn'")
    return {int(one.version): one.tags.get("jupyter_mlops.ref", "") for one in found}


@pytest.mark.parametrize(
    "model, rows",
    [
        (LogisticRegression().fit(FRAME, TRUTH), FRAME),
        (RandomForestClassifier(5, random_state=0).fit(FRAME.to_numpy(), TRUTH), FRAME.to_numpy()),
        (Sum(), FRAME),
        (Sum(), FRAME.to_numpy(np.float32)),
    ],
)
def test_mlflow_loads_and_asks_the_model(store: Store, model: Any, rows: Any) -> None:
    log(model, rows)
    assert sync(store).versions == 1
    with quiet():
        import mlflow

        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(Tracking(store.settings).uri)
        try:
            loaded = mlflow.pyfunc.load_model("models:/churn@challenger")
        finally:
            mlflow.set_tracking_uri(before)
    np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))


def test_a_version_is_shown_with_its_figures_and_a_second_sync_finds_nothing_to_do(store: Store) -> None:
    for step in range(3):
        mlops.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
    logged = log(metrics={"auc(x)": 0.9})
    assert sync(store) == Report(versions=1, aliases=1)
    assert sync(store) == NOTHING
    seen = client(store)
    version = seen.get_model_version("churn", "1")
    run = seen.get_run(version.run_id)
    assert run.data.metrics == {"auc_x_": 0.9, "loss": pytest.approx(1 / 3)}
    assert [(p.step, p.value) for p in seen.get_metric_history(run.info.run_id, "loss")] == [
        (0, 1.0),
        (1, 0.5),
        (2, pytest.approx(1 / 3)),
    ]
    assert run.data.params["C"] == "1.0"
    assert run.info.status == "FINISHED"
    assert version.tags["jupyter_mlops.bundle"] == logged.bundle
    assert str(store.settings.state / "artifacts") in version.source
    assert aliases(seen) == {"challenger": 1}


def test_a_pipeline_run_is_kept_with_its_curves_and_files(store: Store) -> None:
    put = store.objects.put_bytes
    curves = put(canonical_json({"loss": [[0, 2.0, 5], [1, 1.0, 6]]}))
    execution = StageExecution(
        key="k", pipeline="n", stage="fit", source="", run_id="r1", curves=curves, executed=put(b"executed")
    )
    run = Run(
        run_id="r1",
        status="failed",
        notebook="n.ipynb",
        stages=(StageRun(name="fit", status="executed"),),
        metrics={**{f"m{n}": float(n) for n in range(1000)}, "loss": 1.0},
        params={"p": "x" * 9000},
        notebook_digest=put(b"notebook"),
        commit=Commit(sha="abc", dirty=True, diff=put(b"a difference")),
        parents=(str(execution.ref),),
        created_at="2026-11-21T08:00:00Z",
        finished_at="2026-11-21T08:01:00Z",
    )
    idle = Run(
        run_id="r2", status="succeeded", notebook="n.ipynb", stages=(StageRun(name="fit", status="cached"),)
    )
    bundle = store.bundles.write(Sum(), Manifest(name="sum", task="other", signature=SIGNATURE))
    made = ModelVersion(name="sum", version=1, bundle=bundle, signature=SIGNATURE, run_id="r1")
    store.ledger.append(made, execution, run, idle)
    assert sync(store) == Report(runs=1, versions=1)
    assert sync(store) == NOTHING
    seen = client(store)
    [kept] = seen.search_runs([Tracking(store.settings).experiment], "attributes.run_name = 'r1'")
    assert kept.info.status == "FAILED"
    assert (kept.info.end_time - kept.info.start_time) == 60_000
    assert len(kept.data.metrics) == 1001
    assert kept.data.tags["jupyter_mlops.run"] == "r1"
    assert kept.data.tags["mlflow.source.git.commit"] == "abc"
    assert [point.value for point in seen.get_metric_history(kept.info.run_id, "loss")] == [2.0, 1.0]
    files = {each.path for each in seen.list_artifacts(kept.info.run_id)}
    assert files == {"n.ipynb", "uncommitted.diff", "executed"}


class CutError(BaseException):
    """The process is killed here."""


@pytest.mark.parametrize("cut", [0, 2, 3, 6, 8])
def test_cut_off_anywhere_the_next_sync_completes_it_without_duplicates(
    store: Store, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    log(metrics={"auc": 0.9})
    log()
    with monkeypatch.context() as patch:
        calls = iter(range(1000))
        _after(patch, lambda: next(calls) == cut)
        with pytest.raises(CutError):
            sync(store)
    assert sync(store).findings == ()
    assert in_mlflow(store) == {1: "model/churn@1", 2: "model/churn@2"}
    seen, experiment = client(store), Tracking(store.settings).experiment
    runs = seen.search_runs([experiment])
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
    assert len(seen.search_logged_models([experiment])) == 2
    assert aliases(seen) == {"challenger": 2}
    assert sync(store) == NOTHING


def _after(patch: pytest.MonkeyPatch, killed: Any) -> None:
    """Let MLflow do what it is told, and the process die right after one of the calls."""
    from mlflow import MlflowClient

    names = (
        "create_run", "log_batch", "create_logged_model", "log_model_artifacts", "finalize_logged_model",
        "create_registered_model", "create_model_version", "set_terminated", "set_registered_model_alias",
    )  # fmt: skip
    for name in names:
        does = getattr(MlflowClient, name)

        def call(*args: Any, _does: Any = does, **more: Any) -> Any:
            answer = _does(*args, **more)
            if killed():
                raise CutError
            return answer

        patch.setattr(MlflowClient, name, call)


def test_a_number_taken_in_mlflow_is_told_and_the_next_numbers_agree_again(store: Store) -> None:
    log()
    seen = client(store)
    seen.create_registered_model("churn")
    seen.create_model_version("churn", (store.settings.root / "theirs").as_uri())
    assert [finding for finding in sync(store).findings if "is version 2 in MLflow" in finding]
    assert in_mlflow(store) == {1: "", 2: "model/churn@1"}
    assert aliases(seen) == {"challenger": 2}
    assert log().version == 3
    assert sync(store).findings == ()
    assert in_mlflow(store)[3] == "model/churn@3"
    seen.create_model_version("churn", (store.settings.root / "theirs").as_uri())
    assert log().version == 5


def test_numbers_that_mlflow_never_gave_are_skipped(store: Store) -> None:
    bundle = store.bundles.write(Sum(), Manifest(name="churn", task="other", signature=SIGNATURE))
    for number in (2, 5):
        store.ledger.append(
            ModelVersion(
                name="churn", version=number, bundle=bundle, signature=SIGNATURE, created_at=str(number)
            )
        )
    assert sync(store).findings == ()
    assert in_mlflow(store) == {2: "model/churn@2", 5: "model/churn@5"}


SIGNATURE = Signature(layout="frame", inputs=(Tensor(name="a", datatype="FP64", shape=(-1,)),), outputs=())


def test_an_alias_moved_in_mlflow_changes_nothing_on_record_and_is_put_back(store: Store) -> None:
    log(), log()
    sync(store)
    seen = client(store)
    seen.set_registered_model_alias("churn", "challenger", "1")
    seen.set_registered_model_alias("churn", "champion", "1")
    seen.set_registered_model_alias("churn", "mine", "1")
    assert standing.aliases(store, "churn") == {"challenger": 2}
    extra, moved = sync(store).findings
    assert "churn@challenger was moved to version 1 in MLflow" in moved
    assert "churn@champion is version 1 in MLflow, on record it is none" in extra
    assert aliases(seen)["challenger"] == 2
    assert aliases(seen)["mine"] == 1


def test_a_project_whose_versions_and_aliases_are_mlflows_goes_on(store: Store) -> None:
    seen = client(store)
    seen.create_registered_model("churn")
    runs = [Tracking(store.settings).begin("old", {}, 0) for _ in range(2)]
    for number, run_id in enumerate(runs, 1):
        seen.create_model_version("churn", (store.settings.root / "old").as_uri(), run_id=run_id)
        old = ModelVersion(name="churn", version=number, bundle="b", signature=SIGNATURE, mlflow_run=run_id)
        store.ledger.append(old)
    seen.set_registered_model_alias("churn", "champion", "1")
    seen.set_registered_model_alias("churn", "challenger", "2")
    # What the alias was moved by then says nothing: it may have been cut off before MLflow was told.
    store.ledger.append(Promotion(name="churn", version=2, alias="champion"))
    assert standing.aliases(store, "churn") == {"champion": 1, "challenger": 2}
    assert sync(store) == NOTHING
    assert len(in_mlflow(store)) == 2
    seen.set_registered_model_alias("churn", "champion", "2")
    assert standing.aliases(store, "churn") == {"champion": 1, "challenger": 2}
    assert log().version == 3
    assert standing.aliases(store, "churn") == {"champion": 1, "challenger": 3}
    assert "was moved to version 2" in sync(store).findings[0]
    assert aliases(seen) == {"champion": 1, "challenger": 3}


def test_a_version_that_cant_be_mirrored_holds_nothing_up_and_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, kept = log(LogisticRegression(C=2.0).fit(FRAME, TRUTH)), log()
    load = Bundles.load

    def fail(bundles: Bundles, digest: str) -> Bundle:
        if digest == lost.bundle:
            raise AttributeError("made with another version of its library")
        return load(bundles, digest)

    monkeypatch.setattr(Bundles, "load", fail)
    assert "model/churn@1" in sync(store).findings[0]
    assert in_mlflow(store) == {2: str(kept.ref)}
    monkeypatch.setattr(Bundles, "load", load)
    # Its number is used up by now.
    assert "is version 3 in MLflow" in sync(store).findings[0]
    assert sync(store) == NOTHING


def test_a_version_taken_away_goes_in_mlflow_too(store: Store) -> None:
    log(), log()
    sync(store)
    store.ledger.append(Retirement(name="churn", version=1, cause="collected"))
    sync(store)
    assert in_mlflow(store) == {2: "model/churn@2"}
    assert sync(store) == NOTHING


def test_an_empty_mlflow_gets_everything_again(store: Store) -> None:
    log(), log()
    sync(store)
    again = open_store(
        Settings(root=store.settings.root, mlflow_sync="off", tracking_uri="sqlite:///.mlops/other.db")
    )
    assert sync(again).versions == 2
    assert in_mlflow(again) == {1: "model/churn@1", 2: "model/churn@2"}


def test_mlflows_global_state_is_left_alone(store: Store) -> None:
    log()
    with quiet():
        import mlflow

        before = mlflow.get_tracking_uri()
        sync(store)
        assert mlflow.get_tracking_uri() == before
        assert mlflow.active_run() is None
    assert not (store.settings.root / "mlflow.db").exists()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_reading_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    registry = Registry(Settings(root=tmp_path))
    assert (registry.highest("churn"), registry.aliases("churn")) == (0, {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_read_at_a_glance_is_what_mlflow_says(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    log(), log()
    sync(store)
    registry = Registry(store.settings)
    assert (registry.highest("churn"), registry.aliases("churn")) == (2, {"challenger": 2})
    registry.remember(mirrored_versions.Versions(store, registry.tracking).numbers())
    monkeypatch.setattr("jupyter_mlops.registry.glance.glance", lambda *_: None)
    assert (registry.highest("churn"), registry.aliases("churn")) == (2, {"challenger": 2})
    assert (registry.highest("nobody"), registry.aliases("nobody")) == (0, {})


def test_a_url_that_mlflow_cant_open_is_a_setting_to_mend(tmp_path: Path) -> None:
    (tmp_path / ".mlops").mkdir()
    with pytest.raises(SettingsError, match=r"MLflow can't open nonsense://me:\*\*\*@x"):
        _ = Tracking(Settings(root=tmp_path, tracking_uri="nonsense://me:secret@x")).client


def test_a_mark_changed_by_somebody_is_the_beginning() -> None:
    assert Mark.read("nonsense") == Mark()
    mark = Mark().past(3).past(4, again=True).past(5)
    assert Mark.read(mark.text) == mark == Mark(after=5, again=(4,))
    assert mark.past(4) == Mark(after=5)
