"""A lineage as OpenLineage events (schema 2-0-2), for catalogues that read them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlops.governance.lineage import Lineage, Node

PRODUCER = "https://pypi.org/project/jupyter-mlops/"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)
_STATES = {"succeeded": "COMPLETE", "failed": "FAIL"}


def events(lineage: Lineage, namespace: str) -> list[dict[str, Any]]:
    """Return for each run and each stage execution in the lineage the event of its start and that of its end, in order.

    ``namespace`` names the project to the catalogue.
    """
    columns = {node.ref: node.record["columns"] for node in _on_record(lineage, "dataset")}
    teller = _Teller(namespace, columns)
    runs = [event for node in _on_record(lineage, "run") for event in teller.run(node)]
    stages = [event for node in _on_record(lineage, "stage") for event in teller.stage(node)]
    # Of two at one moment the start comes first.
    return sorted([*runs, *stages], key=lambda event: (event["eventTime"], event["eventType"] != "START"))


def run_uuid(ref: str) -> str:
    """Return the UUID that OpenLineage knows a run or stage execution by: the same for the same reference."""
    return str(uuid.uuid5(_NAMESPACE, ref))


def _on_record(lineage: Lineage, kind: str) -> list[Node]:
    return [node for node in lineage.nodes if node.kind == kind and not node.missing]


class _Teller:
    """Turn records into events; ``columns`` has those of each dataset version that is a table."""

    def __init__(self, namespace: str, columns: dict[str, list[dict[str, Any]]]) -> None:
        self._namespace = namespace
        self._columns = columns

    def run(self, node: Node) -> list[dict[str, Any]]:
        """Tell of a run."""
        record = node.record
        ended = record["finished_at"]
        times = {"nominalStartTime": record["created_at"], **({"nominalEndTime": ended} if ended else {})}
        run = {
            "runId": run_uuid(node.ref),
            "facets": {"nominalTime": _facet("1-0-1/NominalTimeRunFacet.json", **times)},
        }
        job = self._job(PurePath(record["notebook"]).stem, "PIPELINE")
        inputs, outputs = self._versions("dataset", record), self._versions("model", record)
        start = _event("START", record["created_at"], run, job, inputs, [])
        state = _STATES.get(record["status"])
        return [start, *([_event(state, ended, run, job, inputs, outputs)] if state and ended else [])]

    def stage(self, node: Node) -> list[dict[str, Any]]:
        """Tell of a stage's execution."""
        record = node.record
        run: dict[str, Any] = {"runId": run_uuid(node.ref), "facets": {}}
        if record["run_id"]:
            parent = {"runId": run_uuid(f"run/{record['run_id']}")}
            job_of_parent = {"namespace": self._namespace, "name": record["pipeline"]}
            run["facets"]["parent"] = _facet("1-2-0/ParentRunFacet.json", run=parent, job=job_of_parent)
        job = self._job(f"{record['pipeline']}.{record['stage']}", "TASK")
        job["facets"]["sourceCode"] = _facet(
            "1-0-1/SourceCodeJobFacet.json", language="python", sourceCode=record["source"]
        )
        inputs = self._versions("dataset", record)
        inputs += [self._named(f"stage/{record['pipeline']}.{stage}") for stage in record["upstream"]]
        made = self._named(f"stage/{record['pipeline']}.{record['stage']}")
        outputs = [made, *self._versions("model", record)]
        began = _earlier(record["created_at"], record["seconds"])
        return [
            _event("START", began, run, job, inputs, []),
            _event("COMPLETE", record["created_at"], run, job, inputs, outputs),
        ]

    def _job(self, name: str, kind: str) -> dict[str, Any]:
        words = {"processingType": "BATCH", "integration": "JUPYTER_MLOPS", "jobType": kind}
        return {**self._named(name), "facets": {"jobType": _facet("2-0-4/JobTypeJobFacet.json", **words)}}

    def _named(self, name: str) -> dict[str, Any]:
        return {"namespace": self._namespace, "name": name}

    def _versions(self, kind: str, record: dict[str, Any]) -> list[dict[str, Any]]:
        return [self._version(kind, one["name"], str(one["version"])) for one in record[f"{kind}s"]]

    def _version(self, kind: str, name: str, version: str) -> dict[str, Any]:
        facets = {"version": _facet("1-0-1/DatasetVersionDatasetFacet.json", datasetVersion=version)}
        columns = self._columns.get(f"{kind}/{name}@{version}")
        if columns:
            fields = [{"name": column["name"], "type": column["dtype"]} for column in columns]
            facets["schema"] = _facet("1-2-0/SchemaDatasetFacet.json", fields=fields)
        return {**self._named(f"{kind}/{name}"), "facets": facets}


def _event(
    state: str,
    time: str,
    run: dict[str, Any],
    job: dict[str, Any],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "eventType": state,
        "eventTime": time,
        "run": run,
        "job": job,
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
    }


def _earlier(stamp: str, seconds: float) -> str:
    moment = datetime.fromisoformat(stamp) - timedelta(seconds=seconds)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _facet(schema: str, **values: Any) -> dict[str, Any]:
    name = PurePath(schema).stem
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{schema}#/$defs/{name}", **values}
