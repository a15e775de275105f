"""The content-addressed store: each content once, under its SHA-256, in a folder or beyond it in an object store."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.errors import IntegrityError, NotFoundError
from jupyter_mlops.store.batch import Batch
from jupyter_mlops.store.copying import silent, told
from jupyter_mlops.store.files import hash_file, sync_file, write_atomic
from jupyter_mlops.store.folder import GRACE_SECONDS, READ_ONLY, Folder, is_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_mlops.store.copying import Progress
    from jupyter_mlops.store.remote import Remote

# A disk does one at a time.
_syncs = ThreadPoolExecutor(1, "sync")


class Objects:
    """Keep contents, each under its SHA-256 as hex.

    Args:
        folder: where they are, as read-only files; with a ``url`` only those that were used here, as copies.
        url: where they are instead, as fsspec names places: ``s3://bucket/prefix``.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        self.url = url
        self._local = Folder(folder)
        self._remote = _remote(url) if url else None
        self._syncing: list[Future[None]] = []

    def __reduce__(self) -> tuple[type[Objects], tuple[Path, str]]:
        """Travel to another process as the place alone."""
        return type(self), (self.folder, self.url)

    @contextmanager
    def batch(self, progress: Progress = silent) -> Iterator[Batch]:
        """Give a batch to put contents into; they are in the store, durably, when the block has ended.

        ``progress`` is told how many bytes more are done; they add up to what was put.

        Raises:
            StorageError: when there is no room for them, or the object store doesn't answer.
        """
        batch = Batch(self._local, publish=self._publish if self._remote else None, progress=progress)
        try:
            yield batch
            batch.finish()
        finally:
            batch.drop()

    def put_bytes(self, data: bytes) -> str:
        """Keep ``data``; return its SHA-256 as hex.

        Raises:
            StorageError: when there is no room for it, or the object store doesn't answer.
        """
        with self.batch() as batch:
            return batch.put_bytes(data)

    def put_file(self, path: Path, *, digest: str = "", progress: Progress = silent) -> str:
        """Keep a copy of a file's content; return its SHA-256 as hex.

        A large file that was broken off is gone on with where it was.

        Args:
            path: the file.
            digest: what its content is, where the caller knows: one that is here already isn't read then.
            progress: is told how many bytes more are done; they add up to the file's size.

        Raises:
            DataError: when it is no file (a folder, a pipe, a device), or was written to while it was read.
            StorageError: when there is no room for it, or the object store doesn't answer.
            OSError: when it can't be read.
        """
        if is_digest(digest) and (self._remote or self._local).freshen(digest):
            progress(path.stat().st_size)
            return digest
        return self.put_many([path], progress=progress)[0]

    def put_many(self, paths: Iterable[Path], *, progress: Progress = silent) -> list[str]:
        """Keep copies of many files' contents; return their SHA-256 in the same order.

        Args:
            paths: the files.
            progress: is told how many bytes more are done; they add up to the files' sizes.

        Raises:
            DataError: when one is no file, or was written to while it was read.
            StorageError: when there is no room for them, or the object store doesn't answer.
            OSError: when one can't be read.
        """
        with self.batch(progress) as batch:
            return [batch.put_file(path) for path in paths]

    def adopt(self, path: Path) -> str:
        """Keep a file itself, which nobody writes to any more; return its SHA-256 as hex.

        The file stays where it is, as another name of the stored one. It needn't be on disk yet: that is seen to
        beside whatever comes next, until ``settle`` has waited for it.

        Raises:
            OSError: when the file can't be read.
        """
        digest = hash_file(path)
        if not self._local.freshen(digest):
            place = self._local.make_place(digest)
            path.chmod(READ_ONLY)
            if self._remote:
                self._local.note_unsent(digest)
            try:
                place.hardlink_to(path)
            except FileExistsError:
                pass
            except OSError:  # another file system, or one without links
                return self.put_file(path)
        self._syncing.append(_syncs.submit(self._settle, digest))
        return digest

    def settle(self) -> None:
        """Wait until what was adopted is durably in the store.

        Raises:
            OSError: when it can't be written there.
            StorageError: when the object store doesn't answer.
        """
        while self._syncing:
            self._syncing.pop().result()

    def has(self, digest: str) -> bool:
        """Say whether the content is in the store.

        Raises:
            StorageError: when the object store doesn't answer.
        """
        if self._remote:
            return is_digest(digest) and self._remote.stored(digest) is not None
        return self._local.has(digest)

    def path(self, digest: str, *, progress: Progress = silent) -> Path:
        """Return the file that holds the content; it is read-only and must stay as it is.

        From an object store it is fetched first, and checked then, if it isn't here yet.

        Raises:
            NotFoundError: when there is no such content.
            StorageError: when the object store doesn't answer, or there is no room for the copy.
            IntegrityError: when the object store has something else under this name.
        """
        place = self._local.place(digest)
        if not self._local.has(digest):
            if not (self._remote and is_digest(digest)):
                raise NotFoundError(
                    f"no stored content {digest[:12]} under {self.folder}",
                    hint="record it again, or restore the folder",
                )
            with told(self.folder):
                fetched = self._remote.fetch(digest, self._local.incoming, progress)
                fetched.chmod(READ_ONLY)
                fetched.replace(self._local.make_place(digest))
        return place

    def paths(self, digests: Iterable[str], *, progress: Progress = silent) -> list[Path]:
        """Return the files that hold the contents, in the same order; from an object store many come at a time.

        Raises:
            MlopsError: as ``path`` does, for the first that can't be had.
        """
        if not self._remote:
            return [self.path(digest) for digest in digests]
        from jupyter_mlops.store.remote import CONTENTS_AT_A_TIME, ahead

        return list(ahead(partial(self.path, progress=progress), digests, CONTENTS_AT_A_TIME))

    def read(self, digest: str) -> bytes:
        """Return the content, checked against its name.

        Raises:
            NotFoundError: when there is no such content.
            IntegrityError: when the file is no longer what its name says.
            StorageError: when the object store doesn't answer.
        """
        data = self.path(digest).read_bytes()
        actual = hashlib.sha256(data).hexdigest()
        if actual != digest and self._remote:  # what is spoiled is the copy
            self.discard(digest)
            data = self.path(digest).read_bytes()
            actual = hashlib.sha256(data).hexdigest()
        _compare(actual, digest)
        return data

    def verify(self, digest: str) -> None:
        """Check the stored content against its name; in an object store, all of it there.

        Raises:
            NotFoundError: when there is no such content.
            IntegrityError: when it is no longer what its name says.
            StorageError: when the object store doesn't answer.
        """
        found = self._remote.stored(digest) if self._remote else None
        if self._remote and found:
            hashed = hashlib.sha256()
            for part in self._remote.parts(digest, found.size):
                hashed.update(part)
            _compare(hashed.hexdigest(), digest)
        else:
            _compare(hash_file(self.path(digest)), digest)

    def intact(self, digest: str) -> bool:
        """Say whether the content is here and still what its name says.

        A large one is hashed again only when its size, time or inode isn't what it was when it was last found whole.
        A spoiled copy of what is in an object store is fetched again.

        Raises:
            IntegrityError: when the file is no longer what its name says.
            StorageError: when it isn't here and the object store doesn't answer.
        """
        if not self._local.has(digest):
            if not (self._remote and self.has(digest)):
                return False
            self.path(digest)  # it is checked on its way here
        if self._remote and self._local.unsent(digest):
            self._settle(digest)  # a process that was to do it didn't get so far
        whole = self._local.known_whole(digest)
        if not whole:
            actual = hash_file(self._local.place(digest))
            if actual != digest and self._remote:
                self.discard(digest)
                return self.intact(digest)
            _compare(actual, digest)
        if not self._local.freshen(digest):
            return False
        if not (whole and self._local.known_whole(digest)):
            self._local.note_whole(digest)
        return True

    def discard(self, digest: str) -> None:
        """Take the local file of a content away because it is no longer what its name says."""
        self._local.place(digest).unlink(missing_ok=True)

    def digests(self) -> dict[str, int]:
        """Return the digest of every stored content, with its size in bytes.

        Raises:
            StorageError: when the object store doesn't answer.
        """
        if self._remote:
            return {digest: found.size for digest, found in self._remote.listing()}
        return dict(self._local.digests())

    def delete(self, digest: str, *, grace: float = GRACE_SECONDS) -> int:
        """Take a content out of the store; return the bytes that are free now.

        One that was put less than ``grace`` seconds ago stays: whoever put it may not have it on record yet.

        Raises:
            StorageError: when the object store doesn't answer.
        """
        if not is_digest(digest):
            return 0
        freed = self._local.delete(digest, grace=grace)
        return self._remote.delete(digest, grace=grace) if self._remote else freed

    def tidy(self) -> None:
        """Take away what broken-off work has left on the object store and nobody will go on with.

        Raises:
            StorageError: when the object store doesn't answer.
        """
        if self._remote:
            self._remote.tidy()

    def put_signature(self, digest: str, signature: bytes) -> None:
        """Keep what proves who made a content, beside it.

        Raises:
            StorageError: when the object store doesn't answer.
        """
        if self._remote:
            self._remote.put_signature(digest, signature)
        write_atomic(self._local.signature(digest), signature)

    def signature(self, digest: str) -> bytes | None:
        """Return what ``put_signature`` has kept, if anything.

        Raises:
            StorageError: when the object store doesn't answer.
        """
        try:
            return self._local.signature(digest).read_bytes()
        except FileNotFoundError:
            return self._remote.signature(digest) if self._remote else None

    def _settle(self, digest: str) -> None:
        place = self._local.place(digest)
        sync_file(place)
        self._local.sync_names([place])
        if self._remote:
            self._publish({digest: 0}, silent)
            self._local.note_sent(digest)

    def _publish(self, digests: dict[str, int], progress: Progress) -> None:
        """Send what isn't in the object store yet, many at a time."""
        from jupyter_mlops.store.remote import CONTENTS_AT_A_TIME, ahead

        remote = self._remote
        if remote is None:  # pragma: no cover - nobody asks then
            return

        def send(digest: str) -> None:
            if remote.freshen(digest):
                progress(digests[digest])
            else:
                remote.send(digest, self._local.place(digest), progress)

        for _ in ahead(send, digests, CONTENTS_AT_A_TIME):
            pass


def _remote(url: str) -> Remote:
    from jupyter_mlops.store.remote import open_remote

    return open_remote(url)


def _compare(actual: str, expected: str) -> None:
    if actual != expected:
        raise IntegrityError(
            f"stored content {expected[:12]} was changed: it now hashes to {actual[:12]}",
            hint="restore the file from a copy, or record the content again after deleting it",
            expected=expected,
            actual=actual,
        )
