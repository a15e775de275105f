"""Run one stage: papermill with our engine, which reports each cell and says why a kernel died."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_event_loop

from jupyter_mlops.execution.processes import oom_kills
from jupyter_mlops.execution.slow_imports import without_iris
from jupyter_mlops.execution.warm.forkserver import NotWarmError
from jupyter_mlops.execution.warm.imports import Needs
from jupyter_mlops.execution.warm.manager import WarmManager
from jupyter_mlops.notebook.cells import MAY_RAISE
from jupyter_mlops.pipeline.layout import SOURCE_KEY
from jupyter_mlops.records.run import StageError

with without_iris():
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import ERROR_MARKER_TAG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_mlops.execution.kernels import Kernels
    from jupyter_mlops.execution.warm.pool import WarmKernels

ENGINE = "jupyter-mlops"
START_TIMEOUT = 120
# Late output of a busy machine is no failure; papermill's own limit is 4 seconds.
OUTPUT_TIMEOUT = 60
_ansi = re.compile(r"\x1b\[[0-9;]*m")
_frame = re.compile(r"(?:Cell In\s*\[(\d+)\]|File <ipython-input-(\d+)[^>]*>)[,:]\s*(?:line\s+)?(\d+)")
_timed = re.compile(r"File <(?:timed exec|timed eval|magic-timeit)>:(\d+)")
_location = re.compile(r"\(cell (\d+), line (\d+)\)")

logging.getLogger("papermill").addHandler(logging.NullHandler())
logging.getLogger("papermill").propagate = False


@dataclass
class Watch:
    """Follow one execution: where it is, and what went wrong."""

    environment: dict[str, str]
    log: Path
    folder: Path
    kernels: Kernels
    on_cells: Callable[[int, int], None]
    limit: float | None = None
    warm: WarmKernels | None = None
    needs: Needs = field(default_factory=Needs)
    kernel: str = ""
    done: int = 0
    total: int = 0
    cell: int | None = None
    error: StageError | None = None
    went_on: bool = False
    returncode: int | None = None
    started: float = field(default_factory=time.monotonic)
    oom_kills: int | None = field(default_factory=oom_kills)

    def remaining(self, _cell: Any = None) -> float | None:
        """Return the seconds a cell may still take; nbclient reads None as no limit."""
        return None if self.limit is None else max(0.1, self.started + self.limit - time.monotonic())


class StageClient(PapermillNotebookClient):
    """papermill's client that tells the watch what happens."""

    km: Any
    _process: Any = None

    def __init__(self, nb_man: Any, watch: Watch, **options: Any) -> None:
        self.watch = watch
        watch.total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)
        super().__init__(
            nb_man,
            timeout_func=watch.remaining,
            iopub_timeout=OUTPUT_TIMEOUT,
            on_cell_start=self._cell_begins,
            on_cell_executed=self._cell_done,
            on_cell_error=self._cell_failed,
            resources={"metadata": {"path": str(watch.folder)}},
            **options,
        )

    def execute(self, **options: Any) -> Any:
        """Run the notebook, from the kernel's start to its end."""
        try:
            return super().execute(**options)
        except BaseException:
            if self._process and self.watch.returncode is None:
                self.watch.returncode = self._process.poll()
            raise
        finally:
            if self._process:
                self.watch.kernels.remove(self._process.pid)

    def create_kernel_manager(self) -> Any:
        """Return the manager of a warm kernel where there can be one, else jupyter_client's own."""
        stock = super().create_kernel_manager()
        watch, spec = self.watch, stock.kernel_spec
        why = watch.warm.obstacle(spec.argv, watch.needs) if watch.warm else "warm_kernels is off"
        watch.kernel = f"stock: {why}"
        if watch.warm and not why:
            self.km = WarmManager(self._fork, kernel_name=self.kernel_name, config=self.config)
        return self.km

    def start_new_kernel(self, **options: Any) -> Any:
        """Start the kernel with the stage's environment; what it writes to stderr goes to the log."""
        try:
            started = self._start(options)
        except NotWarmError as error:
            self.km.forget()
            if self.watch.kernels.stopped:
                raise DeadKernelError("stopped") from None
            self.watch.kernel = f"stock: {error}"
            self.km = super().create_kernel_manager()
            started = self._start(options)
        self._process = self.km.provisioner.process
        self.watch.kernels.add(self._process.pid)
        return started

    def _start(self, options: dict[str, Any]) -> Any:
        with self.watch.log.open("ab") as log:
            return super().start_new_kernel(env=self.watch.environment, stdout=log, stderr=log, **options)

    def _fork(self, connection_file: str, arguments: list[str], cwd: str, env: dict[str, str]) -> Any:
        watch = self.watch
        assert watch.warm is not None  # noqa: S101 - asked only where there are warm kernels
        kernel, watch.kernel = watch.warm.fork(
            self.km.kernel_spec.argv,
            watch.needs,
            connection_file=connection_file,
            arguments=arguments,
            cwd=cwd,
            environment=env,
            log=str(watch.log),
        )
        return kernel

    def papermill_execute_cells(self) -> None:
        """Run the cells; a kernel that won't answer any more is ended, not asked."""
        try:
            super().papermill_execute_cells()
        except BaseException:
            self.shutdown_kernel = "immediate"
            self.watch.returncode = self._process.poll()
            self.watch.kernels.end(self._process.pid)
            raise

    def _cell_begins(self, cell: Any, cell_index: int) -> None:  # noqa: ARG002 - nbclient's names
        self.watch.cell = _source_cell(cell)

    def _cell_done(self, cell: Any, cell_index: int, execute_reply: Any) -> None:  # noqa: ARG002 - nbclient's names
        self.watch.done += 1
        self.watch.on_cells(self.watch.done, self.watch.total)

    def _cell_failed(self, cell: Any, cell_index: int, execute_reply: Any) -> None:  # noqa: ARG002 - nbclient's names
        if MAY_RAISE in cell.metadata.get("tags", []):
            self.watch.went_on = True
            return
        self.watch.error = error_of(cell, execute_reply["content"])


