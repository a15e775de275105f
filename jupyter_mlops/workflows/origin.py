"""What stands on record behind a model version: the run, the notebook, the stages that led to it, what they read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyter_mlops.errors import MlopsError, NotFoundError
from jupyter_mlops.evaluation.conditions import parse, parse_all
from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.execution import planner
from jupyter_mlops.records.base import from_json
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.run import Environment, Run, StageExecution
from jupyter_mlops.registry import standing
from jupyter_mlops.store.bundles import MODEL
from jupyter_mlops.workflows import build, keeping

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.model import ModelVersion
    from jupyter_mlops.records.pipeline import Pipeline
    from jupyter_mlops.store.opened import Store


@dataclass(frozen=True)
class Origin:
    """Hold what a model version was made of; ``executions`` are the stages behind it, in page order.

    ``stage`` logged the model, as the ``place``-th of its name. ``model`` is the pickled model's file; None where
    ``models gc`` took it away.
    """

    version: ModelVersion
    run: Run
    document: bytes
    notebook: Notebook
    pipeline: Pipeline
    executions: dict[str, StageExecution]
    environment: Environment
    stage: str
    place: int
    model: Path | None
    requirements: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    judged: dict[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``churn/3``."""
        return f"{self.version.name}/{self.version.version}"

    @property
    def metrics(self) -> dict[str, float]:
        """The figures that these stages logged, those logged with the model, and those of its gate."""
        return {**joined_metrics(self.executions, self.version), **self.judged}


@dataclass(frozen=True)
class Inputs:
    """Hold the files that stand in the folder at first: path to digest; ``missing`` says why others don't.

    ``stages`` says which stage reads a file. Paths are relative to the notebook's folder, or absolute.
    """

    files: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()


def joined_metrics(executions: dict[str, StageExecution], version: ModelVersion | None) -> dict[str, float]:
    """Return the figures that stages logged, in page order, and those of the model."""
    logged = {name: value for execution in executions.values() for name, value in execution.metrics.items()}
    return {**logged, **version.metrics} if version is not None else logged


