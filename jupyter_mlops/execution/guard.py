"""A process that outlives the run for a moment: when the run is gone, however it went, it ends what is left.

A kernel notices by itself that its run was killed, but not while a library keeps the interpreter busy, and never what
it has started. The guard is told process ids on its standard input and acts when that comes to its end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from jupyter_mlops.execution.processes import end_tree

_CODE = "from jupyter_mlops.execution.guard import main; main()"


class Guard:
    """Start the guard with the first process that it is told of."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, pid: int) -> None:
        """Have a process, and all that it starts, ended with the run."""
        self._tell(f"+{pid}")

    def remove(self, pid: int) -> None:
        """Forget a process that has ended."""
        if self._process is not None:
            self._tell(f"-{pid}")

    def close(self) -> None:
        """Let the guard go; it ends whatever it hasn't been told to forget."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _tell(self, line: str) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")


def main() -> None:
    """Keep the list; at its end, end what stands on it."""
    # A signal for the whole session of the run is not for the guard, which has work to do just then.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    alive: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        (alive.add if line[0] == "+" else alive.discard)(pid)
    for pid in alive:
        end_tree(pid)
    os._exit(0)
