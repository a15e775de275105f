"""The page of a run: one file in the run's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jupyter_mlops.pipeline.render import run_page
from jupyter_mlops.store import run_state
from jupyter_mlops.store.files import write_atomic

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Pipeline
    from jupyter_mlops.records.run import Run
    from jupyter_mlops.settings import Settings

NAME = "run.html"


def path_of(settings: Settings, run_id: str) -> Path:
    """Return where the page of a run is."""
    return run_state.folder(settings, run_id) / NAME


def write(settings: Settings, run: Run, pipeline: Pipeline) -> Path:
    """Write the page of a run, whole or not at all; return its path."""
    page = path_of(settings, run.run_id)
    links = {
        stage.name: quote(Path(os.path.relpath(stage.executed, page.parent)).as_posix())
        for stage in run.stages
        if stage.executed
    }
    drawn = []
    if run.gates:
        from jupyter_mlops.evaluation.pictures import picture

        drawn = [picture.html(gate) for gate in run.gates]
    write_atomic(page, run_page.render(run, pipeline, links=links, gates=drawn).encode(), durable=False)
    return page
