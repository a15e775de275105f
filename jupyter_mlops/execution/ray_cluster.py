"""The engine that runs stages as tasks of a Ray cluster.

A stage's notebook, its parameters and the digests of the products above it travel to a worker; the products themselves
go through the object store. The worker runs it as this machine would. Ray is loaded when the first stage must run.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import SettingsError
from jupyter_mlops.execution.local import FIXED_ENVIRONMENT, Outcome
from jupyter_mlops.execution.ray_task import Job, Result, run_stage
from jupyter_mlops.pipeline.layout import MARKER, PRODUCTS
from jupyter_mlops.records.run import StageError
from jupyter_mlops.store.files import write_atomic
from jupyter_mlops.store.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_mlops.records.pipeline import Stage
    from jupyter_mlops.settings import Settings

LOCAL = "local"
# Before it is loaded. The last leaves CUDA_VISIBLE_DEVICES alone in tasks that ask for no GPU, as a local run does.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayCluster:
    """Run the stages of a compiled folder on a cluster.

    Args:
        folder: the compiled folder.
        environment: variables that stages get besides the worker's own.
        settings: the project; ``ray_address`` names the cluster, without it one is started here and ended again.
    """

    def __init__(self, folder: Path, environment: dict[str, str], settings: Settings) -> None:
        self.folder = folder
        self._environment = {**FIXED_ENVIRONMENT, **_ours(), **environment}
        self._address = settings.ray_address or LOCAL
        self._objects = Objects(settings.objects_folder(), settings.objects_url())
        self._lock = threading.Lock()
        self._ray: Any = None
        self._running: dict[str, Any] = {}
        self._stopped = threading.Event()

    def notebook(self, stage: str) -> Path:
        """Return where a stage's executed notebook goes."""
        return self.folder / PRODUCTS / f"{stage}.ipynb"

    def product(self, stage: str) -> Path:
        """Return where a stage's product goes."""
        return self.folder / PRODUCTS / f"{stage}.pkl"

    def execute(
        self, stage: Stage, parameters: dict[str, Any], on_cells: Callable[[int, int], None]
    ) -> Outcome:
        """Run a stage on a worker, again as often as its ``--retries`` say; ``on_cells`` is told when it is over.

        Raises:
            SettingsError: when there is no cluster at the address.
        """
        started = time.monotonic()
        on_cells(0, len(stage.cells))
        ray = self._connected()
        job = self._job(stage, parameters)
        with self._lock:
            if self._stopped.is_set():
                return Outcome(seconds=0.0, error=_interrupted())
            task = ray.remote(run_stage).options(**self._resources(stage), max_retries=0, name=stage.name)
            self._running[stage.name] = reference = task.remote(job)
        try:
            result: Result = ray.get(reference)
        except ray.exceptions.RayError as error:
            died = StageError(type=type(error).__name__, message=str(error).strip().splitlines()[0])
            found = _interrupted() if self._stopped.is_set() else died
            return Outcome(seconds=time.monotonic() - started, error=found)
        finally:
            with self._lock:
                self._running.pop(stage.name, None)
        self._place(stage.name, result)
        on_cells(len(stage.cells), len(stage.cells))
        return result.outcome

    def stop(self) -> None:
        """End all tasks that are under way."""
        with self._lock:
            self._stopped.set()
            for reference in self._running.values():
                # A worker that has just ended can't be cancelled any more.
                with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
                    self._ray.cancel(reference, force=True)

    def close(self) -> None:
        """Leave the cluster; one that was started here is ended."""
        with self._lock:
            if self._ray is not None:
                self._ray.shutdown()
                self._ray = None

    def _connected(self) -> Any:
        with self._lock:
            if self._ray is None:
                os.environ.update({name: os.environ.get(name, value) for name, value in _QUIET.items()})
                import ray

                _join(ray, self._address)
                self._ray = ray
            return self._ray

    def _resources(self, stage: Stage) -> dict[str, Any]:
        """Return what a stage asks of the cluster; no more than all of it where the cluster can't grow."""
        wanted: dict[str, Any] = {"num_cpus": 1}
        there = self._ray.cluster_resources() if self._address == LOCAL else None
        if stage.options.gpu and (there is None or there.get("GPU")):
            wanted["num_gpus"] = 1
        if stage.options.memory:
            most = stage.options.memory if there is None else int(there.get("memory", 0))
            wanted["memory"] = min(stage.options.memory, most)
        return wanted

    def _job(self, stage: Stage, parameters: dict[str, Any]) -> Job:
        above = parameters.get("upstream")
        names = stage.upstream if above is None else tuple(above)
        return Job(
            stage=stage,
            notebook=(self.folder / f"{stage.name}.ipynb").read_bytes(),
            marker=(self.folder / MARKER).read_bytes(),
            folder=str(self.folder),
            parameters=parameters,
            above={name: self._objects.put_file(self.product(name)) for name in names},
            environment=self._environment,
            objects=self._objects,
        )

    def _place(self, stage: str, result: Result) -> None:
        """Put what a worker made where a run looks for it."""
        write_atomic(self.notebook(stage), result.notebook)
        product = self.product(stage)
        product.unlink(missing_ok=True)
        if result.product:
            _link(self._objects.path(result.product), product)


def _join(ray: Any, address: str) -> None:
    """Join the cluster at an address, or start one; again where Ray gave up on its own, which takes long on a busy machine.

    Raises:
        SettingsError: when there is none.
    """
    here = {"include_dashboard": False} if address == LOCAL else {}
    for last in (address != LOCAL, False, True):
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", namespace="mlops", **here)
        except Exception as error:  # noqa: BLE001 - Ray raises bare ones for a node that doesn't come up
            ray.shutdown()
            if last:
                raise SettingsError(
                    f"no Ray cluster at ray_address = {address!r}: {str(error).splitlines()[0]}",
                    hint="start one there (ray start --head), or leave the setting out",
                ) from None
        else:
            return


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        target.write_bytes(source.read_bytes())


def _ours() -> dict[str, str]:
    """Return the project's settings from the environment: a worker elsewhere doesn't have them."""
    return {name: value for name, value in os.environ.items() if name.startswith("JUPYTER_MLOPS_")}


def _interrupted() -> StageError:
    return StageError(type="Interrupted", message="the run was interrupted")
