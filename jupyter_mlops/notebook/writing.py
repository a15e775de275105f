"""Put tags into a notebook's text and leave everything else in it as it was."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import UsageError
from jupyter_mlops.notebook.cells import load_json, source_of
from jupyter_mlops.notebook.tags import Tag, of_cell, to_magic, to_metadata
from jupyter_mlops.notebook.tags import body as body_of

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
    return _written(text, content, style)


def with_expectations(document: bytes, name: str, dataset: str, body: str) -> tuple[bytes, int]:
    """Return the notebook's bytes with a cell that says what is expected of ``dataset``, and the cell's index.

    It takes the place of an empty one; else it stands above the first code cell that names the dataset, or above the
    first of all. In a notebook that doesn't load our magics it is a raw cell, so that it stays a plain notebook.

    Raises:
        NotebookError: when it is no notebook.
        UsageError: when a cell says something about it already.
    """
    content = load_json(document, name)
    text = document.decode("utf-8-sig")
    style = _style(text, content)
    cells: list[dict[str, Any]] = content["cells"]
    tags = [of_cell(source_of(cell), cell.get("metadata") or {}) for cell in cells]
    said = next((at for at, tag in enumerate(tags) if tag == Tag(kind="expect", name=dataset)), None)
    if said is not None:
        place, source = said, source_of(cells[said])
        above = source[: len(source) - len(body_of(source))]
        if any(line.strip() and not line.strip().startswith("#") for line in body_of(source).splitlines()):
            raise UsageError(
                f"{name}, cell {said} says already what is expected of {dataset}",
                hint="empty it first, and it will be filled",
            )
        cells[said]["source"] = _as_before(cells[said], f"{above.rstrip()}\n{body}" if above else body)
    else:
        named = re.compile(rf"""dataset\(\s*["']{re.escape(dataset)}["'@]""")
        code = [at for at, cell in enumerate(cells) if cell.get("cell_type") == "code"]
        place = next((at for at in code if named.search(source_of(cells[at]))), code[0] if code else 0)
        cells.insert(place, _expecting(content, dataset, body))
    return _written(text, content, style), place


def _expecting(content: dict[str, Any], dataset: str, body: str) -> dict[str, Any]:
    """Return a new cell."""
    cells = content["cells"]
    magics = any("load_ext jupyter_mlops" in source_of(cell) for cell in cells)
    tag = Tag(kind="expect", name=dataset)
    cell: dict[str, Any] = {"cell_type": "code" if magics else "raw"}
    if any("id" in other for other in cells):
        cell["id"] = hashlib.sha256(f"expect {dataset}".encode()).hexdigest()[:8]
    cell["metadata"] = {} if magics else to_metadata(tag)
    cell["source"] = (f"{to_magic(tag)}\n{body}" if magics else body).splitlines(keepends=True)
    return {**cell, "execution_count": None, "outputs": []} if magics else cell


def _as_before(cell: dict[str, Any], source: str) -> str | list[str]:
    return source if isinstance(cell.get("source"), str) else source.splitlines(keepends=True)


def _written(text: str, content: dict[str, Any], style: dict[str, Any]) -> bytes:
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
