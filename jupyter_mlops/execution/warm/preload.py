"""Import for the stages to come, and notice what a fork couldn't inherit as if it had done it itself."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from typing import TYPE_CHECKING, Any

from jupyter_mlops.execution.processes import descendants, thread_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

# Their threads wait for work that only later calls give them, and their libraries start new ones after a fork.
_known_threads = frozenset({"numpy", "scipy", "sklearn", "pyarrow", "torch"})
# What these do on import is done for the one who asked, or wants to know the shell's state at that time.
_never = frozenset(
    {"antigravity", "this", "idlelib", "matplotlib_inline", "__main__", "autoreload", "dotenv"}
)


class Preloader:
    """Run import statements.

    Args:
        noise: returns what was written to the streams so far.
        inside: what a shell runs its cells in; some libraries look for it on import.
    """

    def __init__(self, noise: Callable[[], str], inside: AbstractContextManager[Any]) -> None:
        self._noise = noise
        self._inside = inside
        self.done: set[str] = set()

    def load(self, statement: str) -> str:
        """Run an import statement; return why its result can't be inherited, or nothing."""
        if statement in self.done:
            return ""
        self.done.add(statement)
        if not _is_installed(statement):
            return ""
        written, position = self._noise(), _position()
        threads = thread_count()
        blame: dict[str, int] = {}
        known = set(sys.modules)
        try:
            with self._inside, _threads_by_module(blame):
                exec(compile(statement, "<preload>", "exec"), {"__name__": "__main__"})  # noqa: S102 - the stage's own
        except BaseException as error:  # noqa: BLE001 - whatever it is, the stage will meet it by itself
            if isinstance(error, ImportError) and known == set(sys.modules):
                return ""
            return f"it fails: {type(error).__name__}: {error}"
        if self._noise() != written or _position() != position:
            return "it writes something"
        return _left_behind(threads, blame)


def beside(folder: str) -> set[str]:
    """Return the names of the modules that lie in a folder."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return set()
    return {
        entry.name.partition(".")[0]
        for entry in entries
        if entry.name.endswith((".py", ".so", ".pyc"))
        or os.path.isfile(os.path.join(entry.path, "__init__.py"))  # noqa: PTH113, PTH118 - cheap, for whole folders
    }


def _is_installed(statement: str) -> bool:
    """Say whether a statement's module is there; where it isn't, the stage gets the error that it would get anyway."""
    name = statement.split()[1].partition(".")[0]
    if name in _never:
        return False
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _left_behind(threads: int, blame: dict[str, int]) -> str:
    if threading.active_count() > 1:
        return "it starts a thread"
    strange = sorted(name for name, count in blame.items() if count and name not in _known_threads)
    if strange:
        return f"{', '.join(strange)} starts threads"
    if thread_count() > threads + sum(blame.values()):
        return "it starts threads"
    return "it starts processes" if descendants(os.getpid()) and not _forked else ""


_forked: set[int] = set()


def note_fork(pid: int) -> None:
    """Remember that this process has forks by now."""
    _forked.add(pid)


def _position() -> tuple[int, ...]:
    """Return how far the real output files have got, which C libraries write to."""
    found = []
    for descriptor in (1, 2):
        try:
            found.append(os.lseek(descriptor, 0, os.SEEK_CUR))
        except OSError:
            found.append(-1)
    return tuple(found)


@contextmanager
def _threads_by_module(blame: dict[str, int]) -> Iterator[None]:
    """Count the threads that came up while each top-level module's own code ran, without those that it imported."""
    steps: tuple[tuple[Any, str], ...] = (
        (ExtensionFileLoader, "create_module"),
        (ExtensionFileLoader, "exec_module"),
        (SourceFileLoader, "exec_module"),
    )
    originals = [(kind, name, getattr(kind, name)) for kind, name in steps]
    inner = [0]

    def counting(original: Callable[..., Any]) -> Callable[..., Any]:
        def step(loader: Any, argument: Any) -> Any:
            before = thread_count()
            inner.append(0)
            try:
                return original(loader, argument)
            finally:
                grown = thread_count() - before
                own = grown - inner.pop()
                inner[-1] += grown
                top = getattr(argument, "name", getattr(argument, "__name__", "")).partition(".")[0]
                blame[top] = blame.get(top, 0) + own

        return step

    for kind, name, original in originals:
        setattr(kind, name, counting(original))
    try:
        yield
    finally:
        for kind, name, original in originals:
            if name in vars(kind):
                setattr(kind, name, original)
