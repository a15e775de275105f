"""Locks between runs: what one run is about to make, another waits for."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

# The kernel tells nobody when a lock of another process is free, unless the waiter can't be stopped.
LOOK_AGAIN = 0.1


@contextmanager
def held(path: Path, stopped: threading.Event) -> Iterator[bool]:
    """Hold ``path`` as a lock between processes and threads; a holder that is killed lets go of it.

    Args:
        path: the lock's file; it is gone again when nobody holds it.
        stopped: ends the waiting.

    Yields:
        Whether the lock is held; False where ``stopped`` was set first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = _taken(path, stopped)
    if stream is None:
        yield False
        return
    with stream:
        try:
            yield True
        finally:
            # While it is still held: who opened it meanwhile sees that it isn't the one in the folder any more.
            path.unlink(missing_ok=True)


def _taken(path: Path, stopped: threading.Event) -> BinaryIO | None:
    while True:
        stream = path.open("ab")
        while not _try(stream):
            if stopped.wait(LOOK_AGAIN):
                stream.close()
                return None
        if _is_at(path, stream):
            return stream
        stream.close()


def _try(stream: BinaryIO) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, stream: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False
