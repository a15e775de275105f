"""Contents beyond this machine, in whatever fsspec reaches: ``<url>/<first two hex digits>/<sha256>``."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from jupyter_mlops.errors import IntegrityError, MlopsError, NotFoundError, SettingsError, StorageError
from jupyter_mlops.store.copying import locked_partial, silent, taken
from jupyter_mlops.store.folder import GRACE_SECONDS, is_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jupyter_mlops.store.copying import Progress

PART = 16 << 20
# How many parts of one content, and how many contents, travel at a time.
PARTS_AT_A_TIME = 4
CONTENTS_AT_A_TIME = 16
# Where a file is there only when all of it is; elsewhere it needs another name until then.
_ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss"})
_EXTRAS = {
    "s3": "jupyter-mlops[s3]",
    "s3a": "jupyter-mlops[s3]",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
}
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
_TRY_AGAIN = "see to the server, then do the same again: what has arrived stays"
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Stored(NamedTuple):
    """Hold what a place says of a content: its size in bytes, and when it was put, in seconds of the epoch."""

    size: int
    put_at: float


class Remote:
    """Keep contents in a place that fsspec names by ``url``; the options of its file system come from the environment."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: tuple[int, Any, str] | None = None

    def stored(self, digest: str) -> Stored | None:
        """Return what is known of a content, or nothing if it isn't there.

        Raises:
            StorageError: when the place doesn't answer.
        """
        with self._reached():
            try:
                return self._stored(self._key(digest))
            except FileNotFoundError:
                return None

    def freshen(self, digest: str) -> bool:
        """Say whether a content is there and safe from being taken away; False asks for it to be sent again.

        Raises:
            StorageError: when the place doesn't answer.
        """
        found = self.stored(digest)
        if found is None:
            return False
        if found.put_at > time.time() - GRACE_SECONDS / 2:
            return True
        with self._reached():
            return self._renew(self._key(digest), found)

    def send(self, digest: str, path: Path, progress: Progress = silent) -> None:
        """Send a file's content, which ``digest`` names; it is there as a whole when this has returned.

        Raises:
            StorageError: when the place doesn't answer, or has something else than was sent.
        """
        with self._reached():
            self._send(path, self._key(digest), progress)

    def fetch(self, digest: str, incoming: Path, progress: Progress = silent) -> Path:
        """Fetch a content into a file of its own in ``incoming``, checked; one that was broken off is gone on with.

        Raises:
            NotFoundError: when it isn't there.
            StorageError: when the place doesn't answer.
            IntegrityError: when it has something else under this name.
        """
        found = self.stored(digest)
        if found is None:
            raise NotFoundError(
                f"no stored content {digest[:12]} in {self}",
                hint="record it again, or restore it from a copy",
            )
        incoming.mkdir(parents=True, exist_ok=True)
        path, descriptor = locked_partial(incoming / f"{digest}.partial")
        with os.fdopen(descriptor, "r+b") as target:
            # What is left of an earlier fetch may be anything, after a power failure: then all is fetched once more.
            for again in (False, True):
                if again:
                    target.seek(0)
                    target.truncate()
                hashed = hashlib.file_digest(target, "sha256")
                begun = target.tell()
                for part in self.parts(digest, found.size, begun):
                    hashed.update(part)
                    target.write(part)
                    progress(len(part))
                if hashed.hexdigest() == digest:
                    target.flush()
                    os.fsync(descriptor)
                    return taken(path)
                if not begun:
                    break
            path.unlink()
        raise IntegrityError(
            f"{self} has something else than {digest[:12]} under that name",
            hint="restore it from a copy, or record the content again after deleting it",
            expected=digest,
            actual=hashed.hexdigest(),
        )

    def parts(self, digest: str, size: int, begin: int = 0) -> Iterator[bytes]:
        """Give a content piece by piece, in order, from byte ``begin`` on.

        Raises:
            StorageError: when the place doesn't answer, or ends before its time.
        """
        key = self._key(digest)

        def part(start: int) -> bytes:
            end = min(start + PART, size)
            with self._reached():
                data: bytes = self._fs.cat_file(key, start=start, end=end)
            if len(data) != end - start:
                raise StorageError(f"{self} was cut off in the middle of {digest[:12]}", hint=_TRY_AGAIN)
            return data

        yield from ahead(part, range(begin, size, PART), PARTS_AT_A_TIME)

    def listing(self) -> Iterator[tuple[str, Stored]]:
        """Give the digest of every content that is there, with what is known of it.

        Raises:
            StorageError: when the place doesn't answer.
        """
        with self._reached():
            for path, info in self._fs.find(self._root, detail=True).items():
                name = path.rpartition("/")[2]
                if is_digest(name):
                    yield name, _stored(info)

    def delete(self, digest: str, *, grace: float) -> int:
        """Take a content away unless it was put less than ``grace`` seconds ago; return its size if it is gone.

        Raises:
            StorageError: when the place doesn't answer.
        """
        found = self.stored(digest)
        if found is None or found.put_at > time.time() - grace:
            return 0
        with self._reached():
            for key in (self._key(digest), self._key(digest) + ".sig"):
                try:
                    self._fs.rm_file(key)
                except FileNotFoundError:  # its signature, if it had one, or another process was here first
                    continue
        return found.size

    def tidy(self) -> None:
        """Take away what broken-off work has left and nobody will go on with, if this place keeps any.

        Raises:
            StorageError: when the place doesn't answer.
        """

    def put_signature(self, digest: str, signature: bytes) -> None:
        """Keep a signature beside a content.

        Raises:
            StorageError: when the place doesn't answer.
        """
        with self._reached():
            key = f"{self._key(digest)}.sig"
            self._make_parent(key)
            self._fs.pipe_file(key, signature)

    def signature(self, digest: str) -> bytes | None:
        """Return the signature beside a content, if there is one.

        Raises:
            StorageError: when the place doesn't answer.
        """
        with self._reached():
            try:
                data: bytes = self._fs.cat_file(f"{self._key(digest)}.sig")
            except FileNotFoundError:
                return None
        return data

    def __str__(self) -> str:
        return shown(self.url)

    def _stored(self, key: str) -> Stored:
        return _stored(self._fs.info(key))

    def _renew(self, key: str, _found: Stored) -> bool:
        try:
            self._fs.touch(key, truncate=False)
        except (NotImplementedError, ValueError, OSError):
            return False
        return True

    def _send(self, path: Path, key: str, progress: Progress) -> None:
        size = path.stat().st_size
        self._make_parent(key)
        if self._scheme in _ATOMIC:
            self._fs.put_file(str(path), key)
        else:
            temporary = f"{self._root}/incoming-{uuid.uuid4().hex}"
            self._fs.put_file(str(path), temporary)
            self._fs.mv(temporary, key)
        self._check_sent(key, size)
        progress(size)

    def _check_sent(self, key: str, size: int) -> None:
        if (there := self._stored(key).size) != size:
            self._fs.rm_file(key)
            raise StorageError(f"{self} kept {there:,} bytes of {size:,}", hint=_TRY_AGAIN)

    def _make_parent(self, key: str) -> None:
        if self._scheme not in _ATOMIC:
            self._fs.makedirs(key.rpartition("/")[0], exist_ok=True)

    def _key(self, digest: str) -> str:
        if not is_digest(digest):
            raise NotFoundError(f"{digest!r} names no stored content", hint="a SHA-256 as hex does")
        return f"{self._root}/{digest[:2]}/{digest}"

    @property
    def _scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def _fs(self) -> Any:
        return self._open()[0]

    @property
    def _root(self) -> str:
        return self._open()[1]

    def _open(self) -> tuple[Any, str]:
        # The connections of a process are of no use to what is forked from it.
        if self._opened is None or self._opened[0] != os.getpid():
            import fsspec

            options = {"skip_instance_cache": True, "use_listings_cache": False, **self._options()}
            try:
                fs, root = fsspec.core.url_to_fs(self.url, **options)
            except (ImportError, ValueError) as error:
                needed = _EXTRAS.get(self._scheme, "the fsspec package for it")
                raise SettingsError(
                    f"objects = {str(self)!r}: {error}", hint=f"pip install '{needed}'"
                ) from None
            self._opened = os.getpid(), fs, root.rstrip("/")
        return self._opened[1], self._opened[2]

    def _options(self) -> dict[str, Any]:
        return {}

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say in one line that the place doesn't answer; a file that isn't there is the caller's to judge."""
        try:
            yield
        except (MlopsError, FileNotFoundError) as error:
            if isinstance(error, MlopsError):
                raise
            raise StorageError(f"{self}: {error}", hint="make the bucket or folder first") from None
        except PermissionError as error:
            raise StorageError(
                f"{self} refuses: {error}", hint="check the credentials in the environment"
            ) from None
        # Every back end has errors of its own, and not all are OSError.
        except Exception as error:
            what = " ".join(str(error).split()) or type(error).__name__
            raise StorageError(f"{self} doesn't answer: {what}", hint=_TRY_AGAIN) from error