class StageEngine(NBClientEngine):
    """papermill's engine with our client; ``watch`` comes through papermill's engine options."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run the notebook's cells."""
        client = StageClient(
            nb_man,
            options["watch"],
            kernel_name=kernel_name,
            startup_timeout=options.get("start_timeout", START_TIMEOUT),
            log=logging.getLogger("papermill"),
        )
        client.execute()


papermill_engines.register(ENGINE, StageEngine)


def execute(notebook: Path, output: Path, parameters: dict[str, Any], watch: Watch) -> StageError | None:
    """Execute a compiled stage; return what went wrong, or None. The executed notebook is there either way.

    Args:
        notebook: the compiled stage.
        output: where the executed notebook goes.
        parameters: values that differ from the compiled ones.
        watch: is told of each cell that is done.
    """
    try:
        papermill.execute_notebook(
            str(notebook),
            str(output),
            parameters=parameters,
            engine_name=ENGINE,
            progress_bar=False,
            log_output=False,
            start_timeout=START_TIMEOUT,
            watch=watch,
        )
    except PapermillExecutionError as error:
        return _raised(error, output, watch)
    except CellTimeoutError:
        allowed = f"{watch.limit:g} s" if watch.limit is not None else "time"
        message = f"the stage took longer than its {allowed}; give it more with --timeout"
        return StageError(type="Timeout", message=message, cell=watch.cell)
    except DeadKernelError:
        return _death(watch)
    except NoSuchKernel as error:
        return StageError(
            type="NoSuchKernel", message=f"there is no kernel {error.name!r}; see `jupyter kernelspec list`"
        )
    except RuntimeError as error:
        # nbclient's word for a kernel that never answered.
        died = watch.returncode is not None
        return _death(watch) if died else StageError(type="RuntimeError", message=str(error))
    finally:
        _close_loop()
    return None


def _raised(error: PapermillExecutionError, output: Path, watch: Watch) -> StageError | None:
    """Say what went wrong, if anything: papermill doesn't know the tag of cells whose error is wanted."""
    if watch.error is not None or not watch.went_on:
        return watch.error or StageError(type=error.ename, message=error.evalue)
    document = json.loads(output.read_bytes())
    document["cells"] = [
        cell for cell in document["cells"] if ERROR_MARKER_TAG not in cell["metadata"].get("tags", [])
    ]
    output.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return None


def _close_loop() -> None:
    """Close the event loop that nbclient made for this thread, and leaves open."""
    if threading.current_thread() is not threading.main_thread():
        ensure_event_loop().close()
        asyncio.set_event_loop(None)


def _death(watch: Watch) -> StageError:
    code = watch.returncode
    tail = watch.log.read_text(errors="replace").strip().splitlines()[-20:] if watch.log.is_file() else []
    if watch.kernels.stopped:
        return StageError(type="Interrupted", message="the run was interrupted")
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return StageError(
            type="KernelDied",
            message=f"the kernel was killed by {name}{_why_killed(watch) if -code == signal.SIGKILL else ''}",
            cell=watch.cell,
            traceback="\n".join(tail),
        )
    ending = f" with exit code {code}" if code is not None else ""
    return StageError(
        type="KernelDied", message=f"the kernel ended{ending}", cell=watch.cell, traceback="\n".join(tail)
    )


def _why_killed(watch: Watch) -> str:
    """Say who killed a kernel, as far as the system tells."""
    now = oom_kills()
    if now is None or watch.oom_kills is None:
        return "; most often memory ran out"
    if now > watch.oom_kills:
        return ": memory ran out, and the system's out-of-memory killer chose it"
    return "; the system's out-of-memory killer hasn't acted meanwhile, so somebody else did"


def error_of(cell: Any, content: dict[str, Any]) -> StageError:
    """Turn a kernel's error reply into the notebook's own cell and line."""
    text = _ansi.sub("", "\n".join(content.get("traceback") or ()))
    message = _ansi.sub("", str(content.get("evalue", "")))
    index = _source_cell(cell)
    line = _line(text, content.get("execution_count"), cell.source)
    located = _location.search(message)
    if index is None and located:
        index, line = int(located[1]), int(located[2])
    return StageError(
        type=str(content.get("ename", "Error")),
        message=message,
        cell=index,
        line=line if index is not None else None,
        traceback=text,
    )


def _source_cell(cell: Any) -> int | None:
    found: int | None = cell.metadata.get(SOURCE_KEY, {}).get("source_cell")
    return found


def _line(traceback: str, count: int | None, source: str) -> int | None:
    lines = [int(found[3]) for found in _frame.finditer(traceback) if int(found[1] or found[2]) == count]
    timed = [int(number) for number in _timed.findall(traceback)]
    if timed and source.lstrip().startswith("%%"):
        # %%time runs the lines below it as a file of their own.
        return timed[-1] + source[: source.index("%%")].count("\n") + 1
    return lines[-1] if lines else None
