"""How a verification looks in a terminal: one bar while it runs, then what differs, first things first."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from jupyter_mlops.records.verification import Difference, Verification

_MOST = 10


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show what is being done until the block ends: a bar in a terminal, else a line for each step."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("starting", total=None)
        yield lambda label, done, total: bars.update(
            task, description=escape(label), completed=done, total=max(total, 1)
        )


def summary(console: Console, found: Verification) -> None:
    """Print the verdict, then what it rests on."""
    compared = found.compared
    seconds = f"notebook {found.notebook_seconds:.1f} s, pipeline {found.pipeline_seconds:.1f} s"
    if found.suggested:
        console.print("stages   proposed by suggest: the notebook has no tags")
    console.print(f"stages   {escape(', '.join(found.stages))}", soft_wrap=True)
    if found.failure is None:
        console.print(
            f"compared {_count(compared.variables, 'variable')} that cross a border,"
            f" the output of {_count(compared.cells, 'cell')}, {_count(compared.metrics, 'figure')} ({seconds})"
        )
    for place in compared.nothing_to_compare[:_MOST]:
        console.print(f"not compared: {escape(place)}", soft_wrap=True)
    _failure(console, found)
    _list(console, "differs", found.differences)
    if found.status == "not deterministic" or found.own_differences:
        _by_itself(console, found)
    style = "green" if found.status == "same" else "bold red"
    console.print(f"verdict  [{style}]{_VERDICTS[found.status]}[/]")


_VERDICTS = {
    "same": "same: the pipeline gives the notebook's results",
    "differs": "differs",
    "not deterministic": "the notebook isn't deterministic by itself: what differs, differs between its own runs too",
    "failed": "the notebook fails by itself, so there is nothing to compare",
}


def line(item: Difference) -> str:
    """Say a difference in one line: stage, then variable or cell, then what."""
    where = [f"stage {item.stage}"] if item.stage else []
    if item.kind == "variable":
        where.append(f"variable {item.name}{item.place}")
    elif item.kind == "output":
        where.append(f"cell {item.cell}")
    else:
        where.append(f"{item.kind} {item.name}")
    return f"{', '.join(where)}: {item.what}"


def _failure(console: Console, found: Verification) -> None:
    if found.failure is None:
        return
    error = found.failure.error
    where = f"stage {found.failure.stage}, " if found.failure.stage else ""
    where += f"cell {error.cell}: " if error.cell is not None else ""
    whose = "the notebook" if found.failure.of == "notebook" else "only the pipeline"
    first = (error.message.splitlines() or [""])[0]
    console.print(f"[bold red]failed[/]   {whose}: {escape(f'{where}{error.type}: {first}')}", soft_wrap=True)


def _list(console: Console, title: str, items: tuple[Difference, ...]) -> None:
    for item in items[:_MOST]:
        console.print(f"[bold red]{title}[/]  {escape(line(item))}", soft_wrap=True)
    if len(items) > _MOST:
        console.print(f"         and {len(items) - _MOST} more (--json has all)")


def _by_itself(console: Console, found: Verification) -> None:
    first = found.own_differences[0]
    console.print(f"run twice, the notebook itself differs first in {escape(line(first))}", soft_wrap=True)
    for draw in found.draws:
        console.print(f"         cell {draw.cell}, line {draw.line}: {escape(draw.message)}", soft_wrap=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


class _Lines:
    """Print a line when a step begins."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._label = ""

    def __call__(self, label: str, _done: int, _total: int) -> None:
        step = label.partition(":")[0]
        if step != self._label:
            self._label = step
            self._console.print(escape(step))
