"""How a reproduction looks in a terminal: what differs from the record, each figure, each array, the verdict."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from jupyter_mlops.records.reproduction import Change, ModelArray, Reproduction

_MOST = 12
_STYLES = {"identical": "green", "within tolerance": "yellow", "different": "bold red", "not compared": "dim"}
_index = re.compile(r"\[\d+\]")


def summary(console: Console, found: Reproduction) -> None:
    """Print a report: what it rests on, what differs, the verdict at the end."""
    console.print(f"model    {escape(found.model)}, logged by run {escape(found.run_id)}", soft_wrap=True)
    console.print(f"stages   {escape(', '.join(found.stages))}", soft_wrap=True)
    console.print(f"inputs   {escape(', '.join(found.inputs)) or 'no files'}", soft_wrap=True)
    console.print(
        f"built    in {found.seconds:.1f} s, in "
        + (
            f"a new environment ({found.packages} packages, {found.environment_seconds:.1f} s)"
            if found.environment == "fresh"
            else f"this environment ({found.packages} packages)"
        )
    )
    for note in found.notes:
        console.print(f"note     {escape(note)}", soft_wrap=True)
    _changes(console, found)
    if found.failure is not None:
        error = found.failure.error
        first = (error.message.splitlines() or [""])[0]
        text = f"stage {found.failure.stage}: {error.type}: {first}"
        console.print(f"[bold red]failed[/]   {escape(text)}", soft_wrap=True)
    for figure in found.metrics:
        tail = f": {figure.what}" if figure.what else f" ({figure.recorded!r})"
        _line(console, "metric", figure.name, figure.status, tail)
    for text, status, tail in grouped(found.arrays):
        _line(console, "array", text, status, tail)
    for place in found.other:
        console.print(f"[bold red]differs[/]  {escape(place)}", soft_wrap=True)
    _verdict(console, found)


def grouped(arrays: Iterable[ModelArray]) -> list[tuple[str, str, str]]:
    """Put arrays of one pattern and one fate in a line; those that differ stand alone, as many as one can read."""
    lines: list[tuple[str, str, str]] = []
    shown = 0
    for (pattern, status), group in groupby(
        sorted(arrays, key=lambda array: _order(array.path)),
        key=lambda array: (_pattern(array.path), array.status),
    ):
        members = list(group)
        if status == "identical" and len(members) > 1:
            lines.append((f"{pattern} ({len(members)} arrays)", status, ""))
            continue
        room = max(1, _MOST - shown) if status != "identical" else len(members)
        lines += [(array.path, status, _tail(array)) for array in members[:room]]
        if len(members) > room:
            lines.append((f"{pattern} and {len(members) - room} more", status, ""))
        shown += len(members) if status != "identical" else 0
    return lines


def _order(path: str) -> tuple[str, tuple[int, ...]]:
    return _pattern(path), tuple(int(number[1:-1]) for number in _index.findall(path))


def _pattern(path: str) -> str:
    """Return a path with the last levels' indexes left open: trees and layers are many of a kind."""
    return _index.sub("[*]", path)


def _tail(array: ModelArray) -> str:
    return (
        f": {array.what}"
        if array.what
        else f" ({array.dtype if len(array.dtype) < _MOST else 'record'} {list(array.shape)})"
    )


def _line(console: Console, kind: str, name: str, status: str, tail: str) -> None:
    console.print(f"{kind:<8} {escape(name)}  [{_STYLES[status]}]{status}[/]{escape(tail)}", soft_wrap=True)


def _changes(console: Console, found: Reproduction) -> None:
    for change in found.changes[:_MOST]:
        console.print(f"[yellow]changed[/]  {escape(_change(change))}", soft_wrap=True)
    if len(found.changes) > _MOST:
        console.print(f"         and {len(found.changes) - _MOST} more (--json has all)")


def _change(change: Change) -> str:
    name = change.name if change.kind == change.name else f"{change.kind} {change.name}"
    text = f"{name}: {change.recorded or 'none'} on record, {change.used or 'none'} used"
    return f"{text}; {change.what}" if change.what else text


def _verdict(console: Console, found: Reproduction) -> None:
    if found.first is not None:
        first = found.first
        where = f"stage {first.stage}, {first.variable}{first.place}: {first.what}"
        console.print(f"first difference: {escape(where)}", soft_wrap=True)
    for cause in found.causes[:_MOST]:
        console.print(f"because: {escape(cause)}", soft_wrap=True)
    style = {"identical": "green", "within tolerance": "yellow"}.get(found.status, "bold red")
    console.print(f"verdict  [{style}]{found.status}[/]{_words(found)}")


def _words(found: Reproduction) -> str:
    counts = f"{len(found.metrics)} figures and {len(found.arrays)} arrays"
    if found.status == "identical":
        return f": {counts} are those on record, bit for bit"
    if found.status == "within tolerance":
        return f": {counts} agree within rtol {found.rtol:g}, atol {found.atol:g}"
    return ""
