"""``jupyter mlops data``: dataset versions."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlops.interfaces.cli._common import emit, json_option
from jupyter_mlops.interfaces.cli._data_expect import check, expect, rows_read, verdict
from jupyter_mlops.records.base import to_builtins


@click.group("data")
def command() -> None:
    """Record, list, show, compare, check, check out, verify and clean up dataset versions.

    DATASET is NAME (the newest) or NAME@VERSION.
    """


@command.command("add")
@click.argument("name")
@click.argument("source")
@click.option(
    "--query", default="", metavar="SQL", help="What to ask the database that SOURCE is the URL of."
)
@click.option(
    "--from", "derived_from", multiple=True, metavar="DATASET", help="A dataset that this one was made from."
)
@json_option
def add(name: str, source: str, query: str, derived_from: tuple[str, ...], *, as_json: bool) -> None:
    """Record SOURCE as a version of dataset NAME: a file, a folder, a .dvc file, or a URL.

    Exits with 1 where it isn't what is expected of NAME; it is on record then all the same.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _data_view as view
    from jupyter_mlops.workflows import data, expectations

    project = settings.load()
    parents = [str(data.show(project, text).ref) for text in derived_from]
    with view.progress(f"recording {name}", data.size_of(source)) as progress:
        version = data.add(project, name, source, query=query, parents=parents, progress=progress)
    if as_json:
        emit(version)
    else:
        click.echo(f"{version.name}@{version.version[: view.SHORT]}  {view.rows(version)}")
    with rows_read(f"checking {name}") as read:
        expectations.hold_added(project, version, progress=read)


@command.command("list")
@click.argument("name", required=False)
@json_option
def list_(name: str | None, *, as_json: bool) -> None:
    """List dataset versions, newest first."""
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _data_view as view
    from jupyter_mlops.workflows import data

    found = data.list_datasets(settings.load(), name)
    if as_json:
        emit(found)
    elif not found:
        click.echo("there is no dataset yet; record one with mlops.dataset(name, path) in a notebook")
    else:
        view.show_list(found)


@command.command("show")
@click.argument("dataset")
@json_option
def show(dataset: str, *, as_json: bool) -> None:
    """Show a version: where it came from, and each column's profile."""
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _data_view as view
    from jupyter_mlops.workflows import data, expectations

    project = settings.load()
    version = data.show(project, dataset)
    found = expectations.newest_check(project, version)
    if as_json:
        emit({**to_builtins(version), "validation": found})
    else:
        view.show_version(version)
        if found is not None:
            click.echo(verdict(found))


@command.command("diff")
@click.argument("left")
@click.argument("right")
@click.option(
    "--key",
    default="",
    metavar="COLUMN[,COLUMN]",
    help="The columns that tell rows apart: follow rows by them.",
)
@json_option
def diff(left: str, right: str, key: str, *, as_json: bool) -> None:
    """Say what changed from LEFT to RIGHT: columns, types, missing values, rows, files, distributions."""
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _data_view as view
    from jupyter_mlops.workflows import data_diff

    columns = [name for name in key.split(",") if name]
    found = data_diff.diff(settings.load(), left, right, key=columns)
    if as_json:
        emit(found)
    else:
        view.show_diff(found)


command.add_command(expect)
command.add_command(check)


@command.command("checkout")
@click.argument("dataset")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="A file or an existing folder; for a folder a new or an empty one (default: a read-only copy).",
)
@click.option("--dvc", is_flag=True, help="Write a .dvc file beside it (needs --to).")
@json_option
def checkout(dataset: str, to: Path | None, *, dvc: bool, as_json: bool) -> None:
    """Put a version's content on disk and print its path."""
    if dvc and to is None:
        raise click.UsageError("--dvc writes beside a copy to work with: say --to")
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _data_view as view
    from jupyter_mlops.workflows import data

    project = settings.load()
    total = data.show(project, dataset).size_bytes
    with view.progress(f"checking out {dataset}", total) as progress:
        path = data.checkout(project, dataset, to, dvc=dvc, progress=progress)
    if as_json:
        emit({"path": str(path)})
    else:
        click.echo(path)


@command.command("verify")
@click.argument("datasets", nargs=-1)
@json_option
def verify(datasets: tuple[str, ...], *, as_json: bool) -> int:
    """Hash stored contents again; exits with 1 where one was changed or is gone (default: all versions)."""
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _data_view as view
    from jupyter_mlops.workflows import data

    with view.progress("verifying", None) as progress:
        found = data.verify(settings.load(), datasets, progress=progress)
    if as_json:
        emit(found)
    else:
        for each in found:
            name, _, version = each.version.removeprefix("dataset/").partition("@")
            click.echo(f"{name}@{version[: view.SHORT]}  {each.status}")
    return 1 if any(each.status in (data.CHANGED, data.GONE) for each in found) else 0


@command.command("gc")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Keep N versions of each dataset, and what kept models and the last runs were made from (default: all).",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--exclusive", is_flag=True, help="No other project uses the object store.")
@json_option
def gc(*, keep: int | None, dry_run: bool, exclusive: bool, as_json: bool) -> None:
    """Take contents away that nothing kept needs; what was recorded within the last hour stays."""
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _data_view as view
    from jupyter_mlops.workflows import data_gc

    with view.progress("collecting", None) as progress:
        found = data_gc.collect(
            settings.load(), keep=keep, dry_run=dry_run, exclusive=exclusive, progress=progress
        )
    if as_json:
        emit(found)
        return
    for ref in found.versions:
        name, _, version = ref.removeprefix("dataset/").partition("@")
        click.echo(f"{name}@{version[: view.SHORT]}")
    what = "would go" if dry_run else "gone"
    click.echo(f"{found.contents:,} contents {what}, {view.size(found.size_bytes)}; {found.kept:,} kept")
