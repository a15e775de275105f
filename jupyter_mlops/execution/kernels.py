"""The kernel processes of a run."""

from __future__ import annotations

import threading

from jupyter_mlops.execution.guard import Guard
from jupyter_mlops.execution.processes import end_tree


class Kernels:
    """Know the kernel processes that are alive, so that all can be ended at once, even when the run is killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pids: set[int] = set()
        self._guard = Guard()
        self.stopped = False

    def add(self, pid: int) -> None:
        """Note a kernel; one that starts when all was stopped is ended."""
        with self._lock:
            self._pids.add(pid)
            self._guard.add(pid)
            if self.stopped:
                end_tree(pid)

    def remove(self, pid: int) -> None:
        """Forget a kernel that has ended."""
        with self._lock:
            self._pids.discard(pid)
            self._guard.remove(pid)

    def end(self, pid: int) -> None:
        """End a kernel that won't end by itself, and what it started."""
        end_tree(pid)

    def stop(self) -> None:
        """End all kernels, and what they started."""
        with self._lock:
            self.stopped = True
            for pid in self._pids:
                end_tree(pid)

    def close(self) -> None:
        """Let go of what watches over the kernels, when the run is over."""
        with self._lock:
            self._guard.close()
