"""One stage of a run: find out whether it must run, run it, put its outputs in place, record it."""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import IntegrityError, MlopsError
from jupyter_mlops.execution import locks, planner
from jupyter_mlops.execution.reads import FileDigests, Snapshot, module_digest, tell_apart
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline.cache_key import MODULE
from jupyter_mlops.pipeline.product import NOT_KEPT, latest
from jupyter_mlops.pipeline.state.setup import SETUP
from jupyter_mlops.pipeline.storage import read_header
from jupyter_mlops.records.base import canonical_json, digest_of
from jupyter_mlops.records.ref import Ref
from jupyter_mlops.records.run import StageError, StageExecution
from jupyter_mlops.store import stamp
from jupyter_mlops.store.files import copy_atomic
from jupyter_mlops.workflows import expectations, keeping, validate
from jupyter_mlops.workflows.validate import Again, Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_mlops.execution.engines import Engine
    from jupyter_mlops.execution.local import Outcome
    from jupyter_mlops.pipeline.product import Header
    from jupyter_mlops.records.decision import Decision
    from jupyter_mlops.records.pipeline import Stage
    from jupyter_mlops.store.opened import Store
    from jupyter_mlops.workflows.live import LiveRun
    from jupyter_mlops.workflows.plans import Plan, Plans

_INTERRUPTED = StageError(type="Interrupted", message="the run was interrupted")


