"""The engine that runs stages on this machine, each in a kernel of its own."""

from __future__ import annotations

import json
import os
import time
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.execution.kernels import Kernels
from jupyter_mlops.execution.reads import local_modules
from jupyter_mlops.execution.warm.imports import Needs, needs_of, workdir_of
from jupyter_mlops.execution.warm.pool import WarmKernels
from jupyter_mlops.pipeline.layout import PRODUCTS
from jupyter_mlops.records.run import StageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.records.pipeline import Stage

# Sets of texts keep one order, so that equal outputs have equal fingerprints from run to run.
FIXED_ENVIRONMENT = {"PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class Outcome:
    """Say how an execution ended; ``error`` is None where it succeeded, ``kernel`` says what ran it."""

    seconds: float
    error: StageError | None = None
    attempts: int = 1
    kernel: str = ""


class Local:
    """Run the stages of a compiled folder.

    Args:
        folder: the compiled folder.
        environment: variables that stages get besides this process's own.
        warm: whether kernels may be forks of one that has imported already what the stage imports.
    """

    def __init__(self, folder: Path, environment: dict[str, str], *, warm: bool = True) -> None:
        self.folder = folder
        self._environment = {**FIXED_ENVIRONMENT, **os.environ, **environment}
        self._kernels = Kernels()
        self._warm: WarmKernels | None = None
        if warm:
            log = folder / PRODUCTS / "warm.log"
            self._warm = WarmKernels(self._environment, folder, log, self._kernels)
        self._close = weakref.finalize(self, _close, self._warm, self._kernels)

    def notebook(self, stage: str) -> Path:
        """Return where a stage's executed notebook goes."""
        return self.folder / PRODUCTS / f"{stage}.ipynb"

    def product(self, stage: str) -> Path:
        """Return where a stage's product goes."""
        return self.folder / PRODUCTS / f"{stage}.pkl"

    def execute(
        self, stage: Stage, parameters: dict[str, Any], on_cells: Callable[[int, int], None]
    ) -> Outcome:
        """Run a stage, again as often as its ``--retries`` say; ``on_cells`` is told cells done and all."""
        started = time.monotonic()
        attempts, again = 0, True
        while again:
            attempts += 1
            error, kernel = self._attempt(stage, parameters, on_cells)
            again = error is not None and attempts <= stage.options.retries and not self._kernels.stopped
        seconds = time.monotonic() - started
        return Outcome(seconds=seconds, error=error, attempts=attempts, kernel=kernel)

    def stop(self) -> None:
        """End all kernels; executions that are under way fail as interrupted."""
        self._kernels.stop()
        self.close()

    def close(self) -> None:
        """End what waits for further stages, when the run is over."""
        self._close()

    def _attempt(
        self, stage: Stage, parameters: dict[str, Any], on_cells: Callable[[int, int], None]
    ) -> tuple[StageError | None, str]:
        needs = self._needs(stage) if self._warm else Needs()
        if self._warm is not None and needs.statements:
            self._warm.prepare(needs)  # while papermill is imported here
        from jupyter_mlops.execution.stage import Watch, execute

        product = self.product(stage.name)
        product.parent.mkdir(parents=True, exist_ok=True)
        product.unlink(missing_ok=True)
        watch = Watch(
            environment=self._environment,
            log=product.with_suffix(".log"),
            folder=self.folder,
            kernels=self._kernels,
            on_cells=on_cells,
            limit=stage.options.timeout,
            warm=self._warm,
            needs=needs,
        )
        error = execute(self.folder / f"{stage.name}.ipynb", self.notebook(stage.name), parameters, watch)
        if error is None and not product.is_file():
            error = StageError(type="SystemExit", message="the stage ended itself before its last cell")
        return error, watch.kernel

    def _needs(self, stage: Stage) -> Needs:
        """Read off the compiled stage what it imports."""
        cells = json.loads((self.folder / f"{stage.name}.ipynb").read_bytes())["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        beside = (self.folder / workdir_of(sources)).resolve()
        modules = (text for _, text in local_modules(sources, beside).values())
        found = needs_of(sources, modules, str(beside))
        # A device must not have been looked at before the fork.
        return (
            replace(found, statements=(), bare=found.bare or "it asks for a GPU")
            if stage.options.gpu
            else found
        )


def _close(warm: WarmKernels | None, kernels: Kernels) -> None:
    if warm is not None:
        warm.close()
    kernels.close()
