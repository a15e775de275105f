"""Compile a notebook to a folder that stands alone."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.errors import UsageError
from jupyter_mlops.pipeline import cache_key, environment
from jupyter_mlops.pipeline.compiler import compile_pipeline
from jupyter_mlops.pipeline.layout import MARKER, SOURCE_KEY
from jupyter_mlops.pipeline.pages import EXPECTATIONS
from jupyter_mlops.store.files import write_atomic
from jupyter_mlops.workflows import build

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Notebook


def compile_notebook(notebook: Path, folder: Path | None = None) -> Path:
    """Write a notebook's pipeline to ``folder`` (default: ``<name>_pipeline`` beside it); return the folder.

    Files that aren't from an earlier compilation are left alone; stages that are no longer in the notebook go.

    Raises:
        NotebookError: when the notebook can't be read or cut into stages.
        UsageError: when the folder is a file, or can't be written.
    """
    notebook = notebook.resolve()
    page, pipeline = build.load(notebook)
    folder = (folder or notebook.parent / f"{notebook.stem}_pipeline").resolve()
    if folder == notebook.parent:
        raise UsageError(
            f"{folder} is the notebook's own folder", hint="compile into a folder of its own: -o pipeline"
        )
    workdir = Path(os.path.relpath(notebook.parent, folder)).as_posix()
    requirements = environment.lock(_imports(page))
    files = compile_pipeline(page, pipeline, workdir=workdir, requirements=requirements)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder, files)
    except OSError as error:
        raise UsageError(
            f"can't write {folder}: {error.strerror}", hint="choose another folder with -o"
        ) from None
    return folder


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Replace what differs; what ``pipeline.yaml`` leads to is there before it is, and goes after it."""
    with tempfile.TemporaryFile(dir=folder):
        pass  # a folder that can't be written is found out before anything in it has changed
    for name in sorted(files, key=lambda name: name == MARKER):
        path = folder / name
        if not path.is_file() or path.read_bytes() != files[name]:
            write_atomic(path, files[name])
    for path in sorted(folder.glob("*.ipynb")):
        if path.name not in files and _is_ours(path):
            path.unlink()
    for path in (folder / "gates.yaml", folder / EXPECTATIONS):
        if path.name not in files and path.is_file() and b"jupyter mlops compile" in path.read_bytes()[:200]:
            path.unlink()


def _is_ours(path: Path) -> bool:
    """Say whether a notebook is a compiled stage that never ran: what papermill wrote is its user's."""
    try:
        metadata = json.loads(path.read_bytes())["metadata"]
        return "stage" in metadata[SOURCE_KEY] and "papermill" not in metadata
    except (ValueError, KeyError, TypeError, OSError):
        return False


def _imports(notebook: Notebook) -> tuple[str, ...]:
    return cache_key.imported_names(cell.source for cell in notebook.cells if cell.cell_type == "code")
