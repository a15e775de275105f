"""Which engine runs the stages of a run: this machine, ploomber, or a Ray cluster."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.pipeline.layout import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_mlops.execution.local import Outcome
    from jupyter_mlops.records.pipeline import Stage
    from jupyter_mlops.settings import Settings

ENGINES = ("local", "ploomber", "ray")
# What an engine other than our own needs: the module, and the extra that brings it.
_NEEDS = {"ploomber": "ploomber", "ray": "ray"}


class Engine(Protocol):
    """What runs the stages of a compiled folder, several at a time."""

    folder: Path

    def notebook(self, stage: str) -> Path:
        """Return where a stage's executed notebook goes."""

    def product(self, stage: str) -> Path:
        """Return where a stage's product goes."""

    def execute(
        self, stage: Stage, parameters: dict[str, Any], on_cells: Callable[[int, int], None]
    ) -> Outcome:
        """Run a stage; ``on_cells`` is told cells done and all."""

    def stop(self) -> None:
        """End what runs at once; executions that are under way fail as interrupted."""

    def close(self) -> None:
        """Let go of what the engine holds, when the run is over."""


def check(name: str) -> None:
    """Make sure that an engine exists and that what it needs is installed, without loading it.

    Raises:
        UsageError: when there is no such engine, or its package isn't installed.
    """
    if name not in ENGINES:
        error = NotFoundError.of("engine", name, ENGINES)
        raise UsageError(error.message, hint=error.hint or f"one of {', '.join(ENGINES)}")
    module = _NEEDS.get(name, "")
    if module and not _is_installed(module):
        raise UsageError(
            f"the engine {name} needs {module}, which isn't installed",
            hint=f"pip install 'jupyter-mlops[{module}]'",
        )


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def create(name: str, folder: Path, environment: dict[str, str], settings: Settings) -> Engine:
    """Return the engine of that name for a compiled folder.

    Args:
        name: one of ``ENGINES``.
        folder: the compiled folder.
        environment: variables that stages get besides this process's own.
        settings: the project, for the cluster's address and the object store.

    Raises:
        UsageError: when there is no such engine, or its package isn't installed.
    """
    check(name)
    if name == "ploomber":
        from jupyter_mlops.execution.ploomber_dag import PloomberDag

        return PloomberDag(folder, environment)
    if name == "ray":
        from jupyter_mlops.execution.ray_cluster import RayCluster

        return RayCluster(folder, environment, settings)
    from jupyter_mlops.execution.local import Local

    return Local(folder, environment, warm=settings.warm_kernels)


class Deferred:
    """An engine that is made when the first stage must run: a run with nothing to do needs none.

    Args:
        folder: the compiled folder, as it will be.
        make: compiles it and makes the engine.
    """

    def __init__(self, folder: Path, make: Callable[[], Engine]) -> None:
        self.folder = folder
        self._make = make
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def notebook(self, stage: str) -> Path:
        """Return where a stage's executed notebook goes."""
        return self.folder / PRODUCTS / f"{stage}.ipynb"

    def product(self, stage: str) -> Path:
        """Return where a stage's product goes."""
        return self.folder / PRODUCTS / f"{stage}.pkl"

    def execute(
        self, stage: Stage, parameters: dict[str, Any], on_cells: Callable[[int, int], None]
    ) -> Outcome:
        """Run a stage; ``on_cells`` is told cells done and all."""
        with self._lock:
            if self._engine is None:
                self._engine = self._make()
            engine = self._engine
        if self._stopped:
            engine.stop()
        return engine.execute(stage, parameters, on_cells)

    def stop(self) -> None:
        """End what runs at once; executions that are under way fail as interrupted."""
        self._stopped = True
        with self._lock:
            if self._engine is not None:
                self._engine.stop()

    def close(self) -> None:
        """Let go of what the engine holds, when the run is over."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()
