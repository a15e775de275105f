"""``jupyter mlops data expect`` and ``data check``: what a dataset's versions have to look like, and whether they do."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jupyter_mlops.interfaces.cli._common import Plain, emit, escape, json_option, lines, table, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.records.expectation import Validation
    from jupyter_mlops.store.copying import Progress

_MARKS = {"passed": "[green]✓[/]", "failed": "[bold red]✗[/]", "not evaluated": "[bold red]?[/]"}


@click.command("expect")
@click.argument("dataset")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NOTEBOOK",
    help="Write the cell into the notebook: in place of an empty one, or above the first that uses the dataset.",
)
@json_option
def expect(dataset: str, into: Path | None, *, as_json: bool) -> None:
    """Infer what to expect of DATASET's next versions, and print it as a cell."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import expectations

    project = settings.load()
    with rows_read(f"reading {dataset}") as progress:
        version, found = expectations.infer(project, dataset, progress=progress)
    if into is not None:
        cell = expectations.write_into(into, version.name, expectations.as_cell(version, found))
    if as_json:
        emit(found)
    elif into is not None:
        click.echo(f"{into}: cell {cell} says what is expected of {version.name}")
    else:
        click.echo(f"%%mlops expect {version.name}\n{expectations.as_cell(version, found)}")


@click.command("check")
@click.argument("dataset")
@click.argument("source", required=False)
@json_option
def check(dataset: str, source: str | None, *, as_json: bool) -> int:
    """Hold a version of DATASET against what is expected of it; exits with 1 where it breaks that.

    With SOURCE (a file, folder or URL) that is checked, and nothing is recorded.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import expectations

    project = settings.load()
    with rows_read(f"checking {source or dataset}") as progress:
        if source is None:
            found = expectations.check(project, dataset, progress=progress)
        else:
            found = expectations.check_file(project, dataset, source, progress=progress)
    if as_json:
        emit(found)
    else:
        show(found, source or "")
    return 0 if found.passed else 1


def show(found: Validation, source: str = "") -> None:
    """Print what came of each expectation, what is broken first."""
    screen = lines()
    label = f"{found.name}@{found.version[:12]}" if found.version else source
    verdict = (
        "[green]is as expected[/]"
        if found.passed
        else f"[bold red]breaks {len(found.failed)} of {len(found.results)} expectations[/]"
    )
    screen.print(f"{escape(visible(label))}  {verdict}  ({found.rows:,} rows)", soft_wrap=True)
    ordered = sorted(found.results, key=lambda result: result.status == "passed")
    cells = [
        (
            _MARKS[result.status],
            escape(visible(result.column or "-")),
            escape(visible(result.expectation)),
            escape(visible(result.reason)),
        )
        for result in ordered
    ]
    table(("", "column", "expected", "what came of it"), cells)


def verdict(found: Validation) -> str:
    """Say in one line what came of a check."""
    total, moment = len(found.results), found.created_at[:16].replace("T", " ")
    if found.passed:
        return f"as expected: {total} of {total} expectations hold (checked {moment})"
    label = f"{found.name}@{found.version[:12]}"
    return f"breaks {len(found.failed)} of {total} expectations (checked {moment}): jupyter mlops data check {label}"


@contextmanager
def rows_read(what: str) -> Iterator[Progress]:
    """Show how many rows were read until the block ends, in a terminal."""
    screen = lines(stderr=True)
    if isinstance(screen, Plain) or not screen.is_terminal:
        yield lambda _rows: None
        return
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    counted = TextColumn("{task.completed:,.0f} rows")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), counted, TimeElapsedColumn())
    with Bars(*columns, console=screen, transient=True) as bars:
        bar = bars.add_task(escape(visible(what)), total=None)
        yield lambda count: bars.advance(bar, count)
