"""What Linux offers to keep processes in hand: death signals, descendants, threads, what the memory killer did."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_ROUNDS = 5


def die_with_parent(parent: int, signum: int = signal.SIGKILL) -> None:
    """Have this process get a signal when the thread that started it ends; 0 takes it back.

    Args:
        parent: the process that must be the parent still; where it isn't, this process ends.
        signum: the signal.
    """
    _prctl(_PR_SET_PDEATHSIG, signum)
    if signum and os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, however they detached themselves."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that these started, nearest first."""
    children: dict[int, list[int]] = {}
    if not Path("/proc/self/stat").exists():
        return []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                # The name stands in parentheses and may hold anything; the parent is the second field behind it.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, pending = [], [pid]
    while pending:
        below = children.get(pending.pop(0), [])
        found += below
        pending += below
    return found


def end_tree(pid: int) -> None:
    """Kill a process, its group and everything that it started, again until nothing new comes up."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # What is stopped can't start anything while the list is made.
        os.kill(pid, signal.SIGSTOP)
    end_all_below(pid)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def end_all_below(pid: int) -> None:
    """Kill everything that a process started, again until nothing new has come up."""
    for _ in range(_ROUNDS):
        below = descendants(pid)
        if not below:
            return
        for each in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(each, signal.SIGKILL)


def thread_count() -> int:
    """Return how many threads this process has, those of C libraries too."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def oom_kills() -> int | None:
    """Return how often the system's out-of-memory killer has acted; None where that can't be read."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")
