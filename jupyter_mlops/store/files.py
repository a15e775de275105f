"""Write files so that a reader, or a crash, never meets half of one."""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 1 << 20


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace ``path`` by ``data`` in one step; the folder is made if need be.

    Killed at any moment, the old or the new content is there. ``durable`` waits until the disk has it: then that holds
    for a power failure too, and costs more than the rest.
    """
    with replacing(path, durable=durable) as target:
        target.write(data)


def copy_atomic(source: Path, path: Path) -> str:
    """Copy ``source`` to ``path`` in one step; return the SHA-256 of what was copied, as hex."""
    with source.open("rb") as stream, replacing(path) as target:
        return copy_hashing(stream, target)


def link_or_copy(source: Path, path: Path) -> None:
    """Give a file another name, or where there are no links a durable copy; ``path`` must not be there yet."""
    try:
        path.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:  # another file system, or one without links
        with source.open("rb") as stream, path.open("xb") as target:
            copy_hashing(stream, target)
            target.flush()
            os.fchmod(target.fileno(), 0o444)
            os.fsync(target.fileno())


def copy_hashing(stream: BinaryIO, target: BinaryIO) -> str:
    """Copy one open file into another; return the SHA-256 of the bytes that went over, as hex."""
    digest = hashlib.sha256()
    while block := stream.read(BLOCK):
        digest.update(block)
        target.write(block)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that takes its place when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as target:
            yield target
            target.flush()
            if durable:
                os.fsync(target.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_file(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file durable; of a folder, the names in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock between processes and threads; it is free again when its holder ends or dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(stream, fcntl.LOCK_UN)
