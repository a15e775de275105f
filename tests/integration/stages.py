"""Stages written by hand, for tests of the engine that need no notebook around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.layout import PRODUCTS
from jupyter_mlops.records.pipeline import Stage, StageOptions

if TYPE_CHECKING:
    from jupyter_mlops.execution.local import Local, Outcome


def write(folder: Path, name: str, *cells: str, kernel: str = "python3", tags: tuple[str, ...] = ()) -> None:
    """Write a stage of these cells, and one that makes its product."""
    last = f"open('{PRODUCTS}/{name}.pkl', 'w').close()"
    document = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{place}",
                "metadata": {"tags": list(tags)},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for place, source in enumerate((*cells, last))
        ],
    }
    (folder / f"{name}.ipynb").write_text(json.dumps(document))


def run(engine: Local, name: str, **options: Any) -> Outcome:
    """Execute a stage."""
    stage = Stage(name=name, cells=(), options=StageOptions(**options))
    return engine.execute(stage, {}, lambda done, total: None)


def outputs(engine: Local, name: str) -> list[list[dict[str, Any]]]:
    """Return the outputs of each cell but the last of an executed stage."""
    cells = json.loads(engine.notebook(name).read_text())["cells"]
    # papermill puts a note above a cell that raised.
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"][:-1]


def text(engine: Local, name: str) -> str:
    """Return what an executed stage printed."""
    return "".join(
        "".join(output["text"])
        for cell in outputs(engine, name)
        for output in cell
        if output["output_type"] == "stream"
    )
