"""How a reproduction looks in a terminal: what differs from the record, each figure, each array, the verdict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from jupyter_mlops.records.reproduction import Change, ModelArray, Reproduction

_MOST = 12
_ALONE = 3
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
    """Put arrays of one kind and one fate in a line: trees and layers are many; of those that differ show some alone."""
    kinds: dict[tuple[str, str], list[ModelArray]] = {}
    for array in arrays:
        kinds.setdefault((_index.sub("[]", array.path), array.status), []).append(array)
    lines: list[tuple[str, str, str]] = []
    for (_, status), members in kinds.items():
        alone = members[: 1 if len(members) == 1 else 0 if status == "identical" else _ALONE]
        lines += [(array.path, status, _tail(array)) for array in alone]
        rest = members[len(alone) :]
        if rest:
            more = "more " if alone else ""
            count = f"{len(rest)} {more}array{'s' if len(rest) > 1 else ''}"
            lines.append((f"{_common([array.path for array in members])} ({count})", status, ""))
    return lines


def _common(paths: list[str]) -> str:
    """Return a path that stands for several, which differ in their indexes only: those that vary are left open."""
    indexes = [_index.findall(path) for path in paths]
    kept = iter([each[0] if len(set(each)) == 1 else "[*]" for each in zip(*indexes, strict=True)])
    return _index.sub(lambda _: next(kept), paths[0])


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
    console.print(f"verdict  [{style}]{found.status}[/]{_words(found)}", soft_wrap=True)


def _words(found: Reproduction) -> str:
    counts = f"{len(found.metrics)} figures and {len(found.arrays)} arrays"
    if not found.model_kept:
        counts = f"{len(found.metrics)} figures and what the stages hand on (not the model itself)"
    elif not found.arrays:
        counts = f"{len(found.metrics)} figures and all that the model holds"
    if found.status == "identical":
        return f": {counts} are those on record, bit for bit"
    if found.status == "within tolerance":
        return f": {counts} agree within rtol {found.rtol:g}, atol {found.atol:g}"
    return ""
