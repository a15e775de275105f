"""Run a notebook: stages that changed, then gates; everything on record."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops import settings as project
from jupyter_mlops.errors import MlopsError, NotFoundError, SettingsError, UsageError
from jupyter_mlops.evaluation.conditions import parse_all
from jupyter_mlops.execution import engines, planner
from jupyter_mlops.notebook import cells
from jupyter_mlops.notebook.seeds import seeds
from jupyter_mlops.pipeline import environment, parameters
from jupyter_mlops.pipeline.session import RUN_VARIABLE
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Retirement
from jupyter_mlops.records.run import Run, StageError, StageRun
from jupyter_mlops.registry import syncing
from jupyter_mlops.store import housekeeping, run_state, stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import build, provenance, run_page
from jupyter_mlops.workflows.acting import acting
from jupyter_mlops.workflows.expectations import declare_all
from jupyter_mlops.workflows.live import LiveRun
from jupyter_mlops.workflows.plans import Plans
from jupyter_mlops.workflows.rounds import run_rounds
from jupyter_mlops.workflows.stages import Stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jupyter_mlops.execution.engines import Engine
    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.pipeline import Gate, Pipeline
    from jupyter_mlops.records.run import NamedVersion
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

_NOT_SELECTED = "not asked for"
_MAKE_ROOM = "make room there, or name a project folder that you may write to (--project DIR)"
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO)


@dataclass(frozen=True)
class Options:
    """Hold what a person may want of a run, besides its notebook and parameters.

    Args:
        stages: run these and what they need; all of them where empty.
        force: run the stages asked for even where nothing changed.
        jobs: how many at a time; default: the number of cores.
        engine: ``local``, ``ploomber`` or ``ray``; default: the project's setting.
        on_change: is told a run's record each time that it changes.
        run_id: the run's id, where somebody chose it beforehand.
        track: False leaves MLflow and the gates out, for a run that nobody will look up.
    """

    stages: Sequence[str] = ()
    force: bool = False
    jobs: int | None = None
    engine: str = ""
    on_change: Callable[[Run], None] | None = None
    run_id: str = ""
    track: bool = True


def run(notebook: Path, *, params: Mapping[str, Any] | None = None, **options: Any) -> Run:
    """Run a notebook's stages and judge its gates; what is unchanged is not run again.

    Args:
        notebook: the notebook's path.
        params: values for its parameters; texts are read by the type of the notebook's own value.
        options: the fields of ``Options``.

    Raises:
        NotebookError: when the notebook can't be read or cut into stages.
        UsageError: when a parameter, stage or engine isn't one.
        SettingsError: when the project's folder can't be written to.
        KeyboardInterrupt: when it was interrupted; the run is on record as failed then.
    """
    return _Prepared(notebook, Options(**options)).run(dict(params or {}), "", "")


def run_grid(notebook: Path, *, params: Mapping[str, str], **options: Any) -> tuple[Run, ...]:
    """Run a notebook once for each combination of the values that ``params`` list: ``{"lr": "0.1,0.01"}``.

    The runs share what they have in common, and are on record under one group where there are several. One that
    fails doesn't keep the others from running.

    Raises:
        MlopsError: as ``run`` does; before any stage runs where a parameter is wrong.
        KeyboardInterrupt: when it was interrupted; the runs that didn't begin are not on record.
    """
    prepared = _Prepared(notebook, Options(**options))
    points = parameters.expand(prepared.pipeline.params, params)
    if len(points) == 1:
        return (prepared.run(points[0], "", ""),)
    group = prepared.options.run_id or run_state.new_id()
    return tuple(prepared.run(point, f"{group}-{number}", group) for number, point in enumerate(points, 1))


class _Prepared:
    """A notebook that was read and can run, with one set of parameters or several."""

    def __init__(self, notebook: Path, options: Options) -> None:
        self.options = options
        self._path = notebook.resolve()
        self._notebook, self.pipeline = build.load(self._path)
        self._settings = project.load(self._path.parent)
        engines.check(options.engine or self._settings.engine)
        _check_stages(self.pipeline, options.stages)
        for gate in self.pipeline.gates:
            parse_all(gate.conditions, gate.model)

    def run(self, given: dict[str, Any], run_id: str, group: str) -> Run:
        values = parameters.resolve(self.pipeline.params, given)
        run_id = run_id or self.options.run_id or run_state.new_id()
        name = _relative(self._path, self._settings.root)
        with (
            _explained(self._settings),
            acting(self._settings, "run", f"run/{run_id}", notebook=name, params=given) as act,
            run_state.alive(self._settings, run_id),
        ):
            declare_all(self._settings, self.pipeline, name)
            running = _Running(self._settings, self._path, self._notebook, self.pipeline, run_id)
            finished = running.go(values, {name: values[name] for name in given}, group, self.options)
            act.note(status=finished.status)
        with suppress(OSError):
            housekeeping.sweep(self._settings)
        return finished


class _Running:
    """One run, from its first record to its last."""

    def __init__(
        self, settings: Settings, path: Path, notebook: Notebook, pipeline: Pipeline, run_id: str
    ) -> None:
        self._settings = settings
        self._path = path
        self._notebook = notebook
        self._pipeline = pipeline
        self._run_id = run_id
        self._store: Store = open_store(settings)

    def go(self, values: dict[str, Any], overrides: dict[str, Any], group: str, options: Options) -> Run:
        plans = Plans(
            self._notebook,
            self._pipeline,
            name=self._pipeline.name,
            folder=self._path.parent,
            params=values,
            store=self._store,
        )
        chosen = planner.selection(self._pipeline, options.stages, plans.needs)
        live = LiveRun(self._settings, self._first_record(values, chosen, group), options.on_change)
        engine: Engine | None = None
        work: Stages | None = None
        try:
            engine = self._engine(options.engine or self._settings.engine)
            work = Stages(
                plans=plans,
                overrides=overrides,
                store=self._store,
                engine=engine,
                live=live,
                locks=self._settings.state / "locks",
                force=options.force,
            )
            run_rounds(work, set(chosen), jobs=options.jobs or min(_cores(), max(1, len(plans.order))))
            return self._finish(live, work, track=options.track)
        except BaseException as error:
            with suppress(OSError):
                _give_up(live, error)
                run_page.write(self._settings, live.run, self._pipeline)
            if work is not None:
                # What kept the run from ending may keep this from being said too; the first is what matters then.
                with suppress(OSError, MlopsError):
                    self._store.ledger.append(*self._out_of_use(work, _models(work), broken_off=True))
            raise
        finally:
            if engine is not None:
                engine.close()
            if options.track and any(stage.status in ("executed", "failed") for stage in live.run.stages):
                syncing.request(self._settings)

    def _first_record(self, values: dict[str, Any], chosen: Sequence[str], group: str) -> Run:
        stages = tuple(
            StageRun(name=stage.name, status="pending")
            if stage.name in chosen
            else StageRun(name=stage.name, status="skipped", reason=_NOT_SELECTED)
            for stage in self._pipeline.stages
        )
        objects = self._store.objects
        return Run(
            run_id=self._run_id,
            status="running",
            notebook=_relative(self._path, self._settings.root),
            stages=stages,
            params=values,
            notebook_digest=objects.put_bytes(cells.read_bytes(self._path)),
            environment=objects.put_bytes(canonical_json(environment.snapshot())),
            commit=provenance.commit_of(self._path.parent, objects),
            hardware=provenance.hardware(),
            seeds=seeds((cell.source for cell in self._notebook.cells if cell.cell_type == "code"), values),
            suggested=self._pipeline.suggested,
            group=group,
            page=str(run_page.path_of(self._settings, self._run_id)),
            created_at=stamp.now(),
            author=stamp.author(),
        )

    def _engine(self, name: str) -> Engine:
        """Return the engine, in the run's own folder where no other run writes; made when a stage must run."""
        folder = run_state.folder(self._settings, self._run_id) / "pipeline"
        return engines.Deferred(folder, lambda: self._compiled(name, folder))

    def _compiled(self, name: str, folder: Path) -> Engine:
        from jupyter_mlops.pipeline.compiler import compile_pipeline

        workdir = os.path.relpath(self._path.parent, folder)
        folder.mkdir(parents=True, exist_ok=True)
        files = compile_pipeline(self._notebook, self._pipeline, workdir=workdir, requirements="")
        for each, content in files.items():
            (folder / each).write_bytes(content)
        variables = {RUN_VARIABLE: self._run_id, project.ROOT_VARIABLE: str(self._settings.root)}
        return engines.create(name, folder, variables, self._settings)

    def _finish(self, live: LiveRun, work: Stages, *, track: bool) -> Run:
        failed = any(stage.status == "failed" for stage in live.run.stages)
        done = [work.done[name] for name in work.plans.order if name in work.done]
        models = _models(work)
        live.update(
            datasets=tuple(dict.fromkeys(item for execution in done for item in execution.datasets)),
            models=models,
            metrics={name: value for execution in done for name, value in execution.metrics.items()},
            parents=tuple(str(execution.ref) for execution in done),
        )
        partly = failed or any(stage.reason == _NOT_SELECTED for stage in live.run.stages)
        gates = [self._judge(gate, models, live, partly=partly) for gate in self._pipeline.gates if track]
        finished = live.update(gates=tuple(gate for gate in gates if gate is not None), step="")
        self._store.objects.settle()
        finished = _with_end(finished, "failed" if failed else "succeeded")
        self._store.ledger.append(finished, *self._out_of_use(work, models))
        finished = live.update(status=finished.status, finished_at=finished.finished_at)
        run_page.write(self._settings, finished, self._pipeline)
        return finished

    def _out_of_use(
        self, work: Stages, models: Sequence[NamedVersion], *, broken_off: bool = False
    ) -> list[Retirement]:
        """Say of versions that this run logged and that aren't among its results that nobody should use them."""
        if not work.failed and not work.repeated and not broken_off:
            return []
        failed = {*work.failed, *(work.plans.order if broken_off else ())} - set(work.done)
        results = {(model.name, model.version) for model in models}
        logged = self._store.ledger.children(f"run/{self._run_id}", "model")
        return [
            Retirement(
                name=version.name,
                version=version.version,
                cause="failed" if version.stage in failed else "superseded",
                reason=f"stage {version.stage} {'failed' if version.stage in failed else 'ran again'}",
                parents=(str(version.ref),),
                created_at=stamp.now(),
                author=stamp.author(),
            )
            for version in logged
            if isinstance(version, ModelVersion) and (version.name, version.version) not in results
        ]

    def _judge(
        self, gate: Gate, models: Sequence[NamedVersion], live: LiveRun, *, partly: bool
    ) -> Evaluation | None:
        """Evaluate a gate on this run's version; None where the run was never meant to make one."""
        from jupyter_mlops.workflows.evaluate import evaluate_gate

        versions = [int(model.version) for model in models if model.name == gate.model]
        if not versions:
            reason = f"no stage of this run logged a model {gate.model!r} (mlops.log_model)"
            return None if partly else _blocked(gate, 0, self._run_id, reason)

        def tell(step: str) -> None:
            live.update(step=f"gate {gate.model}: {step}")

        try:
            return evaluate_gate(
                self._settings, gate, versions[-1], run_id=self._run_id, afresh=False, on_step=tell
            )
        except MlopsError as error:
            return _blocked(gate, versions[-1], self._run_id, str(error))


