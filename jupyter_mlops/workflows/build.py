"""Read a notebook and find its pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import UsageError
from jupyter_mlops.notebook import cells, dataflow, lint, suggest, tags, writing
from jupyter_mlops.notebook.dataflow import place
from jupyter_mlops.pipeline.render import document
from jupyter_mlops.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.pipeline import Diagnostic, Pipeline


__all__ = ["check", "examine", "graph", "load", "parse", "place", "propose", "write", "write_tags"]


def load(path: Path) -> tuple[Notebook, Pipeline]:
    """Read a notebook file, propose stages where it has none, and find its pipeline.

    Raises:
        NotebookError: when the file is missing or no notebook, or a tag can't be understood.
        DataflowError: when its stages can't give the notebook's results.
    """
    return _build(cells.read(path))


def parse(document: str | bytes, name: str) -> tuple[Notebook, Pipeline]:
    """Do the same with a notebook's JSON text.

    Raises:
        NotebookError: when it is no notebook, or a tag can't be understood.
        DataflowError: when its stages can't give the notebook's results.
    """
    return _build(cells.parse(document, name))


def examine(document: str | bytes, name: str) -> tuple[Pipeline, list[Diagnostic]]:
    """Return the pipeline as far as it goes, and what is wrong with it.

    Raises:
        NotebookError: when it is no notebook, or a tag can't be understood.
    """
    notebook = cells.parse(document, name)
    found = suggest.proposal(notebook).examined
    return _marked(found.pipeline, notebook), found.findings


def graph(pipeline: Pipeline) -> dict[str, Any]:
    """Return the graph as the contract has it: ``notebook``, ``params`` and ``stages``."""
    return document.graph(pipeline)


def check(path: Path) -> list[Diagnostic]:
    """Lint a notebook file.

    Raises:
        NotebookError: when the file is missing or no notebook, or a tag can't be understood.
    """
    return lint.check(cells.read(path))


def propose(path: Path) -> list[tuple[int, str, str]]:
    """Return for each cell that a proposal tags: its index, the tag's line, the cell's first line of code.

    Raises:
        NotebookError: when the file is missing or no notebook, or a tag can't be understood.
    """
    notebook = cells.read(path)
    tagged = suggest.suggest(notebook)
    return [
        (after.index, tags.to_magic(after.tag), _first_line(after.source))
        for before, after in zip(notebook.cells, tagged.cells, strict=True)
        if after.tag is not None and after.tag != before.tag
    ]


def write_tags(path: Path) -> None:
    """Write the proposed tags into the notebook's cell metadata, and change nothing else in the file.

    Raises:
        NotebookError: when the file is missing or no notebook, or a tag can't be understood.
    """
    document = cells.read_bytes(path)
    notebook = cells.parse(document, path.name)
    tagged = suggest.suggest(notebook)
    added = {
        after.index: after.tag
        for before, after in zip(notebook.cells, tagged.cells, strict=True)
        if after.tag is not None and after.tag != before.tag
    }
    if added:
        write(path, writing.with_tags(document, path.name, added))


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: when it can't be written there.
    """
    try:
        write_atomic(path, content)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", hint="choose another place") from None


def _first_line(source: str) -> str:
    lines = (line.strip() for line in source.splitlines())
    return next((line[:60] for line in lines if line and not line.startswith("#")), "")


def _build(notebook: Notebook) -> tuple[Notebook, Pipeline]:
    found = suggest.proposal(notebook)
    if found.examined.findings:
        raise dataflow.failure(notebook.name, found.examined.findings)
    return found.notebook, _marked(found.examined.pipeline, notebook)


def _marked(pipeline: Pipeline, notebook: Notebook) -> Pipeline:
    return msgspec.structs.replace(pipeline, suggested=not suggest.has_stages(notebook))
