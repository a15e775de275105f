"""One stage of a run: find out whether it must run, run it, put its outputs in place, record it."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import IntegrityError, MlopsError, NotFoundError
from jupyter_mlops.execution import planner
from jupyter_mlops.execution.reads import FileDigests, local_modules, tell_apart
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline import cache_key, environment
from jupyter_mlops.pipeline.handoff import read_header
from jupyter_mlops.records.ref import Ref
from jupyter_mlops.records.run import StageError, StageExecution
from jupyter_mlops.store import stamp
from jupyter_mlops.store.files import copy_atomic

if TYPE_CHECKING:
    from jupyter_mlops.execution.local import Local, Outcome
    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.decision import Decision
    from jupyter_mlops.records.pipeline import Pipeline, Stage
    from jupyter_mlops.store.opened import Store
    from jupyter_mlops.workflows.live import LiveRun


@dataclass
class Stages:
    """Do the stages of one run; ``done`` maps each finished stage to the execution that made its outputs.

    ``folder`` is the notebook's own, ``overrides`` are the parameters that were given from outside.
    """

    notebook: Notebook
    pipeline: Pipeline
    name: str
    folder: Path
    params: dict[str, Any]
    overrides: dict[str, Any]
    store: Store
    engine: Local
    live: LiveRun
    force: bool = False
    done: dict[str, StageExecution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._files = FileDigests(self.folder)
        self._executed: set[str] = set()

    @property
    def executed(self) -> bool:
        """Whether any stage had to run."""
        return bool(self._executed)

    def do(self, name: str) -> bool:
        """Do one stage; return whether its outputs are in place."""
        stage = self.pipeline.stage(name)
        source = cache_key.source_of(self.notebook, self.pipeline, stage)
        modules = local_modules(source.own, self.folder)
        parts = cache_key.parts(
            source,
            params=self.params,
            inputs=self._inputs(stage),
            environment=environment.snapshot().digest,
            modules={path: digest for path, (digest, _) in modules.items()},
        )
        key = cache_key.key_of(parts)
        decision = self._decide(stage, key, parts)
        if decision.verdict == planner.CACHED:
            self._reuse(stage, decision, key)
            return True
        paths = cache_key.named_paths(
            (*source.own, *(text for _, text in modules.values())), self._seen_params(source)
        )
        return self._run(stage, key, parts, paths, "; ".join(decision.reasons))

    def _decide(self, stage: Stage, key: str, parts: dict[str, str]) -> Decision:
        ledger = self.store.ledger
        name = f"{self.name}.{stage.name}"
        same_key = [
            record for record in ledger.find("stage", lookup=key) if isinstance(record, StageExecution)
        ]
        last = next(iter(ledger.find("stage", name=name, limit=1)), None)
        return planner.decide(
            stage,
            parts,
            same_key=same_key,
            last=last if isinstance(last, StageExecution) else None,
            digest=self._files.digest,
            stored=self._stored,
            force=self.force,
        )

    def _reuse(self, stage: Stage, decision: Decision, key: str) -> None:
        execution = self.store.ledger.get(decision.evidence["execution"])
        assert isinstance(execution, StageExecution)  # noqa: S101 - the planner names one of these
        target = self.engine.notebook(stage.name)
        copy_atomic(self.store.objects.path(execution.executed), target)
        self.done[stage.name] = execution
        self.live.update_stage(
            stage.name, status="cached", reason="; ".join(decision.reasons), key=key, executed=str(target)
        )

    def _run(
        self, stage: Stage, key: str, parts: dict[str, str], paths: tuple[str, ...], reason: str
    ) -> bool:
        self._executed.add(stage.name)
        target = self.engine.notebook(stage.name)
        self.live.update_stage(stage.name, status="running", reason=reason, key=key)
        for upstream in stage.upstream:
            _link(self.store.objects.path(self.done[upstream].product), self.engine.product(upstream))
        before = self._files.existing(paths)
        outcome = self.engine.execute(
            stage, self.overrides, lambda done, total: self._progress(stage, done, total)
        )
        if outcome.error is None:
            try:
                self.done[stage.name] = self._keep(stage, key, parts, before, paths, outcome)
            except MlopsError as error:
                outcome = replace(outcome, error=StageError(type=type(error).__name__, message=str(error)))
        self.live.update_stage(
            stage.name,
            status="executed" if outcome.error is None else "failed",
            seconds=round(outcome.seconds, 3),
            executed=str(target) if target.is_file() else "",
            error=outcome.error,
            reason=reason if outcome.attempts == 1 else f"{reason} ({outcome.attempts} attempts)",
        )
        return outcome.error is None

    def _keep(
        self,
        stage: Stage,
        key: str,
        parts: dict[str, str],
        before: dict[str, str],
        paths: tuple[str, ...],
        outcome: Outcome,
    ) -> StageExecution:
        """Put outputs into the store and then the execution on record: from here on the stage is done."""
        product = self.engine.product(stage.name)
        header = read_header(product)
        reads, writes = tell_apart(before, self._files.existing(paths))
        objects = self.store.objects
        stored = objects.put_file(product)
        _link(objects.path(stored), product)
        used = [self.done[name] for name in stage.upstream]
        datasets = (str(Ref("dataset", item.name, str(item.version))) for item in header.datasets)
        cells = self.notebook.cells
        execution = StageExecution(
            key=key,
            parts=parts,
            pipeline=self.name,
            stage=stage.name,
            source="\n\n".join(untagged(cells[index].source) for index in stage.cells),
            cells=stage.cells,
            params=self.params,
            upstream={item.stage: item.product for item in used},
            reads={**reads, **header.reads},
            writes=writes,
            product=stored,
            outputs=header.variables,
            executed=objects.put_file(self.engine.notebook(stage.name)),
            seconds=round(outcome.seconds, 3),
            datasets=header.datasets,
            upstream_datasets=header.upstream_datasets,
            models=header.models,
            metrics=header.metrics,
            run_id=self.live.run.run_id,
            parents=tuple(dict.fromkeys([*(str(item.ref) for item in used), *datasets])),
            created_at=stamp.now(),
            author=stamp.author(),
        )
        self.store.ledger.append(execution)
        return execution

    def _inputs(self, stage: Stage) -> dict[str, str]:
        found = {}
        for variable in stage.inputs:
            producer = stage.producers.get(variable, "")
            if producer in self.done:
                found[variable] = self.done[producer].outputs.get(variable, "not bound")
        return found

    def _seen_params(self, source: cache_key.Source) -> dict[str, Any]:
        return {name: self.params[name] for name in cache_key.visible_params(source, self.params)}

    def _stored(self, digest: str) -> bool:
        """Say whether a content is in the store, and still what it was."""
        try:
            self.store.objects.verify(digest)
        except NotFoundError:
            return False
        except IntegrityError:
            # Out of the way, so that the stage's new output can take its place.
            self.store.objects.path(digest).unlink()
            return False
        return True

    def _progress(self, stage: Stage, done: int, total: int) -> None:
        self.live.update_stage(stage.name, cells_done=done, cells_total=total)


def _link(source: Path, target: Path) -> None:
    """Give ``target`` the content of an immutable file, without a second copy where the disk can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(source):
        return
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        os.link(source, temporary)
    except OSError:  # another disk, or one without hard links
        copy_atomic(source, target)
        return
    temporary.replace(target)
    # Where another thread was first, both names were one file already and the rename did nothing.
    temporary.unlink(missing_ok=True)
