"""Make notebooks out of short text, for every test that needs one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

CellSpec = str | tuple[str, Any]


def notebook(*cells: CellSpec, **metadata: Any) -> dict[str, Any]:
    """Return a notebook document (nbformat 4.5) with the given cells.

    A cell is a source text (code), ``("md", text)``, ``("raw", text)`` or
    ``(source, metadata)`` for a code cell with metadata.
    """
    return {
        "cells": [_cell(index, cell) for index, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            **metadata,
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def text(*cells: CellSpec, **metadata: Any) -> str:
    """Return the same notebook as Jupyter would write it."""
    return json.dumps(notebook(*cells, **metadata), indent=1, ensure_ascii=False) + "\n"


def write(path: Path, *cells: CellSpec, **metadata: Any) -> Path:
    """Write the notebook to ``path``, and return it."""
    path.write_text(text(*cells, **metadata), encoding="utf-8")
    return path


def _cell(index: int, spec: CellSpec) -> dict[str, Any]:
    kind, source, metadata = "code", spec, {}
    if isinstance(spec, tuple):
        first, second = spec
        if first in ("md", "raw") and isinstance(second, str):
            kind, source = ("markdown" if first == "md" else "raw"), second
        else:
            source, metadata = first, second
    cell = {
        "cell_type": kind,
        "id": f"cell-{index}",
        "metadata": metadata,
        "source": str(source).splitlines(keepends=True),
    }
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell
