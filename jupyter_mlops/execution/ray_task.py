"""Run one stage in a worker of a cluster, in a folder of its own; this module loads no Ray."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.execution.local import Local, Outcome
from jupyter_mlops.pipeline.layout import GENERATED, MARKER, PRODUCTS

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Stage
    from jupyter_mlops.store.objects import Objects

_workdir = re.compile(r'workdir=("(?:[^"\\]|\\.)*")')
# Ray sets it to the CPUs that a task asked for; sums over other numbers of threads differ in the last bit.
_THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Job:
    """What a worker needs: ``notebook`` and ``marker`` are files' contents, ``above`` maps stages to their products.

    ``folder`` is the compiled folder as the notebook knows it; nothing in it is read by the worker.
    """

    stage: Stage
    notebook: bytes
    marker: bytes
    folder: str
    parameters: dict[str, Any]
    above: dict[str, str]
    environment: dict[str, str]
    objects: Objects


@dataclass(frozen=True)
class Result:
    """What a worker made: the product's digest in the object store, empty where the stage failed."""

    outcome: Outcome
    notebook: bytes
    product: str


def run_stage(job: Job) -> Result:
    """Run a stage as this machine would, with products from the object store and back to it."""
    if _THREADS not in job.environment:
        os.environ.pop(_THREADS, None)
    objects = job.objects
    with tempfile.TemporaryDirectory(prefix="mlops-stage-") as name:
        folder = Path(name)
        (folder / PRODUCTS).mkdir()
        (folder / MARKER).write_bytes(job.marker)
        (folder / f"{job.stage.name}.ipynb").write_bytes(_moved(job.notebook, Path(job.folder)))
        for above, digest in job.above.items():
            _fetch(objects.path(digest), folder / PRODUCTS / f"{above}.pkl")
        # One stage is all that this worker runs for now: nothing would be saved by keeping a kernel warm.
        engine = Local(folder, job.environment, warm=False)
        try:
            outcome = engine.execute(job.stage, job.parameters, _nobody)
        finally:
            engine.close()
        product, executed = engine.product(job.stage.name), engine.notebook(job.stage.name)
        digest = objects.put_file(product) if outcome.error is None else ""
        return Result(outcome, executed.read_bytes() if executed.is_file() else job.notebook, digest)


def _moved(notebook: bytes, folder: Path) -> bytes:
    """Make the notebook's way to its own folder absolute, for it runs elsewhere than it was compiled for."""
    document = json.loads(notebook)
    for cell in document["cells"]:
        source = "".join(cell["source"])
        found = _workdir.search(source)
        if found and GENERATED in cell["metadata"].get("tags", ()):
            target = json.dumps(os.path.normpath(folder / json.loads(found[1])), ensure_ascii=False)
            moved = source[: found.start(1)] + target + source[found.end(1) :]
            cell["source"] = moved.splitlines(keepends=True)
    return json.dumps(document).encode()


def _fetch(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, target)


def _nobody(_done: int, _total: int) -> None:
    """Progress inside a worker isn't told."""
