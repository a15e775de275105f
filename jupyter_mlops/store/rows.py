"""What the ledger keeps of a record: a row, and the way back."""

from __future__ import annotations

import msgspec

from jupyter_mlops.errors import IntegrityError, UsageError
from jupyter_mlops.records.access import Approval, Grant, Rule, Token
from jupyter_mlops.records.base import Record, canonical_json, from_json
from jupyter_mlops.records.dataset import Collection, DatasetVersion
from jupyter_mlops.records.description import Description
from jupyter_mlops.records.drift import DriftReport
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.expectation import Expectations, Validation
from jupyter_mlops.records.explanation import Explanation
from jupyter_mlops.records.model import ModelVersion, Promotion, Retirement
from jupyter_mlops.records.run import Run, StageExecution
from jupyter_mlops.records.serving import Deployment, Prediction

# The tables' version; each has a migration in migrations/versions.
SCHEMA = 2
# What the columns hold, in characters; a reference is a kind, a name and a version.
LENGTHS = {"ref": 400, "kind": 40, "name": 255, "version": 100, "lookup": 255}
KINDS: dict[str, type[Record]] = {
    "approval": Approval,
    "collection": Collection,
    "dataset": DatasetVersion,
    "deployment": Deployment,
    "description": Description,
    "drift": DriftReport,
    "evaluation": Evaluation,
    "expectations": Expectations,
    "explanation": Explanation,
    "grant": Grant,
    "model": ModelVersion,
    "prediction": Prediction,
    "promotion": Promotion,
    "retirement": Retirement,
    "rule": Rule,
    "run": Run,
    "stage": StageExecution,
    "token": Token,
    "validation": Validation,
}


def revision(schema: int) -> str:
    """Return the name that Alembic knows a schema by."""
    return f"{schema:04d}"


def decode(kind: str, body: str) -> Record:
    """Return the record of a row.

    Raises:
        IntegrityError: when this version of the package can't read it.
    """
    if kind not in KINDS:
        raise IntegrityError(f"there is a {kind} on record, of a newer version", hint="upgrade jupyter-mlops")
    try:
        return from_json(body, KINDS[kind])
    except msgspec.MsgspecError as error:
        raise IntegrityError(
            f"a {kind} on record can't be read: {error}",
            hint="upgrade jupyter-mlops, or restore the database from a copy",
        ) from error


def row(ref: str, record: Record) -> dict[str, str]:
    """Return the row of a record; column name to value.

    Raises:
        UsageError: when a name in it is longer than the tables take.
    """
    name = record.ref
    for what, value in {"name": name.name, "version": name.version, "lookup": record.lookup}.items():
        if len(value) > LENGTHS[what]:
            raise UsageError(
                f"the {what} of a {name.kind} has {len(value)} characters: {value[:40]}…",
                hint=f"it may have {LENGTHS[what]}",
            )
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