def open_remote(url: str) -> Remote:
    """Return the place that ``url`` names; nothing is reached before it is asked for something."""
    if urlsplit(url).scheme in ("s3", "s3a"):
        from jupyter_mlops.store.s3 import S3

        return S3(url)
    return Remote(url)


def shown(url: str) -> str:
    """Return a URL as it may be shown: without a user's name and password."""
    return urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()


def ahead(function: Callable[[_Item], _Result], items: Iterable[_Item], at_a_time: int) -> Iterator[_Result]:
    """Give what ``function`` makes of each item, in order, while it works on the next ones in threads."""
    waiting = iter(items)
    with ThreadPoolExecutor(at_a_time, "objects") as threads:
        under_way = deque(threads.submit(function, item) for item in islice(waiting, at_a_time))
        try:
            while under_way:
                done = under_way.popleft().result()
                under_way.extend(threads.submit(function, item) for item in islice(waiting, 1))
                yield done
        finally:
            for future in under_way:
                future.cancel()


def _stored(info: dict[str, Any]) -> Stored:
    found = next((info[name] for name in _TIMES if info.get(name)), None)
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    if isinstance(found, datetime):
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    # Where a place doesn't tell, everything counts as new, and nothing is taken away by its age.
    return Stored(int(info["size"] or 0), time.time() if found is None else float(found))
