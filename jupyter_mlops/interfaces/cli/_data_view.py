"""How ``jupyter mlops data`` looks: lists, a version, what changed, how far it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.interfaces.cli._common import Plain, escape, lines, table, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_mlops.data.comparing import FileChanges, KeyChanges
    from jupyter_mlops.records.dataset import Column, DatasetVersion
    from jupyter_mlops.workflows.data_diff import DatasetDiff

SHORT = 12
SHOWN = 10
_STEP = 1000


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how many of ``total`` bytes are done until the block ends: a bar in a terminal, elsewhere nothing."""
    screen = lines(stderr=True)
    if isinstance(screen, Plain) or not screen.is_terminal:
        yield lambda _size: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    # The clock and the wheel go on while a table is profiled, before the first byte is stored.
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=screen, transient=True) as bars:
        bar = bars.add_task(escape(what), total=total)
        yield lambda size: bars.advance(bar, size)


def show_list(found: list[DatasetVersion]) -> None:
    """Print a line for each version."""
    listed = [
        (
            version.name,
            version.version[:SHORT],
            _files(version) if version.rows is None else f"{version.rows:,} x {len(version.columns)}",
            size(version.size_bytes),
            version.created_at[:16].replace("T", " "),
            escape(visible(version.source)),
        )
        for version in found
    ]
    table(("dataset", "version", "rows", "size", "recorded", "from"), listed)


def show_version(version: DatasetVersion) -> None:
    """Print where a version came from, and each column's profile."""
    click.echo(f"{version.name}@{version.version}")
    click.echo(
        ", ".join(filter(None, (rows(version), size(version.size_bytes), version.format or "no suffix")))
    )
    click.echo(
        f"recorded {version.created_at[:19].replace('T', ' ')} by {version.author} from {visible(version.source)}"
    )
    if version.query:
        click.echo(f"asked: {' '.join(version.query.split())}")
    for parent in version.parents:
        click.echo(f"made from {parent.removeprefix('dataset/')}")
    if not version.columns:
        return
    cells = (
        (column.name, column.dtype, column.kind, str(column.missing or ""), _profile(column))
        for column in version.columns
    )
    described = [[escape(visible(cell)) for cell in row] for row in cells]
    table(("column", "type", "kind", "missing", "profile"), described)


def show_diff(found: DatasetDiff) -> None:
    """Print what changed, a line each."""
    if found.same:
        click.echo("the same content")
        return
    tables = (
        [] if found.rows == (None, None) else [f"rows: {_count(found.rows[0])} -> {_count(found.rows[1])}"]
    )
    lines = [
        *tables,
        f"size: {size(found.size_bytes[0])} -> {size(found.size_bytes[1])}",
    ]
    lines += [f"+ column {name}" for name in found.added_columns]
    lines += [f"- column {name}" for name in found.removed_columns]
    lines += [f"column {name}: {old} -> {new}" for name, (old, new) in found.changed_types.items()]
    lines += [f"column {name}: {old} -> {new} missing" for name, (old, new) in found.missing.items()]
    if found.by_key is not None:
        lines += _by_key(found.by_key)
    elif found.changes is not None:
        lines.append(f"{found.changes.added} rows added, {found.changes.removed} removed (by content)")
        lines += [f"+ {row}" for row in found.changes.first_added]
        lines += [f"- {row}" for row in found.changes.first_removed]
    for column in found.shifts:
        effect = "" if column.effect is None else f", PSI {column.effect:.3g}"
        chance = "" if column.p_value is None else f", p {column.p_value:.2g}"
        lines.append(f"column {column.name} is distributed otherwise{effect}{chance}")
    if found.files is not None:
        lines += _file_lines(found.files)
    if found.note:
        lines.append(found.note)
    click.echo("\n".join(lines))


def rows(version: DatasetVersion) -> str:
    """Say how many rows and columns, or files, a version has."""
    if version.rows is None:
        return _files(version) or "not a table"
    files = f", {_files(version)}" if version.content == "folder" else ""
    return f"{version.rows:,} rows, {len(version.columns)} columns{files}"


def size(count: float) -> str:
    """Write a number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < _STEP:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _STEP
    return f"{count:.1f} GB"


def _files(version: DatasetVersion) -> str:
    return f"{version.files:,} files" if version.content == "folder" else ""


def _by_key(found: KeyChanges) -> list[str]:
    key = ", ".join(found.key)
    lines = [f"{found.added} rows added, {found.removed} removed, {found.changed} changed (by {key})"]
    lines += [f"column {name}: {count} values changed" for name, count in found.columns.items()]
    lines += [f"+ {row}" for row in found.first_added]
    lines += [f"- {row}" for row in found.first_removed]
    return [*lines, *(f"~ {_changed(row)}" for row in found.first_changed)]


def _changed(row: dict[str, Any]) -> str:
    words = [
        f"{name}: {value[0]} -> {value[1]}" if isinstance(value, list) else f"{name} {value}"
        for name, value in row.items()
    ]
    return ", ".join(words)


def _file_lines(found: FileChanges) -> list[str]:
    lines = [
        f"{len(found.added)} files added, {len(found.removed)} removed, {len(found.changed)} changed",
    ]
    for sign, names in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        lines += [f"{sign} {name if name.isprintable() else repr(name)}" for name in names[:SHOWN]]
        if len(names) > SHOWN:
            lines.append(f"{sign} and {len(names) - SHOWN} more")
    return lines


def _profile(column: Column) -> str:
    profile: dict[str, Any] = column.profile
    if "mean" in profile:
        mean, std = _number(profile["mean"]), _number(profile["std"])
        infinite = f", {profile['infinite']} infinite" if profile.get("infinite") else ""
        return f"{_number(profile['min'])} .. {_number(profile['max'])}, mean {mean}, std {std}{infinite}"
    if not profile.get("count"):
        return "no values"
    # Versions of older records may have an estimate above the number of values.
    about = "about " if profile.get("approximate") else ""
    different = f"{about}{min(profile.get('unique', 0), profile['count']):,} different"
    if "top" in profile:
        shown = ", ".join(f"{item['value']} ({item['count']})" for item in profile["top"][:3])
        return f"{different}: {shown}" if shown else different
    if "unique" in profile:
        return f"{different}, {profile['mean_length']:.0f} characters on average"
    if "min" in profile:
        return f"{profile['min']} .. {profile['max']}"
    return ""


def _number(value: float | None) -> str:
    """Write a figure; JSON has none where it is beyond what a float holds."""
    return "beyond floats" if value is None else f"{value:.6g}"


def _count(value: int | None) -> str:
    return "no table" if value is None else str(value)
