"""A model version: its number, with everything that made it, and where it stands."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.provenance import Commit, Hardware
from jupyter_mlops.records.ref import Ref


class Tensor(Value, frozen=True, kw_only=True):
    """Describe one input or output: ``datatype`` in the Open Inference Protocol's words, -1 for a free dimension."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    dtype: str = ""


class Signature(Value, frozen=True, kw_only=True):
    """Say what a model takes and gives; ``layout`` is ``frame`` (a column an input) or ``array`` (one matrix)."""

    layout: Literal["frame", "array"]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class TestData(Value, frozen=True, kw_only=True):
    """Name the rows a version is judged on: a dataset version, its target and its protected attributes.

    ``groups`` are columns that say which rows belong together, as those of one query in a ranking.
    """

    __test__ = False

    dataset: str
    target: str
    features: tuple[str, ...]
    sensitive: dict[str, str] = msgspec.field(default_factory=dict)
    groups: dict[str, str] = msgspec.field(default_factory=dict)


class Manifest(Value, frozen=True, kw_only=True):
    """List what a bundle holds; ``files`` maps each file's name in the bundle to its SHA-256.

    ``signed_by`` is the fingerprint of the key whose signature lies beside it; empty before there were signatures.
    ``own_metrics`` are the names of the functions that the model is measured by, beside it in the bundle.
    """

    schema_version: int = 1
    name: str
    task: Literal["classification", "regression", "other"]
    signature: Signature
    classes: tuple[Any, ...] = ()
    requirements: tuple[str, ...] = ()
    files: dict[str, str] = msgspec.field(default_factory=dict)
    signed_by: str = ""
    own_metrics: tuple[str, ...] = ()


class ModelVersion(Record, frozen=True, kw_only=True):
    """Record a registered model version; ``bundle`` is the digest of what is served.

    ``params`` are the notebook's parameters, ``hyperparameters`` what the estimator says it was set to.
    ``environment`` and ``curves`` are digests in the object store: the installed packages, and the figures logged step
    by step. Of a version that a run made, commit, seeds and hardware are the run's.
    ``mlflow_run`` is set where MLflow gave the number, as it did for versions of earlier days.
    """

    name: str
    version: int
    bundle: str
    signature: Signature
    mlflow_run: str = ""
    run_id: str = ""
    stage: str = ""
    datasets: tuple[str, ...] = ()
    test: TestData | None = None
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    hyperparameters: dict[str, Any] = msgspec.field(default_factory=dict)
    curves: str = ""
    environment: str = ""
    commit: Commit | None = None
    hardware: Hardware | None = None
    seeds: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)

    @property
    def ref(self) -> Ref:
        """``model/<name>@<number>``."""
        return Ref("model", self.name, str(self.version))

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Show it as a cell's result: by its name, as commands take it."""
        printer.text(f"model {self.name}/{self.version}")


class Promotion(Record, frozen=True, kw_only=True):
    """Record that an alias was moved; ``previous`` is the version it pointed at before, if any.

    ``override`` when a gate said no and the ``reason`` outweighed it; ``rollback`` when it went back.
    ``authority`` says who had the alias then: where it was MLflow's, the record alone doesn't say where it pointed.
    """

    name: str
    version: int
    alias: str
    previous: int | None = None
    reason: str = ""
    override: bool = False
    rollback: bool = False
    authority: Literal["mlflow", "ledger"] = "mlflow"

    @property
    def ref(self) -> Ref:
        """``promotion/<name>.<alias>@<time>``."""
        return Ref("promotion", f"{self.name}.{self.alias}", self.created_at)


class Retirement(Record, frozen=True, kw_only=True):
    """Record that a version is out of use: its stage ran again, or failed after it; or ``gc`` took its bundle away."""

    name: str
    version: int
    cause: Literal["superseded", "failed", "collected"]
    reason: str = ""

    @property
    def ref(self) -> Ref:
        """``retirement/<name>.<number>@<cause>``."""
        return Ref("retirement", f"{self.name}.{self.version}", self.cause)
