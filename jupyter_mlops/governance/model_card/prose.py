"""Markdown that a person wrote, made safe to show: as HTML of ours, or inside Markdown of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a browser could take for a tag, outside of code; an address in angle brackets is none.
_tag = re.compile(r"(`+)(?:.+?)\1(?!`)|\\<|<(?!https?://[^<>\s]*>|mailto:[^<>\s]*>)", re.DOTALL)
_heading = re.compile(r"^( {0,3})(#{1,6})(?=[ \t])", re.MULTILINE)
_begins_block = re.compile(r"^(?:(\d+)(?=[.)](?:\s|$))|(?=[=>#]|[-+](?:[\s-]|$)))")
_LOWEST = 6


def html(text: str) -> str:
    """Return the text as HTML: no raw HTML of its own, no script, no picture fetched from elsewhere."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return str(reader.render(_below(text, 3)))


def markdown(text: str) -> str:
    """Return the text as Markdown whose headings stand below the card's, with every tag in it spoken out."""
    return "".join(
        part if is_code else _tag.sub(_spoken, part) for is_code, part in _parts(_below(text, 3))
    ).strip("\n")


def escaped(text: str) -> str:
    """Return plain text so that Markdown shows it as it is, on one line."""
    line = " ".join(text.split())
    line = re.sub(r"([\\`*_\[\]<|~$&])", r"\\\1", line)
    return _begins_block.sub(lambda found: f"{found[0]}\\", line)


def _spoken(found: re.Match[str]) -> str:
    return "\\<" if found[0] == "<" else found[0]


def _below(text: str, level: int) -> str:
    """Move the text's headings down, so that its uppermost is of ``level``."""
    found = [
        len(match[2]) for is_code, part in _parts(text) if not is_code for match in _heading.finditer(part)
    ]
    step = max(0, level - min(found, default=level))
    if not step:
        return text

    def lower(match: re.Match[str]) -> str:
        return match[1] + "#" * min(_LOWEST, len(match[2]) + step)

    return "".join(part if is_code else _heading.sub(lower, part) for is_code, part in _parts(text))


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Cut the text into code blocks (True) and the rest, as a reader of Markdown sees them."""
    from markdown_it import MarkdownIt

    lines = text.splitlines(keepends=True)
    last = 0
    for token in MarkdownIt("commonmark").parse(text):
        if token.type in ("fence", "code_block") and token.map and token.map[0] >= last:
            begin, end = token.map
            yield False, "".join(lines[last:begin])
            yield True, "".join(lines[begin:end])
            last = end
    yield False, "".join(lines[last:])
