"""The two sides of a verification: the notebook run as a pipeline, and run top to bottom on a stock kernel."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops import settings as project
from jupyter_mlops.errors import StageFailedError
from jupyter_mlops.notebook import cells as notebooks
from jupyter_mlops.notebook.tags import ABOUT, untagged
from jupyter_mlops.pipeline.comparison import snapshot
from jupyter_mlops.pipeline.layout import SOURCE_KEY
from jupyter_mlops.records.run import StageError, StageExecution
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.sandbox import environ

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_mlops.notebook.cells import Cell, Notebook
    from jupyter_mlops.pipeline.comparison.values import Tolerance
    from jupyter_mlops.records.pipeline import Pipeline
    from jupyter_mlops.records.run import Run
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.workflows.sandbox import Sandbox

    Outputs = dict[int, list[dict[str, Any]]]
    OnStep = Callable[[str, int, int], None]

_SNAPSHOT = "__import__('jupyter_mlops.pipeline.comparison.snapshot', fromlist=['snapshot'])"


@dataclass(frozen=True)
class Subject:
    """What is verified: the notebook, its pipeline, and the parameters given from outside."""

    path: Path
    notebook: Notebook
    pipeline: Pipeline
    overrides: Mapping[str, Any]

    @property
    def is_python(self) -> bool:
        """Whether its variables can be looked at."""
        return self.notebook.language == "python"


@dataclass(frozen=True)
class Side:
    """What one run left; ``outputs`` by stage for a pipeline, under ``""`` for the notebook.

    ``kept`` is the folder of the notebook's snapshots; ``products`` are the pipeline's, in page order.
    """

    seconds: float
    outputs: dict[str, Outputs]
    logged: snapshot.Logged = field(default_factory=snapshot.Logged)
    kept: Path = Path()
    products: dict[str, Path] = field(default_factory=dict)
    crossing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kernels: dict[str, str] = field(default_factory=dict)
    error: StageError | None = None
    failed_stage: str = ""


def pipeline_side(subject: Subject, box: Sandbox, jobs: int | None, on_step: OnStep) -> Side:
    """Run the pipeline in a project of its own, with nothing cached."""
    from jupyter_mlops.workflows.run import run

    def on_change(current: Run) -> None:
        done = sum(stage.cells_done for stage in current.stages)
        running = ", ".join(stage.name for stage in current.stages if stage.status == "running")
        on_step(f"pipeline: {running}" if running else "pipeline", done, len(_code_cells(subject.notebook)))

    started = time.monotonic()
    with box.fresh() as (_, environment), environ(environment):
        ran = run(
            subject.path, params=subject.overrides, force=True, jobs=jobs, on_change=on_change, track=False
        )
    seconds = time.monotonic() - started
    settings = _settings_of(box.earlier)
    return _side_of(subject, ran, settings, seconds)


def notebook_side(
    subject: Subject, box: Sandbox, crossing: Mapping[str, tuple[str, ...]], on_step: OnStep, label: str
) -> Side:
    """Run the notebook top to bottom on its stock kernel, and keep the variables of each stage as it ends."""
    from jupyter_mlops.execution.stock import run_stock

    kept = box.scratch("notebook-")
    started = time.monotonic()
    with box.fresh() as (_, environment):
        ran = run_stock(
            _stock_cells(subject, crossing, kept),
            kernel=subject.notebook.kernel,
            folder=subject.path.parent,
            environment={**os.environ, **environment},
            log=kept / "kernel.log",
            on_cell=lambda done, total: on_step(label, done, total),
        )
    logged = kept / snapshot.LOGGED
    return Side(
        seconds=time.monotonic() - started,
        outputs={"": ran.outputs},
        logged=msgspec.json.decode(logged.read_bytes(), type=snapshot.Logged)
        if logged.is_file()
        else snapshot.Logged(),
        kept=kept,
        error=ran.error,
    )


def compare_variables(
    subject: Subject,
    box: Sandbox,
    notebook: Side,
    other: Side,
    crossing: Mapping[str, tuple[str, ...]],
    tolerance: Tolerance,
) -> snapshot.Answer:
    """Compare what crosses borders, in a kernel that has run the setup cells and nothing else."""
    from jupyter_mlops.execution.stock import StockCell, run_stock

    crossings = [
        snapshot.Crossing(
            stage=stage,
            names=names,
            notebook=str(notebook.kept / stage),
            pipeline=_versions(subject, other, stage),
        )
        for stage, names in crossing.items()
    ]
    if not crossings or not subject.is_python:
        return snapshot.Answer()
    folder = box.scratch("compare-")
    question, answer = folder / "question.json", folder / "answer.json"
    asked = {"crossings": crossings, "rtol": tolerance.rtol, "atol": tolerance.atol}
    question.write_bytes(msgspec.json.encode(asked))
    setup = [
        StockCell(source=untagged(cell.source), index=cell.index)
        for cell in subject.notebook.cells
        if cell.index in subject.pipeline.setup or _kind(cell) == "params"
    ]
    call = f"{_SNAPSHOT}.compare_files(globals(), {str(question)!r}, {str(answer)!r})"
    with box.fresh() as (_, environment):
        ran = run_stock(
            [*setup, StockCell(source="None", afterwards=call)],
            kernel=subject.notebook.kernel,
            folder=subject.path.parent,
            environment={**os.environ, **environment},
            log=folder / "kernel.log",
        )
    if ran.error is not None or not answer.is_file():
        why = f"{ran.error.type}: {ran.error.message}" if ran.error else "the kernel ended"
        raise StageFailedError(
            f"the variables can't be compared: {why}",
            hint="setup cells must run without the rest of the notebook",
        )
    return msgspec.json.decode(answer.read_bytes(), type=snapshot.Answer)


def _versions(subject: Subject, other: Side, stage: str) -> tuple[str, ...]:
    if not other.products:
        return (str(other.kept / stage),)
    names = [item.name for item in subject.pipeline.stages]
    above = names[: names.index(stage) + 1]
    return tuple(str(other.products[name]) for name in above if name in other.products)


def _side_of(subject: Subject, ran: Run, settings: Settings, seconds: float) -> Side:
    store = open_store(settings)
    outputs: dict[str, Outputs] = {}
    products: dict[str, Path] = {}
    crossing: dict[str, set[str]] = {}
    for stage in subject.pipeline.stages:
        name = f"{subject.pipeline.name}.{stage.name}"
        found = store.ledger.find("stage", name=name, limit=1)
        execution = found[0] if found and isinstance(found[0], StageExecution) else None
        if execution is None:
            continue
        outputs[stage.name] = _outputs(store.objects.path(execution.executed))
        products[stage.name] = store.objects.path(execution.product)
        for variable, producer in _pulled(execution, stage.producers).items():
            crossing.setdefault(producer, set()).add(variable)
    failed = next((stage for stage in ran.stages if stage.error is not None), None)
    return Side(
        seconds=seconds,
        outputs=outputs,
        logged=snapshot.Logged(
            metrics=ran.metrics,
            datasets=tuple((item.name, str(item.version)) for item in ran.datasets),
            models=tuple(item.name for item in ran.models),
        ),
        products=products,
        crossing={
            stage.name: tuple(sorted(crossing[stage.name]))
            for stage in subject.pipeline.stages
            if stage.name in crossing
        },
        kernels={stage.name: stage.kernel for stage in ran.stages},
        error=failed.error if failed else None,
        failed_stage=failed.name if failed else "",
    )


def _pulled(execution: StageExecution, producers: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a stage really read, and whose; the state of the process isn't a variable."""
    if not execution.pulls:
        return dict(producers)
    return {name: pull.stage for name, pull in execution.pulls.items() if not name.startswith("<")}


