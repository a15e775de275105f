"""How a run looks in a terminal: a bar a stage, then a summary."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_mlops.interfaces.cli._common import Plain, escape
from jupyter_mlops.records.base import to_builtins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console
    from rich.progress import Progress, TaskID

    from jupyter_mlops.records.evaluation import ConditionResult
    from jupyter_mlops.records.run import Run, StageRun

STYLES = {"executed": "green", "cached": "cyan", "failed": "bold red", "skipped": "yellow", "running": "blue"}
MARKS = {
    "executed": "done",
    "cached": "cached",
    "failed": "FAILED",
    "skipped": "skipped",
    "running": "running",
}
_WIDEST = 40
_SETTLED = ("executed", "cached", "failed", "skipped")


@contextmanager
def progress(console: Console | Plain) -> Iterator[Callable[[Run], None]]:
    """Show the progress of runs until the block ends: bars in a terminal, else a line for each change."""
    if isinstance(console, Plain) or not console.is_terminal:
        yield _Each(console, lambda: _Lines(console))
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bars:
        yield _Each(console, lambda: _Bars(bars))


def document(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the document of ``--json``: one run as it is, several as a list under ``runs``."""
    built: list[dict[str, Any]] = to_builtins(list(runs))
    return built[0] if len(built) == 1 else {"group": runs[0].group, "runs": built}


def table(console: Console | Plain, runs: Sequence[Run], varied: Iterable[str]) -> None:
    """Print the runs of a grid side by side: what differs between their parameters, and what came of it."""
    names = [name for name in varied if len({repr(run.params[name]) for run in runs}) > 1]
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    rows = []
    for run in runs:
        values = [escape(_short(run.params[name])) for name in names]
        figures = [f"{run.metrics[name]:.6g}" if name in run.metrics else "" for name in metrics]
        rows.append((*values, *figures, run.run_id, _verdict(run)))
    _table(console, (*names, *metrics, "run", "status"), rows, right=(*names, *metrics))


def summary(console: Console | Plain, run: Run) -> None:
    """Print what ran, and what came of it."""
    rows = []
    for stage in run.stages:
        seconds = f"{stage.seconds:.1f}" if stage.seconds else ""
        rows.append((escape(stage.name), _mark(stage), seconds, escape(stage.reason)))
    _table(console, ("stage", "status", "seconds", "why"), rows, right=("seconds",))
    for dataset in run.datasets:
        console.print(f"dataset  {escape(dataset.name)}@{str(dataset.version)[:12]}")
    for model in run.models:
        console.print(f"model    {escape(model.name)}/{model.version}")
    for name, value in run.metrics.items():
        console.print(f"metric   {escape(name)} = {value:.6g}")
    for gate in run.gates:
        verdict = "[green]passed[/]" if gate.passed else "[bold red]blocked[/]"
        console.print(f"gate     {escape(gate.model)}/{gate.version}: {verdict}")
        for condition in gate.conditions:
            console.print(f"           {escape(_condition(condition))}", soft_wrap=True)
    console.print(f"run      {run.run_id}: {_verdict(run)}")
    if run.page:
        console.print(f"page     {escape(run.page)}", soft_wrap=True)


def failures(console: Console | Plain, run: Run) -> None:
    """Print each failed stage on a few lines: where, what, and where to look."""
    for stage in run.stages:
        error = stage.error
        if error is None:
            continue
        where = "" if error.cell is None else f", cell {error.cell}"
        where += "" if error.line is None else f", line {error.line}"
        first, *more = error.message.splitlines() or [""]
        console.print(
            f"[bold red]failed[/] {escape(f'{stage.name}{where}: {error.type}: {first}')}", soft_wrap=True
        )
        for line in more[:5]:
            console.print(f"       {escape(line)}", soft_wrap=True)
        if stage.executed:
            console.print(f"       executed notebook: {escape(stage.executed)}", soft_wrap=True)


