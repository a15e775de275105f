"""Where a dataset comes from: a file, a folder, a ``.dvc`` file, a URL, a query, a frame."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from jupyter_mlops.errors import DataError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

FRAME = "frame"
DVC = ".dvc"
_FILE = "file://"
_url = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::|://)")
_database = re.compile(r"(?:sqlite|postgresql|postgres|mysql|mariadb|mssql|oracle|duckdb)(?:\+\w+)?:")


@dataclass(frozen=True)
class Source:
    """Hold what is to be recorded: a file or folder at ``path``, or a ``frame``; ``label`` is what the record says."""

    label: str
    path: Path | None = None
    frame: pd.DataFrame | None = None
    query: str = ""


@contextmanager
def opened(
    source: Any, *, query: str = "", root: Path, scratch: Path, progress: Callable[[int], None]
) -> Iterator[Source]:
    """Give what ``source`` names; what had to be fetched is there until the block ends.

    Args:
        source: a path, a URL that fsspec knows, a DataFrame; with a query the URL of a database.
        query: what to ask the database.
        root: the project's folder; paths in it are told relative to it.
        scratch: where what is fetched may lie meanwhile.
        progress: is told the size of what was fetched, in bytes, piece by piece.

    Raises:
        DataError: when it is missing, or nothing that can be recorded.
        UsageError: when a query comes without a database's URL.
    """
    if query:
        yield _asked(source, query)
    elif not isinstance(source, str | os.PathLike):
        yield _frame(source)
    elif isinstance(source, str) and source.startswith(_FILE):
        with _local(Path(unquote(urlsplit(source).path)), root, scratch) as found:
            yield found
    elif is_url(source):
        if _database.match(str(source)):
            raise UsageError(
                f"{without_credentials(str(source))} is a database",
                hint="say what to ask it: --query 'SELECT …', in a notebook query='SELECT …'",
            )
        from jupyter_mlops.data.remote_sources import fetched

        with fetched(str(source), scratch, progress) as (path, label):
            yield Source(label=label, path=path)
    else:
        with _local(Path(source), root, scratch) as found:
            yield found


@contextmanager
def scratch_folder(scratch: Path) -> Iterator[Path]:
    """Give a new folder in ``scratch``, to be made where it is needed; nothing of it is left when the block ends."""
    folder = scratch / uuid.uuid4().hex
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for above in (scratch, scratch.parent):
            with suppress(OSError):  # it isn't there, or holds something else
                above.rmdir()


def is_url(source: object) -> bool:
    """Say whether a source is text with a scheme before it, as ``s3://bucket/key``."""
    return isinstance(source, str) and _url.match(source) is not None


def existing(path: Path) -> Path:
    """Return ``path`` if a file or folder is there.

    Raises:
        DataError: when there is none, with the names that come near; or when it is a pipe or a device.
    """
    try:
        if path.is_file() or path.is_dir():
            return path
        if path.exists():
            raise DataError(f"{path} is not a file or a folder", hint="a pipe or a device can't be recorded")
        if not path.parent.is_dir():
            raise DataError(f"no folder {path.parent} for {path.name}", hint=f"you are in {Path.cwd()}")
        files = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise DataError(f"{str(path)[:80]} can't be read: {error.strerror}", hint="check the path") from None
    near = NotFoundError.of("file", path.name, files)
    raise DataError(f"no file {path}", hint=near.hint, **near.details)


def relative(path: Path, root: Path) -> str:
    """Return a path as a record says it: relative to the project's folder where it lies in it."""
    place = path.resolve()
    return str(place.relative_to(root)) if place.is_relative_to(root) else str(place)


def without_credentials(url: str) -> str:
    """Return a URL without user, password, query and fragment: any of them may hold a secret."""
    scheme, separator, rest = url.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = place.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def file_name(label: str) -> str:
    """Return the name of the file or folder that a record's source names; empty where it names none."""
    name = PurePosixPath(urlsplit(label).path if is_url(label) else label).name
    return "" if name == ".." or "\0" in name else name


def own_name(source: object, query: str = "") -> str | None:
    """Return the name that the file or folder has which a source names; None where it has none of its own."""
    if query or not isinstance(source, str | os.PathLike):
        return None
    name = file_name(os.fspath(source))
    return None if name.endswith(DVC) else name or None


@contextmanager
def _local(path: Path, root: Path, scratch: Path) -> Iterator[Source]:
    if path.suffix == DVC and existing(path).is_file():
        from jupyter_mlops.data.dvc import content_of

        with content_of(path, scratch) as (content, named):
            yield Source(label=relative(named, root), path=content)
    else:
        if existing(path).is_dir() and root.is_relative_to(path.resolve()):
            raise DataError(
                f"{path} is a folder with the project in it", hint="name the folder that holds the data"
            )
        yield Source(label=relative(path, root), path=path)


def _frame(source: Any) -> Source:
    import pandas as pd

    if not isinstance(source, pd.DataFrame):
        raise DataError(f"a {type(source).__name__} can't be a dataset", hint="pass a path or a DataFrame")
    return Source(label=FRAME, frame=source)


def _asked(source: Any, query: str) -> Source:
    from jupyter_mlops.data.queries import ask

    if not is_url(source):
        raise UsageError(
            f"a query asks a database, and {source!r} is no URL of one",
            hint="pass a URL such as sqlite:///shop.db or postgresql+psycopg://host/name",
        )
    return Source(label=without_credentials(str(source)), frame=ask(str(source), query), query=query)