def _models(work: Stages) -> tuple[NamedVersion, ...]:
    """Return the versions that are results: those of each stage's last execution, which succeeded."""
    done = (work.done[name] for name in work.plans.order if name in work.done)
    return tuple(dict.fromkeys(model for execution in done for model in execution.models))


def blocked(run: Run) -> bool:
    """Say whether a gate of the run said no."""
    return any(not gate.passed for gate in run.gates)


def _give_up(live: LiveRun, error: BaseException) -> None:
    why = "the run was interrupted" if isinstance(error, KeyboardInterrupt) else f"the run broke off: {error}"
    for stage in live.run.stages:
        if stage.status == "running":
            live.update_stage(stage.name, status="failed", error=StageError(type="Interrupted", message=why))
        elif stage.status == "pending":
            live.update_stage(stage.name, status="skipped", reason=why)
    live.update(status="failed", finished_at=stamp.now(), step="")


def _with_end(run: Run, status: str) -> Run:
    import msgspec

    return msgspec.structs.replace(run, status=status, finished_at=stamp.now())


def _blocked(gate: Gate, version: int, run_id: str, reason: str) -> Evaluation:
    conditions = tuple(
        ConditionResult(text=text, status="not evaluated", reason=reason) for text in gate.conditions
    )
    return Evaluation(
        model=gate.model,
        version=version,
        passed=False,
        conditions=conditions,
        run_id=run_id,
        created_at=stamp.now(),
        author=stamp.author(),
    )


def _check_stages(pipeline: Pipeline, names: Sequence[str]) -> None:
    known = [stage.name for stage in pipeline.stages]
    for name in names:
        if name not in known:
            error = NotFoundError.of("stage", name, known)
            raise UsageError(error.message, hint=error.hint)


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    """Say in one line that the disk is full or read-only."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        where = error.filename or settings.state
        raise SettingsError(
            f"{where} can't be written: {os.strerror(error.errno)}",
            hint=_MAKE_ROOM,
        ) from None
    except _of_a_database() as error:
        raise SettingsError(
            f"a database in {settings.state} can't be written: {error.orig}", hint=_MAKE_ROOM
        ) from None


def _of_a_database() -> Any:
    """Return the errors of databases; the library is asked for it only where something went wrong."""
    from jupyter_mlops.store.database import DBAPIError

    return DBAPIError


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
