"""What people write about a model in its notebook: the text of ``%%mlops card`` cells, cut by its headings.

Above the text there may be front matter as model hubs know it (``license: apache-2.0`` between two lines of ``---``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.notebook import tags
from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Notebook

INTENDED_USE = "Intended use"
LIMITS = re.compile(r"\b(?:limit|caveat|risk|bias|out[ -]of[ -]scope|not intended|misuse)", re.IGNORECASE)
_front = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.MULTILINE | re.DOTALL)
_heading = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*")
_fence = re.compile(r" {0,3}(`{3,}|~{3,})")


class Section(Value, frozen=True, kw_only=True):
    """Hold one part of the text: its heading, and the Markdown below it."""

    title: str
    text: str

    @property
    def is_limits(self) -> bool:
        """Say whether it is about what the model is not for, by its heading."""
        return bool(LIMITS.search(self.title))


class CardText(Value, frozen=True, kw_only=True):
    """Hold all that a notebook says about one model, in page order."""

    sections: tuple[Section, ...] = ()
    front: dict[str, Any] = msgspec.field(default_factory=dict)


def of_notebook(notebook: Notebook, model: str) -> CardText | None:
    """Return what the notebook's cards say about ``model``, None where there is no card of it."""
    cells = [
        tags.body(cell.source) if cell.cell_type != "markdown" else cell.source
        for cell in notebook.cells
        if cell.tag is not None and cell.tag.kind == "card" and cell.tag.name == model
    ]
    return _joined([parse(cell) for cell in cells]) if cells else None


def shown(source: str) -> str:
    """Return a card's text as a notebook shows it: without its tag and its front matter."""
    return _split(tags.body(source))[1]


def parse(text: str) -> CardText:
    """Cut a card's text at its uppermost headings; what stands above the first one is about the intended use."""
    front, rest = _split(text)
    lines = rest.splitlines()
    found = _headings(lines)
    levels = [level for _, level, _ in found]
    if levels.count(1) == 1 and len(levels) > 1 and not any(line.strip() for line in lines[: found[0][0]]):
        # One heading over all the others is the model's title, and the card has its own.
        lines[found[0][0]] = ""
        found = found[1:]
    top = min((level for _, level, _ in found), default=0)
    starts = [(-1, INTENDED_USE), *((line, title) for line, level, title in found if level == top)]
    ends = [line for line, _ in starts[1:]] + [len(lines)]
    sections = [
        Section(title=title, text=body)
        for (line, title), end in zip(starts, ends, strict=True)
        if (body := "\n".join(lines[line + 1 : end]).strip("\n")).strip()
    ]
    return CardText(sections=tuple(sections), front=front)


def _joined(texts: list[CardText]) -> CardText:
    merged: dict[str, list[str]] = {}
    front: dict[str, Any] = {}
    for text in texts:
        front |= text.front
        for section in text.sections:
            merged.setdefault(section.title, []).append(section.text)
    sections = tuple(Section(title=title, text="\n\n".join(parts)) for title, parts in merged.items())
    return CardText(sections=sections, front=front)


def _split(text: str) -> tuple[dict[str, Any], str]:
    """Take the front matter off; what is no mapping in YAML is text like all the rest."""
    found = _front.match(text)
    if found is None:
        return {}, text
    import yaml

    try:
        front = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError):
        return {}, text
    if not isinstance(front, dict):
        return {}, text
    return {str(key): value for key, value in front.items()}, text[found.end() :]


def _headings(lines: list[str]) -> list[tuple[int, int, str]]:
    """Return line, level and words of each heading that isn't inside a fence."""
    found, fence = [], ""
    for number, line in enumerate(lines):
        mark = _fence.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        heading = None if fence or mark else _heading.fullmatch(line)
        if heading:
            found.append((number, len(heading[1]), heading[2]))
    return found
