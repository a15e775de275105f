"""What must be on record for a model to be built again, and what is said where it isn't."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.errors import IntegrityError, NotFoundError
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation, Figure
from jupyter_mlops.records.model import Manifest, ModelVersion, Signature
from jupyter_mlops.records.run import Environment, NamedVersion, Run, StageExecution
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import origin
from tests.notebooks import text

SIGNATURE = Signature(layout="array", inputs=(), outputs=())
CELLS = tuple(
    (f"{name} = 1", {"mlops": {"kind": "stage", "name": name}}) for name in ("load", "look", "train")
)


@pytest.fixture
def store(workspace):
    return open_store(Settings(root=workspace))


def a_version(store, **changes: Any) -> ModelVersion:
    manifest = Manifest(name="m", task="other", signature=SIGNATURE, requirements=("numpy==2",))
    bundle = store.bundles.write([1.0], manifest)
    known = {"name": "m", "version": 2, "bundle": bundle, "run_id": "r", "stage": "train", **changes}
    return ModelVersion(signature=SIGNATURE, mlflow_run="", **known)


def a_run(store, *, models=(1, 2)):
    def execution(stage, **changes):
        return StageExecution(key="k", pipeline="n", stage=stage, source="", run_id="r", **changes)

    named = tuple(NamedVersion(name="m", version=number) for number in models)
    executions = (
        execution("load", metrics={"rows": 3.0}),
        execution("look"),
        execution("train", upstream={"load": "p"}, models=named, metrics={"score": 0.5}),
    )
    run = Run(
        run_id="r", status="succeeded", notebook="work/n.ipynb", params={"a": 1},
        notebook_digest=store.objects.put_bytes(text(*CELLS).encode()),
        environment=store.objects.put_bytes(canonical_json(Environment(python="3.11.7", platform="linux"))),
        parents=tuple(str(each.ref) for each in executions),
    )  # fmt: skip
    store.ledger.append(*executions, run)
    return run


def test_the_stages_behind_a_version_and_its_figures_are_collected(store):
    a_run(store)
    version = a_version(store, metrics={"score": 0.75})
    judged = Evaluation(
        model="m", version=2, passed=True, rows=5, created_at="t",
        conditions=(
            ConditionResult(text="accuracy >= 0.5", status="passed", value=0.6),
            ConditionResult(text="accuracy >= champion.accuracy", status="passed", value=0.6),
            ConditionResult(text="latency_ms.p95 <= 5", status="passed", value=2.0),
        ),
        figures=(Figure(metric="accuracy", value=0.6), Figure(metric="f1", value=0.7)),
    )  # fmt: skip
    store.ledger.append(judged)
    found = origin.find(store, version)
    assert list(found.executions) == ["load", "train"]
    assert (found.label, found.stage, found.place, found.requirements) == ("m/2", "train", 1, ("numpy==2",))
    assert found.conditions == ("accuracy >= 0.5",)
    assert {name: found.metrics[name] for name in ("rows", "score", "gate: accuracy", "gate: f1")} == {
        "rows": 3.0,
        "score": 0.75,
        "gate: accuracy": 0.6,
        "gate: f1": 0.7,
    }
    assert found.model is not None
    assert found.model.read_bytes()


def test_what_is_missing_is_said(store):
    with pytest.raises(NotFoundError, match="logged by hand"):
        origin.find(store, a_version(store, run_id=""))
    with pytest.raises(NotFoundError, match="ended before it was done"):
        origin.find(store, a_version(store))
    run = a_run(store, models=(1,))
    with pytest.raises(NotFoundError, match="failed afterwards"):
        origin.find(store, a_version(store))
    store.objects.path(run.notebook_digest).unlink()
    with pytest.raises(NotFoundError, match="the notebook of m/1"):
        origin.find(store, a_version(store, version=1))


def test_a_changed_notebook_or_model_is_refused(store):
    run = a_run(store)
    version = a_version(store)
    model = store.bundles.path(version.bundle) / "model.pkl"
    model.chmod(0o644)
    model.write_bytes(b"other")
    with pytest.raises(IntegrityError, match=r"model\.pkl is not what was logged"):
        origin.find(store, version)
    notebook = store.objects.path(run.notebook_digest)
    notebook.chmod(0o644)
    notebook.write_bytes(b"{}")
    with pytest.raises(IntegrityError, match="the notebook of m/2"):
        origin.find(store, version)