def gate_of(store: Store, version: ModelVersion) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the conditions of a version's first gate that can be judged again by itself, and the gate's figures.

    What compares with the champion or measures the machine hangs on more than the version.
    """
    found = store.ledger.find("evaluation", f"{version.name}.{version.version}")
    judged = [one for one in found if isinstance(one, Evaluation) and one.rows]
    if not judged:
        return (), {}
    first = judged[-1]
    conditions = parse_all(tuple(condition.text for condition in first.conditions), version.name)
    own = tuple(
        each.text
        for each in conditions
        if not each.threshold.champion and each.metric.name not in (*names.GPU, *names.SYSTEM)
    )
    return own, gate_figures(first) if own else {}


def gate_figures(evaluation: Evaluation) -> dict[str, float]:
    """Return what an evaluation measured on the test rows, named so that it is no figure that the notebook logged."""
    found = {f"gate: {figure.metric}": figure.value for figure in evaluation.figures}
    for condition in evaluation.conditions:
        if condition.value is not None:
            found.setdefault(f"gate: {parse(condition.text).metric}", condition.value)
    return found


def find(store: Store, version: ModelVersion) -> Origin:
    """Collect what is on record behind a version.

    Raises:
        NotFoundError: when something of it is not on record.
        IntegrityError: when a stored content was changed.
    """
    label = f"{version.name}/{version.version}"
    if not version.run_id:
        raise NotFoundError(
            f"{label} was logged by hand, outside of a run: nothing says how it was made",
            hint="log it in a stage and use jupyter mlops run",
        )
    run = _run(store, version, label)
    document = _content(store, run.notebook_digest, f"the notebook of {label}")
    notebook, pipeline = build.parse(document, PurePosixPath(run.notebook).name)
    done = _executions(store, run)
    stage, place = _logged_by(done, version, label)
    order = [name for name in planner.page_order(pipeline) if name in done]
    behind = stages_behind(stage, [done[name] for name in order])
    model, requirements = _bundle(store, version)
    conditions, judged = gate_of(store, version)
    return Origin(
        version=version,
        run=run,
        document=document,
        notebook=notebook,
        pipeline=pipeline,
        executions={name: done[name] for name in order if name in behind},
        environment=from_json(_content(store, run.environment, f"the environment of {label}"), Environment),
        stage=stage,
        place=place,
        model=model,
        requirements=requirements,
        conditions=conditions,
        judged=judged,
    )


def _bundle(store: Store, version: ModelVersion) -> tuple[Path | None, tuple[str, ...]]:
    """Return the pickled model and what its bundle requires."""
    try:
        folder, manifest = store.bundles.check(version.bundle)
    except NotFoundError:
        if not standing.collected(store, version.name, version.version):
            raise
        return None, ()
    return folder / MODEL, manifest.requirements


def stages_behind(stage: str, executions: list[StageExecution]) -> frozenset[str]:
    """Return the stages that a stage's outputs hang on: by variables, and by the files that they wrote for it.

    Args:
        stage: the stage.
        executions: those of one run, in page order.
    """
    order = [execution.stage for execution in executions]
    known = dict(zip(order, executions, strict=True))
    found: set[str] = set()
    pending = [stage]
    while pending:
        name = pending.pop()
        if name in found or name not in known:
            continue
        found.add(name)
        execution = known[name]
        pending += [pull.stage for pull in execution.pulls.values()]
        pending += execution.upstream
        touched = {os.path.normpath(path) for path in (*execution.reads, *execution.found, *execution.kept)}
        pending += [
            other.stage
            for other in executions[: order.index(name)]
            if touched & {os.path.normpath(path) for path in other.left}
        ]
    return frozenset(found)


def inputs(store: Store, origin: Origin) -> Inputs:
    """Find out which files the stages met that none of them wrote, and where their contents are."""
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    stages: dict[str, str] = {}
    folders: set[str] = set()
    made: set[str] = set()
    kept = {
        os.path.normpath(path): digest
        for each in origin.executions.values()
        for path, digest in each.kept.items()
    }
    for name, execution in origin.executions.items():
        for path, digest in _met(execution).items():
            plain = os.path.normpath(path)
            if plain in files or plain in missing or plain in made:
                continue
            if any(each.startswith(plain + os.sep) for each in (*kept, *made)):
                # A folder: the files in it stand for it, whichever stage kept them.
                continue
            stages[plain] = name
            if not kept.get(plain, digest):
                folders.add(plain)
            elif store.objects.has(digest):
                files[plain] = digest
            else:
                missing[plain] = _why(origin, path)
        for path in execution.left:
            plain = os.path.normpath(path)
            before = execution.found.get(path)
            if before is not None and plain not in files and plain not in made and store.objects.has(before):
                files[plain], stages[plain] = before, name
            made.add(plain)
    return Inputs(files=files, missing=missing, stages=stages, folders=tuple(sorted(folders)))


def _met(execution: StageExecution) -> dict[str, str]:
    """Return what a stage met by path; what was kept first, for the files of a folder stand for it."""
    datasets = {str(item.version) for item in execution.datasets}
    known = {
        path: digest
        for path, digest in {**execution.reads, **execution.kept}.items()
        if os.path.normpath(path) not in keeping.NO_INPUTS
        # A dataset of a URL, a database or an absolute path comes from the record.
        and not ("://" in path or (Path(path).is_absolute() and digest in datasets))
    }
    return {**{path: known[path] for path in execution.kept if path in known}, **known}


def _why(origin: Origin, path: str) -> str:
    for execution in origin.executions.values():
        if path in execution.not_kept:
            return execution.not_kept[path]
    return "its content is not in the store"


def _run(store: Store, version: ModelVersion, label: str) -> Run:
    try:
        run = store.ledger.get(f"run/{version.run_id}")
    except NotFoundError:
        raise NotFoundError(
            f"the run {version.run_id} that logged {label} is not on record: it was ended before it was done",
            hint="run the notebook again",
        ) from None
    if not isinstance(run, Run):  # pragma: no cover - the ledger decodes by kind
        raise NotFoundError(f"run/{version.run_id} is not a run")
    return run


def _executions(store: Store, run: Run) -> dict[str, StageExecution]:
    records = [store.ledger.get(ref) for ref in run.parents if ref.startswith("stage/")]
    return {record.stage: record for record in records if isinstance(record, StageExecution)}


def _logged_by(done: dict[str, StageExecution], version: ModelVersion, label: str) -> tuple[str, int]:
    for execution in done.values():
        numbers = [model.version for model in execution.models if model.name == version.name]
        if version.version in numbers:
            return execution.stage, numbers.index(version.version)
    raise NotFoundError(
        f"stage {version.stage!r}, which logged {label}, failed afterwards: there is no record of what it did",
        hint="run the notebook again",
    )


def _content(store: Store, digest: str, what: str) -> bytes:
    try:
        return store.objects.read(digest)
    except MlopsError as error:
        raise type(error)(f"{what}: {error.message}", hint=error.hint) from None
