"""Contents on their way into the store: made durable and given their names together, so that many cost little more than one."""

from __future__ import annotations

import hashlib
import os
import uuid
from itertools import count
from typing import TYPE_CHECKING

from jupyter_mlops.store.copying import copy_file, read_whole, silent, sync_all, told
from jupyter_mlops.store.files import sync_file
from jupyter_mlops.store.folder import READ_ONLY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_mlops.store.copying import Progress
    from jupyter_mlops.store.folder import Folder

    # Brings contents, by digest and size, to where they are to be beside the folder.
    Publish = Callable[[dict[str, int], Progress], None]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
# Smaller files are read at once, and written only if their content is new.
WHOLE = 4 << 20
# More than so many are synced with the whole disk, in one step; fewer one by one, whatever else waits for the disk.
FEW = 16
# A batch is made durable whenever so much has come together.
MOST_FILES = 4096
MOST_BYTES = 256 << 20


class Batch:
    """Collect contents; they are in the store when ``finish`` has returned, and not before.

    Killed at any moment, a content is in the store as a whole or not at all.

    Args:
        folder: where they go.
        publish: is given the digests of all that was put, new or not, when they are in the folder.
        progress: is told how many bytes more of the files are done; where there is more to do with them than to
            put them into the folder, ``publish`` tells it.
    """

    def __init__(
        self, folder: Folder, *, publish: Publish | None = None, progress: Progress = silent
    ) -> None:
        self._folder = folder
        self._publish = publish
        self._progress = progress
        self._pending: dict[str, Path] = {}
        self._bytes = 0
        self._seen: dict[str, int] = {}
        self._name, self._numbers = uuid.uuid4().hex, count()

    def put_bytes(self, data: bytes) -> str:
        """Take ``data``; return its SHA-256 as hex.

        Raises:
            StorageError: when there is no room for it.
        """
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._pending and not self._folder.freshen(digest):
            with told(self._folder.path):
                self._take(digest, self._written(data), len(data))
        self._saw(digest, len(data))
        return digest

    def put_file(self, path: Path) -> str:
        """Take a file's content; return its SHA-256 as hex.

        Raises:
            DataError: when it is no file, or changed while it was read.
            StorageError: when there is no room for it.
            OSError: when it can't be read.
        """
        if path.stat().st_size < WHOLE:
            return self.put_bytes(read_whole(path))
        told_copying = silent if self._publish else self._progress
        copy, digest = copy_file(path, self._folder.incoming, told_copying)
        size = copy.stat().st_size
        if digest in self._pending or self._folder.freshen(digest):
            copy.unlink()
        else:
            copy.chmod(READ_ONLY)
            self._take(digest, copy, 0)
        self._saw(digest, size if self._publish else 0)
        return digest

    def finish(self) -> None:
        """Put everything that was taken in its place, durably.

        Raises:
            StorageError: when there is no room for it.
        """
        if self._pending:
            with told(self._folder.path):
                self._place(self._pending)
            self._pending, self._bytes = {}, 0
        seen, self._seen = self._seen, {}
        if self._publish and seen:
            self._publish(seen, self._progress)

    def drop(self) -> None:
        """Take away what isn't in its place yet."""
        for path in self._pending.values():
            path.unlink(missing_ok=True)
        self._pending = {}

    def _take(self, digest: str, path: Path, size: int) -> None:
        self._pending[digest] = path
        self._bytes += size
        if len(self._pending) >= MOST_FILES or self._bytes >= MOST_BYTES:
            self.finish()

    def _saw(self, digest: str, size: int) -> None:
        if self._publish and digest not in self._seen:
            self._seen[digest] = size
        else:
            self._progress(size)

    def _place(self, pending: dict[str, Path]) -> None:
        together = len(pending) > FEW and sync_all(self._folder.incoming)
        if not together:
            for path in pending.values():
                sync_file(path)
        # One of each folder's contents makes it for all of them.
        for digest in {digest[:2]: digest for digest in pending}.values():
            self._folder.make_place(digest)
        for digest, path in pending.items():
            path.rename(self._folder.place(digest))
        if not (together and sync_all(self._folder.path)):
            self._folder.sync_names(map(self._folder.place, pending))

    def _written(self, data: bytes) -> Path:
        path = self._folder.incoming / f"{self._name}-{next(self._numbers)}"
        try:
            descriptor = os.open(path, _NEW, READ_ONLY)
        except FileNotFoundError:
            self._folder.incoming.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, _NEW, READ_ONLY)
        try:
            os.fchmod(descriptor, READ_ONLY)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return path
