"""``jupyter mlops migrate``: move the project to what outgrows its defaults."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jupyter_mlops.interfaces.cli._common import console, emit, json_option, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_mlops.workflows.migrate import Report


@click.command("migrate")
@click.option(
    "--to",
    multiple=True,
    metavar="URL",
    help="Where to: postgresql+psycopg://…, s3://…, https://… for MLflow; KEY=URL where a URL alone doesn't say.",
)
@click.option("--schema", type=int, metavar="N", help="Take the tables to those of another version instead.")
@json_option
def command(to: tuple[str, ...], schema: int | None, as_json: bool) -> None:
    """Move records, contents and MLflow's data to other places, all of it, verified.

    The settings name the new places when everything is there; killed before, the project works as before, and the
    same command goes on. Nothing is taken away at the old places.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.errors import UsageError
    from jupyter_mlops.workflows import migrate

    project = settings.load()
    if bool(to) == (schema is not None):
        raise UsageError("give either --to or --schema", hint="--to URL says where the project moves")
    if schema is not None:
        migrate.change_schema(project, schema)
        if as_json:
            emit({"schema": schema})
        else:
            click.echo(f"the tables are those of schema {schema}")
        return
    wanted = migrate.places(project, to)
    report = migrate.migrate(project, wanted, _watch) if wanted else None
    if as_json:
        emit(report or {"settings": {}})
    elif report is None:
        click.echo("the project is there already")
    else:
        _show(report)


def _show(report: Report) -> None:
    out = lines()
    if report.rows:
        links, rows = report.rows["record_parents"], report.rows
        out.print(f"{rows['records']:,} records, {links:,} links, {rows['audit']:,} lines of the audit log")
    if "objects" in report.settings:
        out.print(f"{report.contents:,} contents of {report.content_bytes:,} bytes, all verified")
    if report.mlflow:
        out.print(f"{report.mlflow['runs']:,} runs and {report.mlflow['versions']:,} versions in MLflow")
    if not report.audit_intact:
        out.print("the audit log isn't whole, as it wasn't before: jupyter mlops audit verify says where")
    for key, url in report.settings.items():
        out.print(f"{key} = {url}")
    out.print(f"{report.file} says so now; the old places still hold all that they held")


@contextmanager
def _watch(what: str, total: int | None, in_bytes: bool) -> Iterator[Callable[[int], None]]:
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda _done: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    done = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), done, TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as bars:
        bar = bars.add_task(what, total=total)
        yield lambda step: bars.advance(bar, step)
