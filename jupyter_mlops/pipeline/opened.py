"""Which files beside the notebook a stage opened: what its code doesn't spell out, as ``open(f"part{i}.csv")``.

Libraries that open files by themselves, outside of Python, are not seen here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

_MOST = 10_000
_NOT_DATA = ("__pycache__", "site-packages", "dist-packages")
_WRITES = os.O_WRONLY | os.O_RDWR


class _Watch:
    """Note what is opened; such a hook can't be removed, so there is one for a process."""

    def __init__(self) -> None:
        self.opened: dict[str, bool] | None = None
        self._hooked = False

    def start(self) -> None:
        self.opened = {}
        if not self._hooked:
            self._hooked = True
            sys.addaudithook(self._look_at)

    def _look_at(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or self.opened is None or len(self.opened) >= _MOST or not arguments:
            return
        path, flags = arguments[0], arguments[-1]
        if not isinstance(path, str) or "\0" in path:
            return
        try:
            place = os.path.abspath(path)  # noqa: PTH100 - a hook must be quick
        except OSError:  # the working folder is gone
            return
        writes = bool(flags & _WRITES) if isinstance(flags, int) else True
        self.opened[place] = self.opened.get(place, False) or writes


_watch = _Watch()


def start() -> None:
    """Begin to note which files are opened."""
    _watch.start()


def only_read(folder: str) -> tuple[str, ...]:
    """Return the files in a folder or below that were opened and never to write, relative to it, sorted."""
    found = []
    for place, writes in list((_watch.opened or {}).items()):
        path = os.path.relpath(place, folder)
        parts = Path(path).parts
        hidden = any(part in _NOT_DATA or part.startswith(".") for part in parts)
        if not writes and not hidden and not path.endswith((".py", ".pyc")):
            found.append(path)
    return tuple(sorted(found))