def _outputs(path: Path) -> Outputs:
    document = json.loads(path.read_bytes())
    found: Outputs = {}
    for cell in document["cells"]:
        index = cell["metadata"].get(SOURCE_KEY, {}).get("source_cell")
        if index is not None and cell["cell_type"] == "code":
            found[index] = cell["outputs"]
    return found


def _stock_cells(subject: Subject, crossing: Mapping[str, tuple[str, ...]], kept: Path) -> list[Any]:
    from jupyter_mlops.execution.stock import StockCell

    document = notebooks.load_json(notebooks.read_bytes(subject.path), subject.path.name)
    last = {stage.cells[-1]: stage.name for stage in subject.pipeline.stages if stage.cells}
    cells = []
    for cell in _code_cells(subject.notebook):
        tags = (document["cells"][cell.index].get("metadata") or {}).get("tags")
        stage = last.get(cell.index, "")
        names = crossing.get(stage, ())
        cells.append(
            StockCell(
                source=untagged(cell.source),
                index=cell.index,
                metadata={"tags": tags} if isinstance(tags, list) else {},
                afterwards=f"{_SNAPSHOT}.take(globals(), {list(names)!r}, {str(kept / stage)!r})"
                if names
                else "",
            )
        )
        if _kind(cell) == "params" and subject.overrides:
            given = "\n".join(f"{name} = {_literal(value)}" for name, value in subject.overrides.items())
            cells.append(StockCell(source=given))
    if not subject.is_python:
        return cells
    begin = StockCell(source="None", afterwards=f"{_SNAPSHOT}.begin({subject.pipeline.name!r})")
    end = StockCell(source="None", afterwards=f"{_SNAPSHOT}.end({str(kept)!r})")
    return [begin, *cells, end]


def _code_cells(notebook: Notebook) -> list[Cell]:
    return [
        cell for cell in notebook.cells if cell.cell_type == "code" and _kind(cell) not in ("skip", *ABOUT)
    ]


def _kind(cell: Cell) -> str:
    return cell.tag.kind if cell.tag is not None else ""


def _literal(value: Any) -> str:
    is_odd = isinstance(value, float) and repr(value) in ("nan", "inf", "-inf")
    return f"float({str(value)!r})" if is_odd else repr(value)


def _settings_of(root: Path) -> Settings:
    return project.Settings(root=root)
