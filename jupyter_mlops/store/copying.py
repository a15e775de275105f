"""Copy a file and hash it in one pass, as fast as it can be hashed; a broken-off copy of a large one is gone on with."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
import queue
import stat
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.errors import DataError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[int], None]

BLOCK = 4 << 20
# What is hashed waits for the disk in so many blocks.
BLOCKS = 4
SECTOR = 4096
# Where there is none (macOS), writing goes through the cache.
DIRECT: int = getattr(os, "O_DIRECT", 0)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MAKE_ROOM = "make room on the disk, or set objects to another place in mlops.toml"


def silent(_size: int) -> None:
    """Tell nobody how far it is."""


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[int]:
    """Open a file for reading, and nothing that only looks like one; give its descriptor.

    Raises:
        DataError: when it is a folder, a pipe, a socket or a device.
        OSError: when it can't be opened.
    """
    # A pipe without a writer would wait for one.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise DataError(
                f"{path} is {_kind(mode)}, not a file", hint="only the content of files can be kept"
            )
        yield descriptor
    finally:
        os.close(descriptor)


def read_whole(path: Path) -> bytes:
    """Return the content of a file that nobody wrote to meanwhile.

    Raises:
        DataError: when it is no file, or changed while it was read.
        OSError: when it can't be read.
    """
    with open_regular(path) as source:
        before = _state(source)
        data = _read(source, before[2])
        _check_unchanged(path, source, before, len(data))
        return data


def copy_file(path: Path, incoming: Path, progress: Progress = silent) -> tuple[Path, str]:
    """Copy a file to a new one in ``incoming``, durably; return the copy and the SHA-256 of what is in it.

    A copy that was broken off is gone on with, if the file is still the same one with the same times; all of it
    is hashed again, but only the rest is written.

    Args:
        path: the file.
        incoming: the folder of copies under way, on the disk where the copy is to stay.
        progress: is told how many bytes more are done; what was copied before counts too.

    Raises:
        DataError: when it is no file, or changed while it was read.
        StorageError: when there is no room for it.
        OSError: when it can't be read, or the copy can't be written.
    """
    with open_regular(path) as source:
        before = _state(source)
        partial = incoming / f"{hashlib.sha256(repr(before).encode()).hexdigest()[:32]}.partial"
        _check_room(partial, before[2], path)
        incoming.mkdir(parents=True, exist_ok=True)
        with told(incoming.parent), _Copy.opened(partial) as copy:
            digest, size = copy.fill(source, progress)
            _check_unchanged(path, source, before, size)
            return copy.keep(), digest


class _Copy:
    """A copy under way: one thread reads and hashes, another writes past the cache to the disk."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._full: queue.SimpleQueue[tuple[mmap.mmap, int] | None] = queue.SimpleQueue()
        self._free: queue.SimpleQueue[mmap.mmap] = queue.SimpleQueue()
        self._failed: OSError | None = None
        self._direct = _set_direct(descriptor, on=True)
        # Up to here there is something already: it is compared before it is believed, for a power failure may have
        # left anything.
        self._there = os.fstat(descriptor).st_size

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path) -> Iterator[_Copy]:
        """Go on with the copy at ``path``, or begin one; it is locked as long as the block lasts."""
        path, descriptor = locked_partial(path)
        copy = cls(path, descriptor)
        try:
            yield copy
        except BaseException as error:
            # A file that changed will not be gone on with, and on a full disk the half stands in everybody's way.
            if isinstance(error, DataError) or (isinstance(error, OSError) and error.errno in FULL):
                path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def fill(self, source: int, progress: Progress) -> tuple[str, int]:
        """Copy what isn't there yet and hash all of it; return the SHA-256 and the number of bytes."""
        digest, size = hashlib.sha256(), 0
        buffers = [mmap.mmap(-1, BLOCK) for _ in range(BLOCKS)]
        for buffer in buffers:
            self._free.put(buffer)
        writer = threading.Thread(target=self._write_all, name="copy")
        writer.start()
        try:
            while self._failed is None:
                buffer = self._free.get()
                count = _fill(source, buffer)
                with memoryview(buffer) as view:
                    digest.update(view[:count])
                self._full.put((buffer, count))
                size += count
                progress(count)
                if count < BLOCK:
                    break
        finally:
            self._full.put(None)
            writer.join()
        if self._failed is not None:
            raise self._failed
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)
        return digest.hexdigest(), size

    def keep(self) -> Path:
        """Return the finished copy, which is its taker's from now on."""
        return taken(self._path)

    def _write_all(self) -> None:
        """Write blocks as they come; after a failure they are only handed back."""
        place, spare = 0, mmap.mmap(-1, BLOCK)
        while (item := self._full.get()) is not None:
            buffer, count = item
            if self._failed is None:
                try:
                    if place >= self._there or not self._holds(buffer, count, place, spare):
                        self._write(buffer, count, place)
                except OSError as error:
                    self._failed = error
            place += count
            self._free.put(buffer)

    def _write(self, buffer: mmap.mmap, count: int, place: int) -> None:
        if count % SECTOR:
            self._direct = _set_direct(self._descriptor, on=False)
        with memoryview(buffer) as view:
            done = 0
            while done < count:
                try:
                    done += os.pwrite(self._descriptor, view[done:count], place + done)
                except OSError as error:
                    if error.errno != errno.EINVAL or not self._direct:
                        raise
                    # A file system that takes the flag needn't take the write, nor the rest of a short one.
                    self._direct = _set_direct(self._descriptor, on=False)

    def _holds(self, buffer: mmap.mmap, count: int, place: int, spare: mmap.mmap) -> bool:
        """Say whether the copy has this block already; a block that isn't whole sectors is written anew."""
        if count % SECTOR:
            return False
        with memoryview(spare) as view:
            found = os.preadv(self._descriptor, [view[:count]], place)
        return found == count and spare[:count] == buffer[:count]