class _Each:
    """Show runs one after the other, each in a view of its own; say first what is particular about it."""

    def __init__(self, console: Console | Plain, new_view: Callable[[], Callable[[Run], None]]) -> None:
        self._console = console
        self._new_view = new_view
        self._views: dict[str, Callable[[Run], None]] = {}

    def __call__(self, run: Run) -> None:
        if run.run_id not in self._views:
            self._views[run.run_id] = self._new_view()
            self._introduce(run, is_first=len(self._views) == 1)
        self._views[run.run_id](run)

    def _introduce(self, run: Run, *, is_first: bool) -> None:
        if run.suggested and is_first:
            stages = ", ".join(stage.name for stage in run.stages)
            self._console.print(
                f"no cell is tagged, so these stages are suggested: {escape(stages)}"
                f" (jupyter mlops suggest {escape(run.notebook)} --write keeps them)",
                soft_wrap=True,
            )
        if run.group:
            values = ", ".join(f"{name}={_short(value)}" for name, value in run.params.items())
            self._console.print(f"run {run.run_id}: {escape(values)}", soft_wrap=True)


class _Lines:
    """Print a line when a stage begins and when it ends."""

    def __init__(self, console: Console | Plain) -> None:
        self._console = console
        self._seen: dict[str, str] = {}
        self._step = ""

    def __call__(self, run: Run) -> None:
        if run.step and run.step != self._step:
            self._console.print(escape(run.step), soft_wrap=True)
        self._step = run.step
        for stage in run.stages:
            if stage.status != "pending" and self._seen.get(stage.name) != stage.status:
                self._seen[stage.name] = stage.status
                seconds = f" in {stage.seconds:.1f} s" if stage.seconds else ""
                why = f" ({stage.reason})" if stage.reason else ""
                self._console.print(
                    f"{stage.name}: {MARKS[stage.status]}{seconds}{escape(why)}", soft_wrap=True
                )


class _Bars:
    """Keep a bar for each stage that is in the run."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._gates: TaskID | None = None

    def __call__(self, run: Run) -> None:
        width = max((len(stage.name) for stage in run.stages), default=0)
        for stage in run.stages:
            if stage.name not in self._tasks:
                self._tasks[stage.name] = self._bars.add_task(
                    escape(stage.name.ljust(width)), total=1, start=False, note="", count="", visible=False
                )
            self._show(stage, self._tasks[stage.name])
        if run.step:
            if self._gates is None:
                self._gates = self._bars.add_task("gates".ljust(width), total=None, note="", count="")
            self._bars.update(self._gates, note=escape(run.step))
        elif self._gates is not None:
            self._bars.update(self._gates, visible=False)

    def _show(self, stage: StageRun, task: TaskID) -> None:
        if stage.status == "pending":
            return
        bar = self._bars.tasks[self._bars.task_ids.index(task)]
        if stage.status == "running" and bar.start_time is None:
            self._bars.start_task(task)
        settled = stage.status in _SETTLED
        total = max(stage.cells_total, 1)
        note = f"{_mark(stage)} [dim]{escape(stage.reason)}[/]"
        done = total if stage.status in ("executed", "cached") else stage.cells_done
        count = f"{done}/{total} cells"
        self._bars.update(task, completed=done, total=total, note=note, count=count, visible=True)
        if settled and bar.start_time is not None:
            self._bars.stop_task(task)


def _table(
    console: Console | Plain, titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]
) -> None:
    if isinstance(console, Plain):
        console.table(titles, rows, right)
        return
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        shown.add_column(escape(title), justify="right" if title in right else "left")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def _verdict(run: Run) -> str:
    if run.status == "succeeded" and any(not gate.passed for gate in run.gates):
        return "[bold red]blocked[/]"
    return f"[{'green' if run.status == 'succeeded' else 'bold red'}]{run.status}[/]"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _mark(stage: StageRun) -> str:
    return f"[{STYLES.get(stage.status, 'white')}]{MARKS.get(stage.status, stage.status)}[/]"


def _condition(condition: ConditionResult) -> str:
    from jupyter_mlops.evaluation.pictures.view import said

    measured = said(condition)
    value = f" (is {measured})" if measured else ""
    reason = f": {condition.reason}" if condition.reason else ""
    return f"{condition.status:<13} {condition.text}{value}{reason}"
