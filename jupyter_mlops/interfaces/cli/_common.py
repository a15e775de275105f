"""What the commands share: the ``--json`` option and the one document it prints."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

# What rich reads as a style in square brackets; one with an odd number of backslashes before it is meant as it stands.
_markup = re.compile(r"(\\*)(\[[a-z#/@][^[]*?])")

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def emit(document: Any) -> None:
    """Print ``document`` (records, dicts, lists) as indented JSON on stdout."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def console(*, stderr: bool = False) -> Console:
    """Return a rich console; on stderr for progress, so that stdout stays for results."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


class Plain:
    """Print to what is no terminal: the words without their styles, in full lines. It loads nothing for it.

    Args:
        stderr: whether to print on stderr.
    """

    is_terminal = False

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr

    def print(self, text: str, *, soft_wrap: bool = True) -> None:  # noqa: ARG002 - rich's name; lines are never broken here
        """Print a line."""
        click.echo(_markup.sub(_unstyled, text), err=self._stderr)

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
        """Print a table: each column as wide as its longest word, those in ``right`` set to the right."""
        lines = [
            [_markup.sub(_unstyled, title) for title in titles],
            *([_markup.sub(_unstyled, cell) for cell in row] for row in rows),
        ]
        widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
        for line in lines:
            cells = (
                cell.rjust(width) if title in right else cell.ljust(width)
                for cell, width, title in zip(line, widths, titles, strict=True)
            )
            click.echo("  ".join(cells).rstrip(), err=self._stderr)


def lines(*, stderr: bool = False) -> Console | Plain:
    """Return a rich console in a terminal, a plain one elsewhere."""
    stream = sys.stderr if stderr else sys.stdout
    styled = stream.isatty() or os.environ.get("FORCE_COLOR")
    return console(stderr=stderr) if styled else Plain(stderr=stderr)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, to: Console | Plain | None = None) -> None:
    """Print a table in which nothing is cut off: folded in a narrow terminal, in full lines elsewhere.

    Args:
        titles: the columns' titles.
        rows: the cells, which may hold styles; see ``escape``.
        to: where to; default: stdout.
    """
    screen = to or lines()
    if isinstance(screen, Plain):
        screen.table([escape(title) for title in titles], rows, ())
        return
    from rich.table import Table

    shown = Table(box=None, pad_edge=False)
    for title in titles:
        shown.add_column(escape(title), overflow="fold")
    for row in rows:
        shown.add_row(*row)
    screen.print(shown)


def visible(text: str) -> str:
    """Write what would move the cursor, or be invisible, as Python does: data must not steer a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def escape(text: str) -> str:
    """Keep what looks like a style in square brackets as it stands."""
    escaped = _markup.sub(r"\1\1\\\2", text)
    # A backslash at the end would make the style behind it a word.
    return f"{escaped}\\" if escaped.endswith("\\") and not escaped.endswith("\\\\") else escaped


def _unstyled(found: re.Match[str]) -> str:
    backslashes, words = found[1], found[2]
    return "\\" * (len(backslashes) // 2) + (words if len(backslashes) % 2 else "")
