"""Run a notebook's cells in real IPython shells, each run in a process forked from one that has only imported.

Started as a script this is the server: a job a line on stdin, its result a line on stdout. ``Shells`` is its client.
"""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

Output = list[Any]  # a kind (stdout, stderr, display, result), then a text or a bundle of them by MIME type
LIMIT = 60.0
LIGHT = (
    "numpy",
    "numpy.random",
    "cloudpickle",
    "jupyter_mlops.pipeline.handoff",
    "sqlite3",
    "asyncio",
    "pexpect",
)
HEAVY = (
    "pandas", "scipy.sparse", "matplotlib.figure", "matplotlib.backends.backend_agg", "sklearn.linear_model",
    "sklearn.pipeline", "sklearn.preprocessing",
)  # fmt: skip
# Importing it starts no threads; a fork of a process that has computed with it would hang.
TORCH = ("torch",)


class Ran(NamedTuple):
    """Hold what a run of some cells showed: the outputs of each, and the exception that ended it."""

    outputs: list[list[Output]]
    error: str = ""
    message: str = ""
    cell: int = -1


class Shells:
    """Ask the server for runs; use it as a context. What is in ``preloaded`` needs no import in a run."""

    def __init__(self, preloaded: tuple[str, ...] = LIGHT + HEAVY) -> None:
        # One thread: a fork must find no library with threads at work.
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "PYTEST", "COV", "IPYTHON", "MPL"))
        }
        here = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, *preloaded],
            env=kept
            | single
            | {"PYTHONPATH": str(here), "PYTHONHASHSEED": "0", "IPYTHONDIR": "/nonexistent"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, cells: list[str], folder: Path, environment: dict[str, str] | None = None) -> Ran:
        """Run cells in a new process, until one of them raises."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError
        job = {"cells": cells, "folder": str(folder), "environment": environment or {}}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return Ran(**json.loads(self._process.stdout.readline()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            if self._process.stdin is not None:
                self._process.stdin.close()


class _Recorder:
    """Collect a cell's outputs; text to one stream in a row is one output."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    def add(self, kind: str, content: Any) -> None:
        last = self.outputs[-1] if self.outputs else None
        if isinstance(content, str) and last is not None and last[0] == kind:
            last[1] += content
        else:
            self.outputs.append([kind, content])


_recorder = _Recorder()


class _Stream(io.TextIOBase):
    def __init__(self, name: str) -> None:
        self.name = name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        _recorder.add(self.name, text)
        return len(text)


def _plain(bundle: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(bundle, default=repr, sort_keys=True))  # type: ignore[no-any-return]  # JSON in, JSON out


def _shell() -> Any:
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Hook(DisplayHook):
        def write_output_prompt(self) -> None:
            """Show no number: it differs from stage to stage."""

        def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
            _recorder.add("result", _plain(format_dict))

        def finish_displayhook(self) -> None:
            """Write no separator."""

    class Publisher(DisplayPublisher):
        def publish(self, data: Any, *_: Any, **__: Any) -> None:
            _recorder.add("display", _plain(data))

    class Shell(InteractiveShell):
        displayhook_class = Hook
        display_pub_class = Publisher

        def showtraceback(self, *_: Any, **__: Any) -> None:
            """Leave it to the result."""

        def enable_gui(self, gui: Any = None) -> None:
            """Have no event loop of a window."""

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return Shell.instance(config=config)


def _run_cells(shell: Any, job: dict[str, Any]) -> dict[str, Any]:
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    sys.stdout, sys.stderr = _Stream("stdout"), _Stream("stderr")
    outputs: list[list[Output]] = []
    for number, source in enumerate(job["cells"]):
        _recorder.outputs = []
        result = shell.run_cell(source, store_history=True)
        outputs.append(_recorder.outputs)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            lines = traceback.format_exception(error)
            message = f"{error}\n{''.join(lines[-3:])}"
            return {"outputs": outputs, "error": type(error).__name__, "message": message, "cell": number}
    return {"outputs": outputs}


def _child(shell: Any, job: dict[str, Any], pipe: int) -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)
    try:
        answer = _run_cells(shell, job)
    except BaseException as error:  # noqa: BLE001 - whatever went wrong is the answer
        answer = {"outputs": [], "error": type(error).__name__, "message": traceback.format_exc()}
    with os.fdopen(pipe, "w") as file:
        json.dump(answer, file)


def _forked(shell: Any, job: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            _child(shell, job, writing)
        finally:
            os._exit(0)
    os.close(writing)
    parts, end = [], time.monotonic() + LIMIT
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            part = pipe.read(1 << 16)
            if not part:
                break
            parts.append(part)
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    try:
        answer: dict[str, Any] = json.loads(b"".join(parts))
    except ValueError:
        late = time.monotonic() >= end
        return {"outputs": [], "error": "Timeout" if late else "Died", "message": f"status {status}"}
    return answer


def _serve() -> None:
    import importlib

    shell = _shell()
    with shell.builtin_trap:
        for name in sys.argv[1:]:
            importlib.import_module(name)
    import gc

    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(shell, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
