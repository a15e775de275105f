"""A lineage as OpenLineage events (schema 2-0-2), for catalogues that read them."""

from __future__ import annotations

import uuid
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlops.governance.lineage import Lineage, Node

PRODUCER = "https://pypi.org/project/jupyter-mlops/"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)
_STATES = {"succeeded": "COMPLETE", "failed": "FAIL", "running": "RUNNING"}


def events(lineage: Lineage, namespace: str) -> list[dict[str, Any]]:
    """Return a run event for each run and each stage execution in the lineage, oldest first.

    ``namespace`` names the project to the catalogue.
    """
    runs = [_run_event(node, namespace) for node in _on_record(lineage, "run")]
    stages = [_stage_event(node, namespace) for node in _on_record(lineage, "stage")]
    return sorted([*runs, *stages], key=lambda event: str(event["eventTime"]))


def run_uuid(ref: str) -> str:
    """Return the UUID that OpenLineage knows a run or stage execution by: the same for the same reference."""
    return str(uuid.uuid5(_NAMESPACE, ref))


def _on_record(lineage: Lineage, kind: str) -> list[Node]:
    return [node for node in lineage.nodes if node.kind == kind and not node.missing]


def _run_event(node: Node, namespace: str) -> dict[str, Any]:
    record = node.record
    facets = {
        "nominalTime": _facet(
            "1-0-1/NominalTimeRunFacet.json",
            nominalStartTime=record["created_at"],
            **({"nominalEndTime": record["finished_at"]} if record["finished_at"] else {}),
        )
    }
    return _event(
        ref=node.ref,
        state=_STATES.get(record["status"], "OTHER"),
        time=record["finished_at"] or record["created_at"],
        job={"namespace": namespace, "name": PurePath(record["notebook"]).stem},
        facets=facets,
        inputs=[_dataset(f"dataset/{one['name']}@{one['version']}", namespace) for one in record["datasets"]],
        outputs=[_dataset(f"model/{one['name']}@{one['version']}", namespace) for one in record["models"]],
    )


def _stage_event(node: Node, namespace: str) -> dict[str, Any]:
    record = node.record
    code = _facet("1-0-1/SourceCodeJobFacet.json", language="python", sourceCode=record["source"])
    facets = {}
    if record["run_id"]:
        parent = {
            "run": {"runId": run_uuid(f"run/{record['run_id']}")},
            "job": {"namespace": namespace, "name": record["pipeline"]},
        }
        facets["parent"] = _facet("1-0-1/ParentRunFacet.json", **parent)
    read = [_dataset(f"dataset/{one['name']}@{one['version']}", namespace) for one in record["datasets"]]
    handed = [
        {"namespace": namespace, "name": f"stage/{record['pipeline']}.{stage}"}
        for stage in record["upstream"]
    ]
    made = [_dataset(f"model/{one['name']}@{one['version']}", namespace) for one in record["models"]]
    return _event(
        ref=node.ref,
        state="COMPLETE",
        time=record["created_at"],
        job={
            "namespace": namespace,
            "name": f"{record['pipeline']}.{record['stage']}",
            "facets": {"sourceCode": code},
        },
        facets=facets,
        inputs=[*read, *handed],
        outputs=[{"namespace": namespace, "name": f"stage/{record['pipeline']}.{record['stage']}"}, *made],
    )


def _event(
    *,
    ref: str,
    state: str,
    time: str,
    job: dict[str, Any],
    facets: dict[str, Any],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "eventType": state,
        "eventTime": time,
        "run": {"runId": run_uuid(ref), "facets": facets},
        "job": job,
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
    }


def _dataset(ref: str, namespace: str) -> dict[str, Any]:
    name, _, version = ref.partition("@")
    facet = _facet("1-0-1/DatasetVersionDatasetFacet.json", datasetVersion=version)
    return {"namespace": namespace, "name": name, "facets": {"version": facet}}


def _facet(schema: str, **values: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{schema}", **values}
