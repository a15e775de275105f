"""Run the stages behind a model again and compare: the part of a reproduction that the used environment does.

``python -m jupyter_mlops.workflows.rebuild REQUEST ANSWER`` with two JSON files; each line on stdout is how far it is.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops import settings as project
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline import environment, parameters
from jupyter_mlops.pipeline.comparison.model_arrays import compare_models
from jupyter_mlops.pipeline.comparison.products import Pair
from jupyter_mlops.pipeline.comparison.values import Tolerance
from jupyter_mlops.pipeline.spoken import is_pseudo, spoken
from jupyter_mlops.records.base import Value, canonical_json
from jupyter_mlops.records.model import ModelVersion
from jupyter_mlops.records.pipeline import Gate
from jupyter_mlops.records.reproduction import FirstDifference, ModelArray, Rebuilding
from jupyter_mlops.records.run import Environment, StageExecution
from jupyter_mlops.store.bundles import MODEL
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import build
from jupyter_mlops.workflows.judging import is_time
from jupyter_mlops.workflows.origin import gate_figures, joined_metrics

if TYPE_CHECKING:
    from types import FrameType

    from jupyter_mlops.records.run import Run
    from jupyter_mlops.store.opened import Store

_PRODUCTS = "__import__('jupyter_mlops.pipeline.comparison.products', fromlist=['products'])"


class Left(Value, frozen=True, kw_only=True):
    """Hold what a recorded stage left: a fingerprint for each variable, and the file of its product."""

    outputs: dict[str, str]
    product: str


class Request(Value, frozen=True, kw_only=True):
    """Say what is to be built again, and what it is compared with.

    ``stages`` stand in page order; ``place`` is that of the version among those of its name that ``stage`` logs.
    ``conditions`` are those of its gate that hang on the model and its test rows alone. Where arrays and ``metrics`` come
    out the same, nothing else is looked at.
    """

    notebook: str
    stages: dict[str, Left]
    params: dict[str, Any]
    name: str
    stage: str
    place: int
    conditions: tuple[str, ...] = ()
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    model: str
    rtol: float
    atol: float
    jobs: int | None = None


class Answer(Value, frozen=True, kw_only=True):
    """Hold what came of it; the environment is what it really ran on."""

    environment: Environment
    failure: Rebuilding | None = None
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    arrays: tuple[ModelArray, ...] = ()
    other: tuple[str, ...] = ()
    first: FirstDifference | None = None
    states: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bundle: str = ""


class Step(Value, frozen=True, kw_only=True):
    """Say what is being done, how much of it is done, and how much there is."""

    label: str
    done: int
    total: int


def main(request: str, answer: str) -> None:
    """Read the request's file, do it, and write the answer's."""
    from jupyter_mlops.store.files import write_atomic

    signal.signal(signal.SIGTERM, _interrupt)
    asked = msgspec.json.decode(Path(request).read_bytes(), type=Request)
    stream = sys.stdout

    def on_step(label: str, done: int, total: int) -> None:
        stream.write(msgspec.json.encode(Step(label=label, done=done, total=total)).decode() + "\n")
        stream.flush()

    # What models and libraries print while they are loaded is nobody's progress.
    with contextlib.redirect_stdout(io.StringIO()):
        found = _Rebuilding(asked, on_step).go()
    write_atomic(Path(answer), msgspec.json.encode(found))


class _Rebuilding:
    """One new build in the folder that was laid out."""

    def __init__(self, asked: Request, on_step: Any) -> None:
        self._asked = asked
        self._on_step = on_step
        self._path = Path(asked.notebook)
        self._notebook, self._pipeline = build.load(self._path)
        self._settings = project.load(self._path.parent)
        self._store: Store = open_store(self._settings)

    def go(self) -> Answer:
        ran = self._run()
        used = environment.snapshot()
        failed = next((stage for stage in ran.stages if stage.error is not None), None)
        if failed is not None and failed.error is not None:
            return Answer(environment=used, failure=Rebuilding(stage=failed.name, error=failed.error))
        done = self._executions(ran)
        version = self._version(done)
        self._on_step("comparing", 0, 1)
        if version is None:
            first, states = self._first(done)
            return Answer(
                environment=used,
                first=first,
                states=states,
                metrics=joined_metrics(done, None),
                notes=(f"stage {self._asked.stage} logged no model {self._asked.name!r} this time",),
            )
        arrays, other, notes = self._models(version)
        metrics = {**joined_metrics(done, version), **self._judged(version)}
        same = not other and not notes and all(array.status == "identical" for array in arrays)
        same = same and all(
            is_time(name) or metrics.get(name) == value for name, value in self._asked.metrics.items()
        )
        first, states = (None, ()) if same else self._first(done)
        return Answer(
            environment=used,
            metrics=metrics,
            arrays=arrays,
            other=other,
            first=first,
            states=states,
            notes=notes,
            bundle=version.bundle,
        )

    def _run(self) -> Run:
        from jupyter_mlops.workflows.run import run

        def on_change(current: Run) -> None:
            chosen = [stage for stage in current.stages if stage.name in self._asked.stages]
            running = ", ".join(stage.name for stage in chosen if stage.status == "running")
            settled = sum(stage.status in ("executed", "failed") for stage in chosen)
            if running:
                self._on_step(f"running {running}", settled, len(chosen))

        declared = self._pipeline.params
        values = parameters.resolve(
            declared,
            {
                name: value
                for name, value in self._asked.params.items()
                if name in declared and canonical_json(declared[name]) != canonical_json(value)
            },
        )
        given = {name: value for name, value in values.items() if value is not declared[name]}
        return run(
            self._path,
            params=given,
            stages=tuple(self._asked.stages),
            force=True,
            jobs=self._asked.jobs,
            on_change=on_change,
            track=False,
        )

    def _executions(self, ran: Run) -> dict[str, StageExecution]:
        records = [self._store.ledger.get(ref) for ref in ran.parents]
        found = {record.stage: record for record in records if isinstance(record, StageExecution)}
        return {name: found[name] for name in self._asked.stages if name in found}

    def _version(self, done: dict[str, StageExecution]) -> ModelVersion | None:
        asked = self._asked
        models = done[asked.stage].models if asked.stage in done else ()
        versions = [model.version for model in models if model.name == asked.name]
        if asked.place >= len(versions):
            return None
        record = self._store.ledger.get(f"model/{asked.name}@{versions[asked.place]}")
        return record if isinstance(record, ModelVersion) else None

    def _models(
        self, version: ModelVersion
    ) -> tuple[tuple[ModelArray, ...], tuple[str, ...], tuple[str, ...]]:
        if not self._asked.model:
            return (), (), ("the model on record was taken away by models gc: what is in it isn't compared",)
        tolerance = Tolerance(rtol=self._asked.rtol, atol=self._asked.atol)
        rebuilt = self._store.bundles.path(version.bundle) / MODEL
        sides = []
        for whose, path in (("recorded", Path(self._asked.model)), ("rebuilt", rebuilt)):
            try:
                sides.append(_unpickled(path, self._path.parent))
            except Exception as error:  # noqa: BLE001 - a pickle runs anybody's code, and may raise anything
                why = f"{type(error).__name__}: {str(error)[:200]}"
                return (), (), (f"the {whose} model can't be loaded here: {why}",)
        arrays, other = compare_models(sides[0], sides[1], tolerance)
        return arrays, other, ()

    def _judged(self, version: ModelVersion) -> dict[str, float]:
        """Return the figures of the version's gate."""
        if not self._asked.conditions:
            return {}
        from jupyter_mlops.workflows.evaluate import evaluate_gate

        gate = Gate(model=version.name, conditions=self._asked.conditions, cell=0)
        return gate_figures(evaluate_gate(self._settings, gate, version.version))

    def _first(self, done: dict[str, StageExecution]) -> tuple[FirstDifference | None, tuple[str, ...]]:
        """Return the first variable of the first stage whose content differs, and the states that differ."""
        pairs, states = [], []
        for place, (name, left) in enumerate(self._asked.stages.items()):
            outputs = done[name].outputs if name in done else {}
            names = [
                each
                for each in dict.fromkeys((*left.outputs, *outputs))
                if left.outputs.get(each) != outputs.get(each)
            ]
            states += [f"stage {name}: {spoken(each)}" for each in names if _is_random(each)]
            variables = tuple(each for each in names if not is_pseudo(each))
            upto = list(self._asked.stages)[: place + 1]
            if variables:
                pairs.append(
                    Pair(
                        stage=name,
                        names=variables,
                        recorded=tuple(self._asked.stages[each].product for each in upto),
                        rebuilt=tuple(
                            str(self._store.objects.path(done[each].product)) for each in upto if each in done
                        ),
                    )
                )
        return (self._compared(pairs) if pairs else None), tuple(states)

    def _compared(self, pairs: list[Pair]) -> FirstDifference | None:
        """Ask a kernel that has run the setup cells, as the stages had."""
        from jupyter_mlops.execution.stock import StockCell, run_stock

        folder = self._settings.state / "compare"
        folder.mkdir(parents=True, exist_ok=True)
        question, answer = folder / "question.json", folder / "answer.json"
        question.write_bytes(msgspec.json.encode(pairs))
        setup = [
            StockCell(source=untagged(cell.source), index=cell.index)
            for cell in self._notebook.cells
            if cell.index in self._pipeline.setup or (cell.tag is not None and cell.tag.kind == "params")
        ]
        call = f"{_PRODUCTS}.compare_files(globals(), {str(question)!r}, {str(answer)!r})"
        ran = run_stock(
            [*setup, StockCell(source="None", afterwards=call)],
            kernel=self._notebook.kernel,
            folder=self._path.parent,
            environment=dict(os.environ),
            log=folder / "kernel.log",
        )
        if ran.error is not None or not answer.is_file():
            why = f"{ran.error.type}: {ran.error.message}" if ran.error else "the kernel ended"
            return FirstDifference(
                stage=pairs[0].stage,
                variable=pairs[0].names[0],
                what=f"its fingerprint differs; its content can't be looked at ({why})",
            )
        return msgspec.json.decode(answer.read_bytes(), type=FirstDifference | None)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # The kernels are ended with the run, and nothing is left running.
    raise KeyboardInterrupt


def _is_random(name: str) -> bool:
    return name == "<random>" or name.endswith(".random>")


def _unpickled(path: Path, beside: Path) -> Any:
    """Load a model; modules beside the notebook come last, so that none of them stands in for a library's."""
    if str(beside) not in sys.path:
        sys.path.append(str(beside))
    with warnings.catch_warnings():
        # A model of another version of its library warns; that the versions differ is said elsewhere.
        warnings.simplefilter("ignore")
        return pickle.loads(path.read_bytes())  # noqa: S301 - the project's own bundle, checked against its record


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
