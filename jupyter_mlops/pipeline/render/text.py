"""The graph as text for a terminal: a box a stage, in page order, with what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Pipeline, Stage


def render(pipeline: Pipeline) -> str:
    """Return a readable tree: each stage with its cells, and for each input the stage it comes from."""
    lines = [_title(pipeline)]
    if pipeline.params:
        lines.append("params  " + ", ".join(f"{name} = {value!r}" for name, value in pipeline.params.items()))
    if pipeline.setup:
        lines.append(f"setup   {_cells(pipeline.setup)}")
    for stage in pipeline.stages:
        lines += ["", *_stage(stage)]
    for one in pipeline.expected:
        lines += ["", f"◇ expect {one.dataset}  cell {one.cell}"]
    for gate in pipeline.gates:
        lines += ["", f"◆ gate {gate.model}  cell {gate.cell}", *(f"│ {text}" for text in gate.conditions)]
    return "\n".join(lines) + "\n"


def _title(pipeline: Pipeline) -> str:
    count = len(pipeline.stages)
    note = "  (proposed: the notebook has no tags)" if pipeline.suggested else ""
    return f"{pipeline.notebook}: {count} stage{'s' * (count != 1)}{note}"


def _stage(stage: Stage) -> list[str]:
    head = f"● {stage.name}  {_cells(stage.cells)}"
    options = _options(stage)
    rows: list[str] = []
    for upstream in stage.upstream:
        names = [name for name in stage.inputs if stage.producers.get(name) == upstream]
        rows.append(f"{upstream} → {', '.join(names)}" if names else f"{upstream} (after)")
    if stage.outputs:
        rows.append(f"makes {', '.join(stage.outputs)}")
    marks = ["├─"] * (len(rows) - 1) + ["└─"]
    return [head + options, *(f"{mark} {row}" for mark, row in zip(marks, rows, strict=False))]


def _options(stage: Stage) -> str:
    options = stage.options
    shown = [f"retries {options.retries}"] * bool(options.retries)
    shown += [f"timeout {options.timeout:g} s"] if options.timeout is not None else []
    shown += [f"memory {options.memory / 2**30:.3g} GB"] if options.memory is not None else []
    shown += ["gpu"] * options.gpu + ["not cached"] * (not options.cache)
    return f"  [{', '.join(shown)}]" if shown else ""


def _cells(cells: tuple[int, ...]) -> str:
    """Return ``cell 3`` or ``cells 3-5, 8``."""
    runs: list[list[int]] = []
    for cell in cells:
        if runs and runs[-1][-1] == cell - 1:
            runs[-1].append(cell)
        else:
            runs.append([cell])
    shown = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"cell{'s' * (len(cells) != 1)} {shown}"
