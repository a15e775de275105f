"""What the ledger keeps of a record: a row, and the way back."""

from __future__ import annotations

from jupyter_mlops.records.base import Record, canonical_json, from_json
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.drift import DriftReport
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.model import ModelVersion, Promotion
from jupyter_mlops.records.run import Run, StageExecution
from jupyter_mlops.records.serving import Deployment, Prediction

SCHEMA = 1
KINDS: dict[str, type[Record]] = {
    "dataset": DatasetVersion,
    "deployment": Deployment,
    "drift": DriftReport,
    "evaluation": Evaluation,
    "model": ModelVersion,
    "prediction": Prediction,
    "promotion": Promotion,
    "run": Run,
    "stage": StageExecution,
}


def decode(kind: str, body: str) -> Record:
    """Return the record of a row."""
    return from_json(body, KINDS[kind])


def row(ref: str, record: Record) -> dict[str, str]:
    """Return the row of a record; column name to value."""
    name = record.ref
    return {
        "ref": ref,
        "kind": name.kind,
        "name": name.name,
        "version": name.version,
        "digest": record.digest(),
        "lookup": record.lookup,
        "created_at": record.created_at,
        "body": canonical_json(record).decode(),
    }
