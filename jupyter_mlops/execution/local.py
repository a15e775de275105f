"""The engine that runs stages on this machine, each in a kernel of its own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_mlops.execution.kernels import Kernels
from jupyter_mlops.pipeline.layout import PRODUCTS
from jupyter_mlops.records.run import StageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_mlops.records.pipeline import Stage

# Sets of texts keep one order, so that equal outputs have equal fingerprints from run to run.
FIXED_ENVIRONMENT = {"PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class Outcome:
    """Say how an execution ended; ``error`` is None where it succeeded."""

    seconds: float
    error: StageError | None = None
    attempts: int = 1


class Local:
    """Run the stages of a compiled folder.

    Args:
        folder: the compiled folder.
        environment: variables that stages get besides this process's own.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = {**FIXED_ENVIRONMENT, **os.environ, **environment}
        self._kernels = Kernels()

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
            error = self._attempt(stage, parameters, on_cells)
            again = error is not None and attempts <= stage.options.retries and not self._kernels.stopped
        return Outcome(seconds=time.monotonic() - started, error=error, attempts=attempts)

    def stop(self) -> None:
        """End all kernels; executions that are under way fail as interrupted."""
        self._kernels.stop()

    def _attempt(
        self, stage: Stage, parameters: dict[str, Any], on_cells: Callable[[int, int], None]
    ) -> StageError | None:
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
        )
        error = execute(self.folder / f"{stage.name}.ipynb", self.notebook(stage.name), parameters, watch)
        if error is None and not product.is_file():
            return StageError(type="SystemExit", message="the stage ended itself before its last cell")
        return error
