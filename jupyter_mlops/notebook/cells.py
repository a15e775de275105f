"""Read ``.ipynb`` files as plain JSON: what a pipeline needs of each cell, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from jupyter_mlops.errors import NotebookError, UsageError
from jupyter_mlops.notebook.tags import Tag, of_cell, of_markdown
from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    from pathlib import Path

CellType = Literal["code", "markdown", "raw"]
OLDEST_FORMAT = 4
MAY_RAISE = "raises-exception"


class Cell(Value, frozen=True, kw_only=True):
    """Hold one cell: its 0-based place, source and tag; ``execution_count`` as it was saved.

    ``may_raise`` says that it is tagged ``raises-exception``: Jupyter goes on after an error in it.
    """

    index: int
    cell_type: CellType
    source: str
    tag: Tag | None = None
    cell_id: str = ""
    execution_count: int | None = None
    may_raise: bool = False


class Notebook(Value, frozen=True, kw_only=True):
    """Hold a notebook: ``name`` is the file's name, ``language`` and ``kernel`` are its kernel's."""

    name: str
    cells: tuple[Cell, ...]
    language: str = "python"
    kernel: str = "python3"


def read(path: Path) -> Notebook:
    """Read a notebook file.

    Raises:
        NotebookError: when it is missing, is no notebook, or a tag in it can't be understood.
    """
    return parse(read_bytes(path), path.name)


def read_bytes(path: Path) -> bytes:
    """Return the file's content.

    Raises:
        NotebookError: when there is no such file, or it can't be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotebookError(f"there is no notebook {path}", hint=_near(path)) from None
    except IsADirectoryError:
        raise NotebookError(f"{path} is a folder", hint="name a notebook in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotebookError(
            f"{path} can't be read: {reason}", hint="check its path and permissions"
        ) from None


def parse(document: str | bytes, name: str) -> Notebook:
    """Read a notebook from its JSON text; ``name`` is the file's name, for messages.

    Raises:
        NotebookError: when it isn't a notebook of format 4 with cells, or a tag can't be understood.
    """
    content = load_json(document, name)
    cells = tuple(_cell(index, cell, name) for index, cell in enumerate(content["cells"]))
    metadata = _table(content.get("metadata"))
    kernelspec, language_info = _table(metadata.get("kernelspec")), _table(metadata.get("language_info"))
    language = kernelspec.get("language") or language_info.get("name") or "python"
    kernel = kernelspec.get("name") or "python3"
    return Notebook(name=name, cells=cells, language=str(language).lower(), kernel=str(kernel))


def load_json(document: str | bytes, name: str) -> dict[str, Any]:
    """Return the notebook's JSON object, with ``cells`` a list that isn't empty.

    Raises:
        NotebookError: when it isn't a notebook of format 4.
    """
    save = "open it in JupyterLab and save it again"
    try:
        text = document.decode("utf-8-sig") if isinstance(document, bytes) else document
        content = json.loads(text)
    except UnicodeDecodeError:
        raise NotebookError(f"{name} is not a notebook: it isn't UTF-8 text", hint=save) from None
    except json.JSONDecodeError as error:
        raise NotebookError(
            f"{name} is not a notebook: it isn't JSON (line {error.lineno}: {error.msg})",
            hint="restore it from a checkpoint or from git",
        ) from None
    except (RecursionError, ValueError) as error:
        raise NotebookError(f"{name} is not a notebook: {error}", hint=save) from None
    if not isinstance(content, dict):
        raise NotebookError(f"{name} is not a notebook: no object at its top", hint=save)
    major = content.get("nbformat")
    if "worksheets" in content or (isinstance(major, int) and major < OLDEST_FORMAT):
        raise NotebookError(f"{name} has the old notebook format {major}", hint=save)
    if not isinstance(content.get("cells"), list):
        raise NotebookError(f"{name} is not a notebook: it has no list of cells", hint=save)
    if not content["cells"]:
        raise NotebookError(f"{name} has no cells", hint="write at least one code cell")
    return content


def source_of(cell: dict[str, Any]) -> str:
    """Return a JSON cell's source, which may be text or a list of lines."""
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def _cell(index: int, cell: Any, name: str) -> Cell:
    where = f"{name}, cell {index}"
    if not isinstance(cell, dict):
        raise NotebookError(
            f"{where} is not a cell", hint="restore the notebook from a checkpoint", cell=index
        )
    cell_type = cell.get("cell_type")
    if cell_type not in get_args(CellType):
        raise NotebookError(
            f"{where} has the type {cell_type!r}", hint="cells are code, markdown or raw", cell=index
        )
    source = source_of(cell)
    if any("\ud800" <= character <= "\udfff" for character in source):
        raise NotebookError(f"{where} holds half a Unicode character", hint="delete it", cell=index)
    try:
        metadata = _table(cell.get("metadata"))
        tag = of_markdown(metadata) if cell_type == "markdown" else of_cell(source, metadata)
    except UsageError as error:
        raise NotebookError(f"{where}: {error.message}", hint=error.hint, cell=index, line=1) from None
    count, tags = cell.get("execution_count"), metadata.get("tags")
    return Cell(
        index=index,
        cell_type=cast("CellType", cell_type),
        source=source,
        tag=tag,
        cell_id=str(cell.get("id") or ""),
        execution_count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        may_raise=isinstance(tags, list) and MAY_RAISE in tags,
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _near(path: Path) -> str:
    try:
        there = sorted(other.name for other in path.parent.iterdir() if other.suffix == ".ipynb")
    except OSError:
        return f"there is no folder {path.parent}"
    if not there:
        return f"there is no notebook in {path.parent}"
    return f"in {path.parent} there are: {', '.join(there[:5])}"
