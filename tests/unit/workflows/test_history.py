from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.records.access import Approval
from jupyter_mlops.records.dataset import Column, DatasetVersion
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Promotion, Retirement, Signature, TestData
from jupyter_mlops.records.provenance import Commit
from jupyter_mlops.records.run import NamedVersion, Run, StageExecution, StageRun
from jupyter_mlops.records.serving import Deployment, Prediction
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows.history import lineage, open_lineage, shown

DATA, TEST = "4f2a" + "0" * 60, "77aa" + "1" * 60
OLD, NEW = "20261120-100000-aaaaaa", "20261121-080000-bbbbbb"
PREDICTION = "0193a1b2-7777-7000-8000-000000000001"


def dataset(name: str, version: str) -> DatasetVersion:
    return DatasetVersion(
        name=name,
        version=version,
        source="data/churn.csv",
        format="csv",
        size_bytes=12345,
        rows=1000,
        columns=(Column(name="age", dtype="int64", kind="numeric"),),
    )


def stage(
    name: str,
    run: str,
    *parents: str,
    datasets: tuple[NamedVersion, ...] = (),
    models: tuple[NamedVersion, ...] = (),
) -> StageExecution:
    return StageExecution(
        key=f"key-{name}",
        pipeline="churn",
        stage=name,
        run_id=run,
        cells=(1, 2),
        source=f"# {name}\nX = 1\ny = 2\nz = 3\nlast = 4",
        seconds=1.5,
        created_at=f"{run[:4]}-{run[4:6]}-{run[6:8]}T08:00:04.000000Z",
        parents=parents,
        datasets=datasets,
        models=models,
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project where `load` was cached from an older run, and `report` stands beside `train`."""
    found = Settings(root=tmp_path)
    model = ModelVersion(
        name="churn",
        version=3,
        bundle="b" * 64,
        signature=Signature(layout="frame", inputs=(), outputs=()),
        mlflow_run="m",
        run_id=NEW,
        stage="train",
        datasets=(f"dataset/churn@{DATA}",),
        test=TestData(dataset=f"dataset/churn-test@{TEST}", target="left", features=("age",)),
        metrics={"accuracy": 0.81234567},
        params={"seed": 7},
        parents=(f"dataset/churn@{DATA}",),
        created_at="2026-11-21T08:00:05.000000Z",
        author="ana",
    )
    older = msgspec.structs.replace(model, version=2, run_id="", stage="")
    churn = NamedVersion(name="churn", version=DATA)
    open_store(found).ledger.append(
        dataset("churn", DATA),
        dataset("churn-test", TEST),
        stage("load", OLD, datasets=(churn,)),
        stage("train", NEW, f"stage/churn.load@{OLD}", models=(NamedVersion(name="churn", version=3),)),
        stage("report", NEW, f"stage/churn.train@{NEW}"),
        Run(
            run_id=NEW,
            status="succeeded",
            notebook="churn.ipynb",
            stages=(
                StageRun(name="load", status="cached", key="key-load"),
                StageRun(name="train", status="executed", key="key-train"),
                StageRun(name="report", status="executed", key="key-report"),
            ),
            parents=(f"stage/churn.load@{OLD}", f"stage/churn.train@{NEW}", f"stage/churn.report@{NEW}"),
            datasets=(churn,),
            models=(NamedVersion(name="churn", version=3),),
            params={"seed": 7},
            commit=Commit(sha="abcdef0123456789", dirty=True),
            created_at="2026-11-21T08:00:00.000000Z",
            finished_at="2026-11-21T08:00:10.000000Z",
        ),
        older,
        model,
        Evaluation(
            model="churn",
            version=3,
            passed=True,
            conditions=(
                ConditionResult(text="accuracy >= 0.8", status="passed", value=0.8123, ci=(0.79, 0.83)),
            ),
            rows=250,
            champion=2,
            parents=("model/churn@3", "model/churn@2", f"dataset/churn-test@{TEST}"),
            created_at="2026-11-21T08:00:20.000000Z",
        ),
        Promotion(
            name="churn",
            version=3,
            alias="champion",
            previous=2,
            reason="better",
            parents=("model/churn@3",),
            created_at="2026-11-21T08:01:00.000000Z",
            author="bo",
        ),
        Deployment(
            deployment_id="churn-3-d1",
            model="churn",
            version=3,
            bundle="b" * 64,
            address="http://127.0.0.1:8080",
            parents=("model/churn@3",),
        ),
    )
    log = PredictionLog(found.state / "predictions.db")
    answered = Prediction(
        prediction_id=PREDICTION,
        deployment="churn-3-d1",
        model="churn",
        version=3,
        rows=1,
        inputs={"age": [31]},
        outputs={"predict": [1], "predict_proba": [[0.2, 0.8]]},
    )
    log.append([answered, msgspec.structs.replace(answered, prediction_id="orphan", deployment="gone")])
    log.close()
    return found


CHAIN = {
    f"prediction/{PREDICTION}",
    "deployment/churn-3-d1",
    "model/churn@3",
    "evaluation/churn.3@2026-11-21T08:00:20.000000Z",
    "promotion/churn.champion@2026-11-21T08:01:00.000000Z",
    f"run/{NEW}",
    f"stage/churn.train@{NEW}",
    f"stage/churn.load@{OLD}",
    f"dataset/churn@{DATA}",
    f"dataset/churn-test@{TEST}",
}


def test_the_chain_behind_a_prediction_is_whole_and_has_nothing_else(settings: Settings) -> None:
    chain = lineage(settings, PREDICTION)
    assert {node.ref for node in chain.nodes} == CHAIN
    assert not any(node.missing for node in chain.nodes)
    edges = {(edge.source.partition("@")[0], edge.to.partition("@")[0]) for edge in chain.edges}
    assert ("stage/churn.load", "stage/churn.train") in edges
    assert ("dataset/churn", "stage/churn.load") in edges
    assert ("model/churn", "deployment/churn-3-d1") in edges


@pytest.mark.parametrize(
    "text, start",
    [
        (f"prediction/{PREDICTION}", f"prediction/{PREDICTION}"),
        (PREDICTION[:13], f"prediction/{PREDICTION}"),
        ("model/churn@3", "model/churn@3"),
        ("churn/3", "model/churn@3"),
        ("churn@3", "model/churn@3"),
        ("churn/2", "model/churn@2"),
        (NEW, f"run/{NEW}"),
        (f"run/{NEW}", f"run/{NEW}"),
        ("churn@4f2a", f"dataset/churn@{DATA}"),
        ("dataset/churn@4f2a", f"dataset/churn@{DATA}"),
        ("churn-test", f"dataset/churn-test@{TEST}"),
        ("deployment/churn-3-d1", "deployment/churn-3-d1"),
    ],
)
def test_all_spellings_find_their_record(settings: Settings, text: str, start: str) -> None:
    assert lineage(settings, text).start == start


def test_a_run_shows_all_its_stages(settings: Settings) -> None:
    stages = {node.ref for node in lineage(settings, NEW).nodes if node.kind == "stage"}
    assert stages == {f"stage/churn.load@{OLD}", f"stage/churn.train@{NEW}", f"stage/churn.report@{NEW}"}


def test_what_is_unknown_names_what_is_near(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="no record 'churn/4'; did you mean churn/3"):
        lineage(settings, "churn/4")


def test_an_empty_project_says_what_can_be_asked_and_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="give a prediction's"):
        lineage(Settings(root=tmp_path), "anything-at-all")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_parent_is_shown_as_missing(settings: Settings) -> None:
    chain = lineage(settings, "orphan")
    assert chain.node("deployment/gone").missing
    assert "deployment gone  (not on record)" in shown(chain, "text")


def test_the_text_reads_from_the_answer_to_the_data(settings: Settings) -> None:
    text = shown(lineage(settings, PREDICTION), "text")
    order = [
        f"prediction {PREDICTION}",
        "deployment churn-3-d1",
        "model churn/3",
        "accuracy 0.8123",
        "gate passed  250 test rows against version 2",
        "✓ accuracy >= 0.8: 0.8123 (95% 0.79 to 0.83)",
        "promotion to champion  version 3, before that version 2, 2026-11-21 08:01:00 UTC by bo",
        f"run {NEW}  succeeded, churn.ipynb, commit abcdef012345 with changes",
        "stage train  cells 1, 2",
        "# train",
        "… 2 more lines",
        "stage load",
        "dataset churn@4f2a00000000  1 000 rows",
    ]
    at = [text.find(piece) for piece in order]
    assert at == sorted(at), text
    assert -1 not in at, text
    assert text.count("dataset churn@") == 1


def test_who_approved_it_and_why_it_went_out_of_use_is_told(settings: Settings) -> None:
    stamped: dict[str, Any] = {
        "parents": ("model/churn@3",),
        "author": "cleo",
        "created_at": "2026-11-21T08:00:30.000000Z",
    }
    open_store(settings).ledger.append(
        Approval(name="churn", version=3, bundle="b", verdict="approved", reason="read it all", **stamped),
        Retirement(name="churn", version=3, cause="superseded", reason="stage train ran again", **stamped),
        Approval(name="churn", version=2, bundle="b", verdict="rejected", parents=("model/churn@3",)),
    )
    text = shown(lineage(settings, "churn/3"), "text")
    assert "approved  version 3, 2026-11-21 08:00:30 UTC by cleo" in text
    assert "reason: read it all" in text
    assert "out of use  superseded, 2026-11-21 08:00:30 UTC by cleo" in text
    assert "rejected" not in text


def test_mermaid_has_every_node_and_edge(settings: Settings) -> None:
    chain = lineage(settings, PREDICTION)
    drawn = shown(chain, "mermaid").splitlines()
    assert drawn[0] == "flowchart TD"
    assert len(drawn) == 1 + len(chain.nodes) + len(chain.edges)


def test_openlineage_has_an_event_for_the_run_and_each_stage(settings: Settings) -> None:
    events = open_lineage(settings, lineage(settings, PREDICTION))
    by_job = {(event["job"]["name"], event["eventType"]): event for event in events}
    jobs = {"churn", "churn.train", "churn.load"}
    assert set(by_job) == {(job, state) for job in jobs for state in ("START", "COMPLETE")}
    assert by_job["churn.train", "START"]["eventTime"] == "2026-11-21T08:00:02.500000Z"
    assert [event["eventTime"] for event in events] == sorted(event["eventTime"] for event in events)
    for (job, _), event in by_job.items():
        assert event["run"]["runId"] == by_job[job, "START"]["run"]["runId"]
    parent = by_job["churn.train", "COMPLETE"]["run"]["facets"]["parent"]["run"]["runId"]
    assert parent == by_job["churn", "COMPLETE"]["run"]["runId"]
    made = [one["name"] for one in by_job["churn.train", "COMPLETE"]["outputs"]]
    assert made == ["stage/churn.train", "model/churn"]


def test_openlineages_own_classes_read_every_event(settings: Settings, tmp_path: Path) -> None:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport

    events = open_lineage(settings, lineage(settings, PREDICTION))
    read = [read_event(event) for event in events]
    kept = tmp_path / "events.jsonl"
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(kept), append=True)))
    for event in read:
        client.emit(event)
    written = [json.loads(line) for line in kept.read_text().splitlines()]
    # The client adds a facet of its own and leaves empty ones out; what we said is in it word for word.
    assert [contains(one, event) for one, event in zip(written, events, strict=True)] == [True] * len(events)


def contains(written: Any, said: Any) -> bool:
    if isinstance(said, dict):
        return all(key in written and contains(written[key], value) for key, value in said.items() if value)
    if isinstance(said, list):
        return len(written) == len(said) and all(map(contains, written, said))
    return bool(written == said or "/spec/facets/" in str(said))


def read_event(event: dict[str, Any]) -> Any:
    """Read an event as a consumer does: a name that the classes don't know, or a value of the wrong kind, raises."""
    from openlineage.client import event_v2

    run, job = event["run"], event["job"]
    return event_v2.RunEvent(
        eventType=event_v2.RunState(event["eventType"]),
        eventTime=event["eventTime"],
        run=event_v2.Run(**{**run, "facets": read_facets(run["facets"])}),
        job=event_v2.Job(**{**job, "facets": read_facets(job["facets"])}),
        inputs=[
            event_v2.InputDataset(**{**one, "facets": read_facets(one.get("facets", {}))})
            for one in event["inputs"]
        ],
        outputs=[
            event_v2.OutputDataset(**{**one, "facets": read_facets(one.get("facets", {}))})
            for one in event["outputs"]
        ],
        producer=event["producer"],
    )


def read_facets(facets: dict[str, Any]) -> dict[str, Any]:
    from openlineage.client import facet_v2

    kinds = {
        "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
        "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
        "nominalTime": facet_v2.nominal_time_run.NominalTimeRunFacet,
        "parent": facet_v2.parent_run.ParentRunFacet,
        "sourceCode": facet_v2.source_code_job.SourceCodeJobFacet,
        "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    }
    parts = {
        "run": lambda run: facet_v2.parent_run.Run(**run),
        "job": lambda job: facet_v2.parent_run.Job(**job),
        "fields": lambda fields: [facet_v2.schema_dataset.SchemaDatasetFacetFields(**one) for one in fields],
    }
    found = {}
    for name, facet in facets.items():
        said = {key: value for key, value in facet.items() if not key.startswith("_")}
        values = {key: parts.get(key, lambda value: value)(value) for key, value in said.items()}
        found[name] = kinds[name](**values, producer=facet["_producer"])
    return found


def test_downstream_of_a_dataset_is_what_was_made_from_it(settings: Settings) -> None:
    chain = lineage(settings, "dataset/churn@4f2a", downstream=True)
    refs = {node.ref for node in chain.nodes}
    assert {"model/churn@3", "deployment/churn-3-d1"} <= refs
    assert "deployment churn-3-d1" in shown(chain, "text")


def test_a_killed_run_has_no_record_but_its_stages_have(settings: Settings) -> None:
    killed = "20261122-100000-cccccc"
    ledger = open_store(settings).ledger
    model = ledger.get("model/churn@3")
    assert isinstance(model, ModelVersion)
    ledger.append(
        stage("train", killed, f"stage/churn.load@{OLD}"),
        msgspec.structs.replace(model, version=4, run_id=killed),
    )
    chain = lineage(settings, "churn/4")
    assert chain.node(f"run/{killed}").missing
    assert not chain.node(f"stage/churn.train@{killed}").missing
    assert not chain.node(f"stage/churn.load@{OLD}").missing