def sync_all(folder: Path) -> bool:
    """Make everything on the disk of ``folder`` durable, at once; say whether that can be done here.

    Raises:
        OSError: when the disk failed.
    """
    import ctypes

    try:
        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):  # Linux has it
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if function(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
    return True


@contextlib.contextmanager
def told(folder: Path) -> Iterator[None]:
    """Say in one line that there is no room left under ``folder``.

    Raises:
        StorageError: in place of the error that says so in numbers.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise StorageError(
            f"there is no room left under {folder}: {os.strerror(error.errno)}", hint=_MAKE_ROOM
        ) from None


def locked_partial(path: Path) -> tuple[Path, int]:
    """Open a file for a copy under way, made if need be; return it and its descriptor, which holds it as a lock.

    If another process is at it, it is one of another name.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            path = path.with_name(f"{uuid.uuid4().hex}.partial")
            continue
        # Its last holder may have finished it between the two steps above: then the name is another file's, or none's.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return path, descriptor
        os.close(descriptor)


def taken(path: Path) -> Path:
    """Give a finished copy, while it is locked, a name that nobody else would go on with; return it."""
    return path.rename(path.with_name(uuid.uuid4().hex))


def _fill(source: int, buffer: mmap.mmap) -> int:
    done = 0
    with memoryview(buffer) as view:
        while done < BLOCK and (count := os.readv(source, [view[done:]])):
            done += count
    return done


def _read(source: int, size: int) -> bytes:
    # One byte more than there should be, to see that there is none.
    data = os.read(source, size + 1)
    while more := os.read(source, BLOCK):
        data += more
    return data


def _state(source: int) -> tuple[int, int, int, int, int]:
    state = os.fstat(source)
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _check_unchanged(path: Path, source: int, before: tuple[int, int, int, int, int], size: int) -> None:
    if size != before[2] or _state(source) != before:
        raise DataError(f"{path} was changed while it was read", hint="record it again when it is written")


def _check_room(partial: Path, size: int, path: Path) -> None:
    there = next(folder for folder in partial.parents if folder.exists())
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize
    done = partial.stat().st_size if partial.exists() else 0
    if size - done > free:
        raise StorageError(f"{path} has {size:,} bytes, and {free:,} are free under {there}", hint=_MAKE_ROOM)


def _set_direct(descriptor: int, *, on: bool) -> bool:
    """Switch writing past the cache on or off; return how it is then."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | DIRECT if on else flags & ~DIRECT)
    except OSError:
        return False
    return on and bool(DIRECT)


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((kind for test, kind in kinds if test(mode)), "a device")
