"""A card as Markdown with the front matter that model hubs read."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from jupyter_mlops.governance.model_card import prose
from jupyter_mlops.governance.model_card.document import (
    Cell,
    Commands,
    Note,
    Points,
    Table,
    Written,
)

if TYPE_CHECKING:
    from jupyter_mlops.governance.model_card.document import Block, Document
    from jupyter_mlops.governance.model_card.record import Tone

_MARKS: dict[Tone, str] = {"ok": "✅", "warn": "⚠️", "bad": "❌", "": ""}
_LONGEST_FENCE = 3


def render(document: Document) -> str:
    """Write the document as Markdown that hubs and code hosts show well; what users gave is escaped."""
    parts = [
        _front(document.front),
        f"# {prose.escaped(document.title)}",
        f"**{_MARKS[document.tone]} {prose.escaped(document.headline)}** · {prose.escaped(document.subtitle)}",
        "\n".join(f"- {prose.escaped(reason)}" for reason in document.reasons),
        _tiles(document),
    ]
    for section in document.sections:
        parts.append(f"{'#' * section.level} {prose.escaped(section.title)}")
        parts += [_block(block) for block in section.blocks]
    parts.append(f"---\n\n{prose.escaped(document.footer)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _front(front: dict[str, object]) -> str:
    import yaml

    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---" if front else ""


def _tiles(document: Document) -> str:
    cells = [
        (prose.escaped(tile.figure), prose.escaped(tile.words), _MARKS[tile.tone]) for tile in document.tiles
    ]
    return "\n".join(
        [
            "| " + " | ".join(f"{mark} {figure}".strip() for figure, _, mark in cells) + " |",
            "|" + ":---:|" * len(cells),
            "| " + " | ".join(words for _, words, _ in cells) + " |",
        ]
    )


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Note):
        mark = f"{_MARKS[block.tone]} " if block.tone else ""
        title = f"**{prose.escaped(block.title)}.** " if block.title else ""
        return f"{mark}{title}{prose.escaped(block.text)}"
    if isinstance(block, Points):
        return "\n".join(f"- {prose.escaped(line)}" for line in block.lines)
    if isinstance(block, Written):
        return prose.markdown(block.markdown)
    if isinstance(block, Commands):
        return _fenced("\n".join(block.lines), "bash")
    return _folded("From the data to the model, in words", _fenced(block.text, "text"))


def _table(table: Table) -> str:
    rule = ["---:" if column in table.numbers else "---" for column in range(len(table.headers))]
    rows = [
        "| " + " | ".join(prose.escaped(header) for header in table.headers) + " |",
        "| " + " | ".join(rule) + " |",
        *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows),
    ]
    text = "\n".join(rows)
    return _folded(table.folded, text) if table.folded else text


def _folded(title: str, text: str) -> str:
    # Hubs and code hosts fold these; the blank lines let what is in it be Markdown.
    return f"<details>\n<summary>{html.escape(title)}</summary>\n\n{text}\n\n</details>"


def _cell(cell: Cell) -> str:
    text = _code(cell.text) if cell.code and cell.text else prose.escaped(cell.text)
    mark = _MARKS[cell.tone]
    text = f"**{text}**" if cell.strong and text and not cell.code else text
    note = f"<br>{prose.escaped(cell.note)}" if cell.note else ""
    return f"{mark} {text}{note}".strip()


def _code(text: str) -> str:
    """Write text as code inside a table, where a bar would end the cell."""
    line = " ".join(text.split()).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in _runs(line)), default=0) + 1)
    pad = " " if "`" in line else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def _fenced(text: str, language: str) -> str:
    fence = "`" * max(_LONGEST_FENCE, 1 + max((len(run) for run in _runs(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _runs(text: str) -> list[str]:
    return re.findall(r"`+", text)
