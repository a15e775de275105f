"""The kernel processes of a run."""

from __future__ import annotations

import contextlib
import os
import signal
import threading


class Kernels:
    """Know the kernel processes that are alive, so that all can be ended at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pids: set[int] = set()
        self.stopped = False

    def add(self, pid: int) -> None:
        """Note a kernel; one that starts when all was stopped is ended."""
        with self._lock:
            self._pids.add(pid)
            if self.stopped:
                _kill(pid)

    def remove(self, pid: int) -> None:
        """Forget a kernel that has ended."""
        with self._lock:
            self._pids.discard(pid)

    def stop(self) -> None:
        """End all kernels, and what they started."""
        with self._lock:
            self.stopped = True
            for pid in self._pids:
                _kill(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
