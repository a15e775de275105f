"""Put tags into a notebook's text and leave everything else in it as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_mlops.notebook.cells import load_json
from jupyter_mlops.notebook.tags import Tag, to_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

_indents: tuple[int | str | None, ...] = (1, 2, 4, "\t", None)


def with_tags(document: bytes, name: str, tags: Mapping[int, Tag]) -> bytes:
    """Return the notebook's bytes with a tag in the metadata of the given cells (0-based).

    Order of keys, indentation, line ends and the end of the file stay.

    Raises:
        NotebookError: when it is no notebook.
    """
    content = load_json(document, name)
    text = document.decode("utf-8-sig")
    style = _style(text, content)
    for index, tag in tags.items():
        cell = content["cells"][index]
        metadata = cell.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        cell["metadata"] = _joined(metadata, to_metadata(tag))
    written = json.dumps(content, **style) + text[len(text.rstrip()) :].replace("\r\n", "\n")
    return (written.replace("\n", "\r\n") if "\r\n" in text else written).encode()


def _joined(metadata: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    joined = dict(metadata)
    for key, value in added.items():
        before = joined.get(key)
        both = isinstance(before, list) and isinstance(value, list)
        joined[key] = [*before, *(item for item in value if item not in before)] if both and before else value
    # Jupyter sorts keys when it saves; a file that it saved stays sorted.
    return dict(sorted(joined.items())) if list(metadata) == sorted(metadata) else joined


def _style(text: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return the options of ``json.dumps`` that write this text; Jupyter's own where none does."""
    body = text.strip().replace("\r\n", "\n")
    for indent in _indents:
        for ascii_only in (False, True):
            for separators in ((",", ": "), (", ", ": "), (",", ":")):
                if indent is not None and separators[0] != ",":
                    continue
                style: dict[str, Any] = {
                    "indent": indent,
                    "ensure_ascii": ascii_only,
                    "separators": separators,
                }
                if json.dumps(content, **style) == body:
                    return style
    return {"indent": 1, "ensure_ascii": False}
