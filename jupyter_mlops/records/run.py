"""What happened when a pipeline ran."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.provenance import Commit, Hardware
from jupyter_mlops.records.ref import Ref

Status = Literal["pending", "running", "executed", "cached", "failed", "skipped"]
RunStatus = Literal["running", "succeeded", "failed"]


class NamedVersion(Value, frozen=True, kw_only=True):
    """Name a dataset version (a content hash) or a model version (a number)."""

    name: str
    version: str | int


class Pull(Value, frozen=True, kw_only=True):
    """Name a variable's version: the stage that left it, and the digest of its content then."""

    stage: str
    digest: str


class StageError(Value, frozen=True, kw_only=True):
    """Say where a stage failed: the original notebook's cell (0-based) and line (1-based), and the exception."""

    type: str
    message: str
    cell: int | None = None
    line: int | None = None
    traceback: str = ""


class StageRun(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Report one stage of a run; ``reason`` says why it ran or why it didn't.

    ``kernel`` says what ran it: ``warm``, or ``stock: `` and why no warm one did.
    """

    name: str
    status: Status
    seconds: float = 0.0
    executed: str = ""
    reason: str = ""
    key: str = ""
    cells_done: int = 0
    cells_total: int = 0
    kernel: str = ""
    error: StageError | None = None


class StageExecution(Record, frozen=True, kw_only=True):
    """Record one execution of a stage: its source, what it read, what it made.

    ``key`` is the cache key, ``parts`` what it was made of by name, so that a change can be told in words.
    ``upstream`` maps the stages above to the digest of their product. ``reads`` maps files and datasets read to
    their SHA-256, ``writes`` are files it wrote beside its product, ``left`` their SHA-256 at its end and ``found``
    the one that they had before, where they were there; ``product`` is the digest of the pickled outputs in the
    object store, ``outputs`` a fingerprint for each variable, ``deleted`` and ``lost`` are variables that it took
    away or that aren't in its product, ``unkept`` those of them that no stage below mentioned; ``pulls`` are the
    variables that it read from stages above,
    ``modules`` the modules beside the notebook that came with them to the digest of their code, and ``absent`` the names that it looked for in vain, as they were then;
    ``executed`` is the digest of the executed notebook. ``upstream_datasets`` are those that its inputs were made from.
    ``kept`` maps the files and modules whose content is in the object store, so that the stage can run again without
    the folder that they lay in, to their SHA-256; ``not_kept`` says of others why they aren't there.
    ``attempt`` counts the executions of the stage in one run; ``curves`` is the digest of the figures that it logged step
    by step.
    """

    key: str
    parts: dict[str, str] = msgspec.field(default_factory=dict)
    pipeline: str
    stage: str
    source: str
    cells: tuple[int, ...] = ()
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    upstream: dict[str, str] = msgspec.field(default_factory=dict)
    reads: dict[str, str] = msgspec.field(default_factory=dict)
    writes: tuple[str, ...] = ()
    left: dict[str, str] = msgspec.field(default_factory=dict)
    found: dict[str, str] = msgspec.field(default_factory=dict)
    product: str = ""
    outputs: dict[str, str] = msgspec.field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    unkept: tuple[str, ...] = ()
    modules: dict[str, str] = msgspec.field(default_factory=dict)
    pulls: dict[str, Pull] = msgspec.field(default_factory=dict)
    absent: tuple[str, ...] = ()
    kept: dict[str, str] = msgspec.field(default_factory=dict)
    not_kept: dict[str, str] = msgspec.field(default_factory=dict)
    executed: str = ""
    seconds: float = 0.0
    datasets: tuple[NamedVersion, ...] = ()
    upstream_datasets: tuple[NamedVersion, ...] = ()
    models: tuple[NamedVersion, ...] = ()
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    curves: str = ""
    run_id: str = ""
    attempt: int = 1

    @property
    def ref(self) -> Ref:
        """``stage/<pipeline>.<stage>@<run id>``; a later execution in the same run has its number after a dot."""
        version = self.run_id if self.attempt == 1 else f"{self.run_id}.{self.attempt}"
        return Ref("stage", f"{self.pipeline}.{self.stage}", version)

    @property
    def lookup(self) -> str:
        """The cache key: what is asked for before a stage runs again."""
        return self.key


class Environment(Value, frozen=True, kw_only=True):
    """Name what the code ran on; ``digest`` covers interpreter and every installed distribution."""

    python: str
    platform: str
    packages: dict[str, str] = msgspec.field(default_factory=dict)
    digest: str = ""


class Run(Record, frozen=True, kw_only=True):
    """Report a run; the JSON of ``jupyter mlops run --json``.

    ``group`` names the grid that it is one point of, ``page`` the HTML file that shows it. ``seeds`` are those that the
    notebook sets, by the call or argument that sets them. ``step`` says while it runs what is done after the stages.
    """

    run_id: str
    status: RunStatus
    notebook: str
    stages: tuple[StageRun, ...] = ()
    datasets: tuple[NamedVersion, ...] = ()
    models: tuple[NamedVersion, ...] = ()
    gates: tuple[Evaluation, ...] = ()
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    notebook_digest: str = ""
    environment: str = ""
    commit: Commit | None = None
    hardware: Hardware | None = None
    seeds: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)
    finished_at: str = ""
    suggested: bool = False
    group: str = ""
    page: str = ""
    step: str = ""

    @property
    def ref(self) -> Ref:
        """``run/<run id>``."""
        return Ref("run", self.run_id)
