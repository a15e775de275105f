"""``jupyter mlops data``: dataset versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.interfaces.cli._common import console, emit, json_option

if TYPE_CHECKING:
    from jupyter_mlops.records.dataset import Column, DatasetVersion
    from jupyter_mlops.workflows.data import DatasetDiff

SHORT = 12


@click.group("data")
def command() -> None:
    """List, show, compare and check out dataset versions; DATASET is NAME or NAME@VERSION."""


@command.command("list")
@click.argument("name", required=False)
@json_option
def list_(name: str | None, as_json: bool) -> None:
    """List dataset versions, newest first."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import data

    found = data.list_datasets(settings.load(), name)
    if as_json:
        emit(found)
    elif not found:
        click.echo("there is no dataset yet; record one with mlops.dataset(name, path) in a notebook")
    else:
        _show_list(found)


@command.command("show")
@click.argument("dataset")
@json_option
def show(dataset: str, as_json: bool) -> None:
    """Show a version: where it came from, and each column's profile."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import data

    version = data.show(settings.load(), dataset)
    if as_json:
        emit(version)
    else:
        _show_version(version)


@command.command("diff")
@click.argument("left")
@click.argument("right")
@json_option
def diff(left: str, right: str, as_json: bool) -> None:
    """Say what changed from LEFT to RIGHT: columns, types, missing values, rows."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import data

    found = data.diff(settings.load(), left, right)
    if as_json:
        emit(found)
    else:
        _show_diff(found)


@command.command("checkout")
@click.argument("dataset")
@click.option(
    "--to", type=click.Path(path_type=Path), help="A file or an existing folder (default: a read-only copy)."
)
@json_option
def checkout(dataset: str, to: Path | None, as_json: bool) -> None:
    """Put a version's content on disk and print its path."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import data

    path = data.checkout(settings.load(), dataset, to)
    if as_json:
        emit({"path": str(path)})
    else:
        click.echo(path)


@command.command("add")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def add(name: str, path: Path, as_json: bool) -> None:
    """Record the file PATH as a version of dataset NAME."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import data

    version = data.add(settings.load(), name, path)
    if as_json:
        emit(version)
    else:
        click.echo(f"{version.name}@{version.version[:SHORT]}  {_rows(version)}")


def _show_list(found: list[DatasetVersion]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for header in ("dataset", "version", "rows", "size", "recorded", "from"):
        table.add_column(header, no_wrap=header != "from")
    for version in found:
        table.add_row(
            version.name,
            version.version[:SHORT],
            "" if version.rows is None else f"{version.rows:,} x {len(version.columns)}",
            _size(version.size_bytes),
            version.created_at[:16].replace("T", " "),
            version.source,
        )
    console().print(table)


def _show_version(version: DatasetVersion) -> None:
    from rich.table import Table

    click.echo(f"{version.name}@{version.version}")
    click.echo(f"{_rows(version)}, {_size(version.size_bytes)}, {version.format or 'no suffix'}")
    click.echo(
        f"recorded {version.created_at[:19].replace('T', ' ')} by {version.author} from {version.source}"
    )
    if not version.columns:
        return
    table = Table("column", "type", "kind", "missing", "profile", box=None, pad_edge=False)
    for column in version.columns:
        table.add_row(column.name, column.dtype, column.kind, str(column.missing or ""), _profile(column))
    console().print(table)


def _show_diff(found: DatasetDiff) -> None:
    if found.same:
        click.echo("the same content")
        return
    lines = [
        f"rows: {found.rows[0]} -> {found.rows[1]}",
        f"size: {_size(found.size_bytes[0])} -> {_size(found.size_bytes[1])}",
    ]
    lines += [f"+ column {name}" for name in found.added_columns]
    lines += [f"- column {name}" for name in found.removed_columns]
    lines += [f"column {name}: {old} -> {new}" for name, (old, new) in found.changed_types.items()]
    lines += [f"column {name}: {old} -> {new} missing" for name, (old, new) in found.missing.items()]
    if found.changes is not None:
        lines.append(f"{found.changes.added} rows added, {found.changes.removed} removed (by content)")
        lines += [f"+ {row}" for row in found.changes.first_added]
        lines += [f"- {row}" for row in found.changes.first_removed]
    if found.note:
        lines.append(found.note)
    click.echo("\n".join(lines))


def _profile(column: Column) -> str:
    profile: dict[str, Any] = column.profile
    if "mean" in profile:
        return f"{profile['min']:.6g} .. {profile['max']:.6g}, mean {profile['mean']:.6g}, std {profile['std']:.6g}"
    if "top" in profile:
        shown = ", ".join(f"{item['value']} ({item['count']})" for item in profile["top"][:3])
        return f"{profile['unique']} different: {shown}"
    if "unique" in profile:
        return f"{profile['unique']} different, {profile['mean_length']:.0f} characters on average"
    if "min" in profile:
        return f"{profile['min']} .. {profile['max']}"
    return ""


def _rows(version: DatasetVersion) -> str:
    return "not a table" if version.rows is None else f"{version.rows:,} rows, {len(version.columns)} columns"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - the step of the units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
