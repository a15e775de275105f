"""The content-addressed store: each content once, under its SHA-256."""

from __future__ import annotations

import hashlib
import os
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.errors import IntegrityError, NotFoundError
from jupyter_mlops.store.files import copy_hashing, hash_file, sync_folder

if TYPE_CHECKING:
    from typing import BinaryIO

READ_ONLY = 0o444
# Smaller contents are hashed sooner than remembered.
LARGE = 1 << 20
# A disk does one at a time.
_syncs = ThreadPoolExecutor(1, "sync")


class Objects:
    """Keep contents as read-only files ``<folder>/<first two hex digits>/<sha256>``.

    A content gets its final name only when all of it is on disk, so a file under a final name is whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._syncing: list[Future[None]] = []

    def put_bytes(self, data: bytes) -> str:
        """Keep ``data``; return its SHA-256 as hex."""
        digest = hashlib.sha256(data).hexdigest()
        if self.has(digest):
            return digest
        temporary = self._temporary()
        with temporary.open("xb") as target:
            target.write(data)
            return self._adopt(target, temporary, digest)

    def put_file(self, path: Path, *, digest: str = "") -> str:
        """Keep a copy of a file's content; return its SHA-256 as hex.

        ``digest``, where the caller knows it, saves reading the file of a content that is here already. A file
        that changes meanwhile is kept as it was read: what is returned is always the digest of the copy.

        Raises:
            OSError: when the file can't be read.
        """
        known = digest or hash_file(path)
        if self.has(known):
            return known
        temporary = self._temporary()
        try:
            with path.open("rb") as stream, temporary.open("xb") as target:
                return self._adopt(target, temporary, copy_hashing(stream, target))
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def adopt(self, path: Path) -> str:
        """Keep a file itself, which nobody writes to any more; return its SHA-256 as hex.

        The file stays where it is, as another name of the stored one. It needn't be on disk yet: that is seen to
        beside whatever comes next, until ``settle`` has waited for it.

        Raises:
            OSError: when the file can't be read.
        """
        digest = hash_file(path)
        if self.has(digest):
            return digest
        place = self._place(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.chmod(READ_ONLY)
        try:
            place.hardlink_to(path)
        except FileExistsError:
            return digest
        except OSError:  # another file system, or one without links
            return self.put_file(path, digest=digest)
        self._syncing.append(_syncs.submit(_sync, place))
        return digest

    def settle(self) -> None:
        """Wait until what was adopted is on disk.

        Raises:
            OSError: when it can't be written there.
        """
        while self._syncing:
            self._syncing.pop().result()

    def has(self, digest: str) -> bool:
        """Say whether the content is here."""
        return self._place(digest).is_file()

    def path(self, digest: str) -> Path:
        """Return the file that holds the content; it is read-only and must stay as it is.

        Raises:
            NotFoundError: when there is no such content.
        """
        place = self._place(digest)
        if not place.is_file():
            raise NotFoundError(
                f"no stored content {digest[:12]} under {self.folder}",
                hint="record it again, or restore the folder",
            )
        return place

    def read(self, digest: str) -> bytes:
        """Return the content, checked against its name.

        Raises:
            NotFoundError: when there is no such content.
            IntegrityError: when the file is no longer what its name says.
        """
        data = self.path(digest).read_bytes()
        _compare(hashlib.sha256(data).hexdigest(), digest)
        return data

    def verify(self, digest: str) -> None:
        """Check the stored content against its name.

        Raises:
            NotFoundError: when there is no such content.
            IntegrityError: when the file is no longer what its name says.
        """
        _compare(hash_file(self.path(digest)), digest)

    def intact(self, digest: str) -> bool:
        """Say whether the content is here and still what its name says.

        A large one is hashed again only when its size, time or inode isn't what it was when it was last found whole.

        Raises:
            IntegrityError: when the file is no longer what its name says.
        """
        place = self._place(digest)
        if not place.is_file():
            return False
        note = self.folder / "verified" / digest
        state = _state(place)
        large = place.stat().st_size >= LARGE
        if not (large and note.is_file() and note.read_text(encoding="ascii") == state):
            self.verify(digest)
            if large:
                note.parent.mkdir(exist_ok=True)
                # Half a note says nothing true, so that the content is hashed once more: no harm in it.
                note.write_text(state, encoding="ascii")
        return True

    def _place(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    def _temporary(self) -> Path:
        folder = self.folder / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _adopt(self, target: BinaryIO, temporary: Path, digest: str) -> str:
        target.flush()
        os.fchmod(target.fileno(), READ_ONLY)
        os.fsync(target.fileno())
        place = self._place(digest)
        place.parent.mkdir(exist_ok=True)
        temporary.replace(place)
        sync_folder(place.parent)
        return digest


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def _state(path: Path) -> str:
    state = path.stat()
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ino}"


def _compare(actual: str, expected: str) -> None:
    if actual != expected:
        raise IntegrityError(
            f"stored content {expected[:12]} was changed: it now hashes to {actual[:12]}",
            hint="restore the file from a copy, or record the content again after deleting it",
            expected=expected,
            actual=actual,
        )