@dataclass
class Stages:
    """Do the stages of one run; ``done`` maps each finished stage to the execution that made its outputs.

    ``overrides`` are the parameters that were given from outside, ``locks`` the folder of the locks between runs.
    ``failed`` are the stages that didn't succeed, ``fresh`` those that ran in this run; ``again`` says of stages
    that are to run again why.
    """

    plans: Plans
    overrides: dict[str, Any]
    store: Store
    engine: Engine
    live: LiveRun
    locks: Path
    force: bool = False
    done: dict[str, StageExecution] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    again: dict[str, Again] = field(default_factory=dict)
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = FileDigests(self.plans.folder, expectations.digests(self.store))
        self._stopped = threading.Event()
        self._attempts: dict[str, int] = {}
        self._causes: dict[str, str] = {}

    @property
    def executed(self) -> bool:
        """Whether any stage had to run."""
        return bool(self._attempts)

    @property
    def repeated(self) -> bool:
        """Whether any stage had to run more than once."""
        return any(attempts > 1 for attempts in self._attempts.values())

    def stop(self) -> None:
        """End what runs, and what waits for another run."""
        self._stopped.set()
        self.engine.stop()

    def do(self, name: str) -> bool:
        """Do one stage; return whether its outputs are in place."""
        above = self._above(name)
        if name in self.done:
            # In a later round a stage above may have run again.
            again = validate.other_inputs(self.done[name], self._headers(above))
            if again is None:
                return True
            self.again[name] = again
            del self.done[name]
        elif name in self.failed and name not in self.again:
            return False
        plan = self.plans.plan(name)
        self.paths[name] = plan.paths
        if self._reused(name, plan) is None:
            return True
        with locks.held(self._lock(name, plan, above), self._stopped) as mine:
            if not mine:
                self._fail(name, _INTERRUPTED)
                return False
            # Another run may have made it while this one waited, or just before.
            decision = self._reused(name, plan)
            return decision is None or self._run(name, plan, decision)

    def _reused(self, name: str, plan: Plan) -> Decision | None:
        """Take a stage's outputs from the store; return why not, or None where that was done."""
        same_key = self.plans.same_key(name, plan.key)
        decision = planner.decide(
            self.plans.pipeline.stage(name),
            plan.parts,
            same_key=same_key,
            last=self.plans.last(name),
            above=self._headers(self._above(name)),
            digest=self._met_by(name),
            standing=self._left_by(name),
            present=self._present(name, plan) if same_key else (),
            left_above=self._left_above(name),
            module=self._module,
            stored=self._stored,
            causes=self._causes,
            unwanted=self.plans.unwanted(name) if any(one.unkept for one in same_key) else (),
            force=self.force or (name in self.again and self.again[name].files),
        )
        if decision.verdict != planner.CACHED:
            return decision
        execution = self.store.ledger.get(decision.evidence["execution"])
        assert isinstance(execution, StageExecution)  # noqa: S101 - the planner names one of these
        target = self.engine.notebook(name)
        _link(self.store.objects.path(execution.executed), target)
        self.done[name] = execution
        self.failed.pop(name, None)
        self.fresh.discard(name)
        reason = self._reason(name, "; ".join(decision.reasons))
        self.live.update_stage(
            name, status="cached", reason=reason, key=plan.key, executed=str(target), error=None
        )
        return None

    def _run(self, name: str, plan: Plan, decision: Decision) -> bool:
        why = "; ".join(decision.reasons)
        reason = self._reason(name, why)
        self._causes[name] = self.again[name].reason if name in self.again else why
        self._attempts[name] = self._attempts.get(name, 0) + 1
        target = self.engine.notebook(name)
        self.live.update_stage(
            name, status="running", reason=reason, key=plan.key, error=None, cells_done=0, seconds=0.0
        )
        # It may be one with a content of the store, from an earlier round.
        target.unlink(missing_ok=True)
        above = self._above(name)
        seen = {other: self.done[other] for other in above}
        for other, execution in seen.items():
            _link(self.store.objects.path(execution.product), self.engine.product(other))
        before, began = self.files.snapshot(plan.paths), time.time_ns()
        outcome = self.engine.execute(
            self.plans.pipeline.stage(name),
            {**self.overrides, "upstream": {other: self._products(other) for other in above}},
            lambda done, total: self.live.update_stage(name, cells_done=done, cells_total=total),
        )
        if outcome.error is None:
            try:
                self.done[name] = self._keep(name, plan, before, began, seen, outcome)
            except (MlopsError, OSError) as error:
                outcome = replace(outcome, error=StageError(type=type(error).__name__, message=str(error)))
        elif self._stopped.is_set():
            outcome = replace(outcome, error=_INTERRUPTED)
        self._told(name, outcome, reason, target)
        if outcome.error is not None:
            products = {other: execution.product for other, execution in seen.items()}
            self.failed[name] = Failure(outcome.error, products, plan.words, frozenset(plan.paths))
        return outcome.error is None

    def _told(self, name: str, outcome: Outcome, reason: str, target: Path) -> None:
        if outcome.error is None:
            self.failed.pop(name, None)
            self.fresh.add(name)
        self.live.update_stage(
            name,
            status="executed" if outcome.error is None else "failed",
            seconds=round(outcome.seconds, 3),
            executed=str(target) if target.is_file() else "",
            error=outcome.error,
            kernel=outcome.kernel,
            reason=reason if outcome.attempts == 1 else f"{reason} ({outcome.attempts} attempts)",
        )

    def _keep(
        self,
        name: str,
        plan: Plan,
        before: Snapshot,
        began: int,
        seen: dict[str, StageExecution],
        outcome: Outcome,
    ) -> StageExecution:
        """Put outputs into the store and then the execution on record: from here on the stage is done."""
        stage = self.plans.pipeline.stage(name)
        product = self.engine.product(name)
        header = read_header(product)
        after = self.files.snapshot(plan.paths)
        touched = tell_apart(before, after, self.files)
        reads = {**self.files.unchanged(header.opened, touched, began), **touched.reads, **header.reads}
        plan = self.plans.plan(name, (pull.stage for pull in header.pulls.values()))
        objects = self.store.objects
        stored = objects.adopt(product)
        _link(objects.path(stored), product)
        used = _used(stage, header, seen)
        kept = self._inputs(plan, header, reads, after, seen)
        datasets = (str(Ref("dataset", item.name, str(item.version))) for item in header.datasets)
        cells = self.plans.notebook.cells
        execution = StageExecution(
            key=plan.key,
            parts=plan.parts,
            pipeline=self.plans.name,
            stage=name,
            source="\n\n".join(untagged(cells[index].source) for index in stage.cells),
            cells=stage.cells,
            params=self.plans.params,
            upstream={item.stage: item.product for item in used},
            reads=reads,
            writes=touched.writes,
            left=touched.left,
            found=touched.found,
            product=stored,
            outputs={variable: header.component(variable).digest for variable in header.variables},
            deleted=header.deleted,
            lost=tuple(sorted(header.tombstones)),
            unkept=tuple(sorted(each for each, stone in header.tombstones.items() if stone.why == NOT_KEPT)),
            modules=self._modules(plan, header),
            pulls=header.pulls,
            absent=self._absent(plan, header, seen),
            kept=kept.files,
            not_kept=kept.left_out,
            executed=objects.put_file(self.engine.notebook(name)),
            seconds=round(outcome.seconds, 3),
            datasets=header.datasets,
            upstream_datasets=header.upstream_datasets,
            models=header.models,
            metrics=header.metrics,
            curves=objects.put_bytes(canonical_json(header.curves)) if header.curves else "",
            run_id=self.live.run.run_id,
            attempt=self._attempts[name],
            parents=tuple(dict.fromkeys([*(str(item.ref) for item in used), *datasets])),
            created_at=stamp.now(),
            author=stamp.author(),
        )
        self.store.ledger.append(execution)
        return execution

    def _inputs(
        self,
        plan: Plan,
        header: Header,
        reads: dict[str, str],
        now: Snapshot,
        seen: dict[str, StageExecution],
    ) -> keeping.Kept:
        """Keep the files and modules behind a model: this stage's, and what those above it didn't keep."""
        if not (self.plans.logs_a_model or header.models):
            return keeping.Kept()
        named = {*reads, *plan.modules, *header.loaded}
        if header.models:
            named |= keeping.missed(seen.values(), self.files.digest, self._module)
        limit = self.store.settings.keep_inputs
        return keeping.keep(self.store.objects, self.files, named, now.states, limit=limit)

    def _modules(self, plan: Plan, header: Header) -> dict[str, str]:
        """Return the modules that came with what a stage took; those that its code imports are in its key."""
        digests = {path: self._module(path) for path in header.loaded if MODULE + path not in plan.parts}
        return {path: digest for path, digest in digests.items() if digest is not None}

    def _module(self, path: str) -> str | None:
        return module_digest(self.plans.folder / path)

    def _absent(self, plan: Plan, header: Header, seen: dict[str, StageExecution]) -> tuple[str, ...]:
        """Return what the stage looked for in vain, and which names it may have read as setup cells gave them."""
        headers = [planner.header_of(execution) for execution in seen.values()]
        # By its name, where a stage above binds it anew; by the other one, where one does something to it.
        names = {each for name in plan.given for each in (name, SETUP.format(name))}
        given = {name for name in names if name not in header.pulls and latest(name, headers) is None}
        return tuple(sorted({*header.absent, *given}))

    def _above(self, name: str) -> tuple[str, ...]:
        """Return the stages above that are done, in page order."""
        return tuple(other for other in self.plans.above(name) if other in self.done)

    def _headers(self, names: tuple[str, ...]) -> list[Header]:
        return [planner.header_of(self.done[name]) for name in names if name in self.done]

    def _products(self, name: str) -> dict[str, str]:
        folder = self.engine.folder
        return {
            "nb": str(self.engine.notebook(name).relative_to(folder)),
            "data": str(self.engine.product(name).relative_to(folder)),
        }

    def _lock(self, name: str, plan: Plan, above: tuple[str, ...]) -> Path:
        """Return the lock of a stage with what it takes: two runs that would do the same have the same."""
        taken = {other: self.done[other].outputs for other in self.plans.taken_from[name] if other in above}
        exclusive = not self.force and self.plans.pipeline.stage(name).options.cache
        own = "" if exclusive else self.live.run.run_id
        return self.locks / digest_of([self.plans.name, name, plan.key, taken, own])

    def _met_by(self, name: str) -> Callable[[str], str | None]:
        """Return how a stage asks for a file: as the stages above left it, whatever became of it below."""
        left = self._left_above(name)
        return lambda path: left[path] if path in left else self.files.digest(path)

    def _left_above(self, name: str) -> dict[str, str]:
        """Return the files that the stages above leave, each as the last of them does."""
        left: dict[str, str] = {}
        for other in self._above(name):
            left.update(self.done[other].left)
        return left

    def _left_by(self, name: str) -> Callable[[str, str | None], str | None]:
        """Return how a stage's own files stand: what a stage below made of one counts as how it was left."""
        order = self.plans.order
        below = [self.plans.last(other) for other in order[order.index(name) + 1 :]]

        def standing(path: str, left: str | None) -> str | None:
            now, became = self.files.digest(path), left
            for execution in below:
                if now == became:
                    break
                if execution is not None and execution.found.get(path) == became:
                    became = execution.left.get(path, became)
            return left if now is not None and now == became and left is not None else now

        return standing

    def _present(self, name: str, plan: Plan) -> tuple[str, ...]:
        """Return the files that a stage's code means and would meet, but for what it and the stages below made."""
        order = self.plans.order
        made = self.plans.made_by(order[order.index(name) :])
        digest = self._met_by(name)
        return tuple(path for path in self.files.present(plan.meant) if path not in made and digest(path))

    def _reason(self, name: str, why: str) -> str:
        return f"ran again: {self.again[name].reason}" if name in self.again else why

    def _fail(self, name: str, error: StageError) -> None:
        self.failed[name] = Failure(error, {}, frozenset(), frozenset())
        self.live.update_stage(name, status="failed", error=error)

    def _stored(self, digest: str) -> bool:
        """Say whether a content is in the store, and still what it was."""
        try:
            return self.store.objects.intact(digest)
        except IntegrityError:
            # Out of the way, so that the stage's new output can take its place.
            self.store.objects.discard(digest)
            return False


def _used(stage: Stage, header: Header, seen: dict[str, StageExecution]) -> list[StageExecution]:
    """Return the executions that a stage's outputs hang on: what it took, and what the graph has above it."""
    taken = {pull.stage for pull in header.pulls.values()} | set(stage.upstream)
    return [execution for name, execution in seen.items() if name in taken]


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
