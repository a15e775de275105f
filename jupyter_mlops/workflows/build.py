"""Read a notebook and find its pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.notebook import cells, dataflow, suggest
from jupyter_mlops.records.base import to_builtins

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.pipeline import Diagnostic, Pipeline


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
    pipeline, findings = dataflow.examine(suggest.suggest(notebook))
    return _marked(pipeline, notebook), findings


def graph(pipeline: Pipeline) -> dict[str, Any]:
    """Return the graph as the contract has it: ``notebook``, ``params`` and ``stages``."""
    shown = ("name", "cells", "upstream", "inputs", "outputs")
    return {
        "notebook": pipeline.notebook,
        "params": to_builtins(pipeline.params),
        "stages": [{key: to_builtins(getattr(stage, key)) for key in shown} for stage in pipeline.stages],
    }


def _build(notebook: Notebook) -> tuple[Notebook, Pipeline]:
    tagged = suggest.suggest(notebook)
    return tagged, _marked(dataflow.analyse(tagged), notebook)


def _marked(pipeline: Pipeline, notebook: Notebook) -> Pipeline:
    import msgspec

    return msgspec.structs.replace(pipeline, suggested=not suggest.has_stages(notebook))
