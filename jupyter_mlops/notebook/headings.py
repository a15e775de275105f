"""The headings of a notebook's Markdown cells, and stage names made of them."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Cell, Notebook

_heading = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_html_heading = re.compile(r"<h([1-6])[^>]*>([^<]*(?:<(?!/h)[^<]*)*)</h[1-6]>", re.IGNORECASE)
_underlined = re.compile(r"^(\S[^\n]*)\n(=+|-{3,})[ \t]*$", re.MULTILINE)
_fence = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_number = re.compile(r"^\W*(?:(?:chapter|step|part|section)\s+)?[\d.]+[\d.):\s-]+", re.IGNORECASE)
_longest_name = 32
_longest_cell = 20_000  # characters of a Markdown cell that are looked at


class Heading(NamedTuple):
    """One heading: the level is 1 to 6."""

    level: int
    text: str


def of_cell(cell: Cell) -> list[Heading]:
    """Return a Markdown cell's headings from top to bottom; the text of a model's card heads nothing."""
    if cell.cell_type != "markdown" or cell.tag is not None:
        return []
    text = _fence.sub("", cell.source[:_longest_cell])
    found = [(match.start(), len(match[1]), match[2].strip()) for match in _heading.finditer(text)]
    found += [(match.start(), int(match[1]), match[2].strip()) for match in _html_heading.finditer(text)]
    found += [
        (match.start(), 1 + (match[2][0] == "-"), match[1].strip()) for match in _underlined.finditer(text)
    ]
    return [Heading(level, words) for _, level, words in sorted(found)]


def title_cell(notebook: Notebook) -> int:
    """Return the cell whose heading names the whole notebook and so no stage, -1 when there is none."""
    above: list[tuple[int, int]] = []
    for cell in notebook.cells:
        above += [(cell.index, heading.level) for heading in of_cell(cell)]
        if cell.cell_type == "code" and not above:
            return -1
    top = [index for index, level in above if level == 1]
    return top[0] if len(top) == 1 and len(above) > 1 and above[0] == (top[0], 1) else -1


def slug(heading: str) -> str:
    """Return a stage name for a heading: ``3. Train the model!`` gives ``train-the-model``; empty when it has no word."""
    text = re.sub(r"<[^>]+>|!?\[([^\]]*)\]\([^)]*\)|[`*_~]", r"\1 ", heading[:500])
    text = unicodedata.normalize("NFKC", _number.sub("", text)).lower()
    name = ""
    for word in re.findall(r"\w+", text):
        longer = f"{name}-{word}" if name else word[:_longest_name]
        if len(longer) > _longest_name:
            break
        name = longer
    return name
