"""The engine that has stock ploomber build the stages; what must be built, and what becomes of it, is decided by us.

Each stage is built as the task that ``pipeline.yaml`` makes of it, in a process forked from one that has loaded
ploomber. Stages above it are in place already, whoever made them, so ploomber builds this one and no other.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from jupyter_mlops.execution.executed import error_in
from jupyter_mlops.execution.local import FIXED_ENVIRONMENT, Outcome
from jupyter_mlops.execution.processes import die_with_parent, end_tree
from jupyter_mlops.pipeline.layout import PRODUCTS
from jupyter_mlops.records.run import StageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from jupyter_mlops.records.pipeline import Stage

_TASK = "jupyter_mlops.execution.ploomber_task"
_KERNEL = "stock: ploomber starts its own"


class PloomberDag:
    """Build the stages of a compiled folder with ploomber.

    Args:
        folder: the compiled folder.
        environment: variables that stages get besides this process's own.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = {**FIXED_ENVIRONMENT, **os.environ, **environment}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([_TASK])
        self._lock = threading.Lock()
        self._running: set[int] = set()
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
        """Build a stage, again as often as its ``--retries`` say; ``on_cells`` is told when it is over."""
        started = time.monotonic()
        attempts, again = 0, True
        on_cells(0, len(stage.cells))
        while again:
            attempts += 1
            error = self._attempt(stage, parameters)
            again = error is not None and attempts <= stage.options.retries and not self._stopped.is_set()
        on_cells(len(stage.cells), len(stage.cells))
        return Outcome(time.monotonic() - started, error, attempts, kernel=_KERNEL)

    def stop(self) -> None:
        """End all builds, and the kernels that they started."""
        with self._lock:
            self._stopped.set()
            running = list(self._running)
        for pid in running:
            end_tree(pid)

    def close(self) -> None:
        """Nothing is held: the process that has loaded ploomber ends with this one."""

    def _attempt(self, stage: Stage, parameters: dict[str, Any]) -> StageError | None:
        product, executed = self.product(stage.name), self.notebook(stage.name)
        for path in (product, executed):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        process, failure = self._build(stage, parameters, product.with_suffix(".log"))
        if self._stopped.is_set():
            return StageError(type="Interrupted", message="the run was interrupted")
        if failure == "timeout":
            message = (
                f"the stage took longer than its {stage.options.timeout:g} s; give it more with --timeout"
            )
            return StageError(type="Timeout", message=message)
        if failure or process.exitcode:
            found = error_in(executed)
            last = failure.strip().splitlines()[-1:] or [f"ploomber's process ended with {process.exitcode}"]
            return found or StageError(type="TaskBuildError", message=last[0], traceback=failure)
        if not product.is_file():
            return StageError(type="SystemExit", message="the stage ended itself before its last cell")
        return None

    def _build(self, stage: Stage, parameters: dict[str, Any], log: Path) -> tuple[ForkServerProcess, str]:
        """Build in a process of its own; return it, ended, and what went wrong in its words."""
        mine, theirs = self._context.Pipe(duplex=False)
        arguments = (str(self.folder), stage.name, parameters, self._environment, str(log), theirs)
        process = self._context.Process(target=_child, args=arguments, daemon=False)
        with self._lock:
            process.start()
            theirs.close()
            assert process.pid is not None  # noqa: S101 - it was started
            self._running.add(process.pid)
        try:
            failure = ""
            if self._stopped.is_set() or not mine.poll(stage.options.timeout):
                failure = "timeout"
                end_tree(process.pid)
            else:
                failure = mine.recv()
        except EOFError:
            failure = "ploomber's process died"
        finally:
            process.join()
            mine.close()
            with self._lock:
                self._running.discard(process.pid)
        return process, failure


def _child(
    folder: str,
    stage: str,
    parameters: dict[str, Any],
    environment: dict[str, str],
    log: str,
    answer: Connection,
) -> None:
    """Build a stage in this process; answer with what went wrong, or with nothing."""
    die_with_parent(os.getppid())
    with open(log, "ab", buffering=0) as target:  # noqa: PTH123 - a descriptor is all that is wanted
        os.dup2(target.fileno(), 1)
        os.dup2(target.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    failure = ""
    try:
        from jupyter_mlops.execution.ploomber_task import build_task

        build_task(stage, parameters)
    except BaseException:  # noqa: BLE001 - whatever it was, the run must hear of it
        failure = traceback.format_exc()
    answer.send(failure)
