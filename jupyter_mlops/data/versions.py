"""Dataset versions: the content, once, under its SHA-256, with what it looked like."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.data.frames import TABLES, read_frame, write_parquet
from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.dataset import Column, DatasetVersion
from jupyter_mlops.store import stamp
from jupyter_mlops.store.files import copy_hashing, hash_file, replacing
from jupyter_mlops.store.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from jupyter_mlops.store.opened import Store

FRAME = "frame"


def add(
    store: Store, name: str, source: str | Path | pd.DataFrame, *, clock: Callable[[], str] = stamp.now
) -> DatasetVersion:
    """Record a file or a frame as a version of dataset ``name``; the same content again is the same version.

    Args:
        store: the project's store.
        name: the dataset's name.
        source: a file of any format (tables get a schema and a profile), or a frame (kept as Parquet).
        clock: gives the time of the record.

    Raises:
        DataError: when the file is missing or can't be read as what its suffix says.
        UsageError: when the name can't name a dataset.
    """
    check_name("dataset", name)
    if isinstance(source, str | os.PathLike):
        return _add_file(store, name, _existing_file(Path(source)), clock)
    return _add_frame(store, name, source, clock)


def resolve(store: Store, text: str) -> DatasetVersion:
    """Return the version that ``churn`` (the newest), ``churn@4f2a`` or ``dataset/churn@4f2a`` means.

    Raises:
        NotFoundError: when there is none, or several begin so.
    """
    found = store.ledger.get(text if text.startswith("dataset/") else f"dataset/{text}")
    if not isinstance(found, DatasetVersion):  # pragma: no cover - the ledger decodes by kind
        raise NotFoundError(f"{text} is not a dataset version")
    return found


def load_frame(store: Store, version: DatasetVersion) -> pd.DataFrame:
    """Read a version's table, after checking that the content is what was recorded.

    Raises:
        DataError: when it isn't a table.
        NotFoundError: when the content is gone.
        IntegrityError: when the content was changed.
    """
    store.objects.verify(version.version)
    label = f"{version.name}@{version.version[:12]}"
    return read_frame(store.objects.path(version.version), version.format, name=label)


def checkout(
    store: Store, version: DatasetVersion, folder: Path | None = None, *, file_name: str | None = None
) -> Path:
    """Put a version's content on a path of its own and return it; a changed copy is replaced.

    It is a read-only copy, never a link: a write through a link would change the stored content.

    Args:
        store: the project's store.
        version: which content.
        folder: where to; default ``.mlops/datasets/<name>/<first 12 digits>/``.
        file_name: default: the name it was recorded from.

    Raises:
        NotFoundError: when the content is gone.
        IntegrityError: when the stored content was changed.
    """
    folder = folder or store.datasets / version.name / version.version[:12]
    path = folder / (file_name or file_name_of(version))
    if path.is_file() and hash_file(path) == version.version:
        return path
    with store.objects.path(version.version).open("rb") as stored, replacing(path) as target:
        if copy_hashing(stored, target) != version.version:
            raise IntegrityError(
                f"the stored content of {version.name}@{version.version[:12]} was changed",
                hint="restore the object store from a copy",
            )
        os.fchmod(target.fileno(), 0o444)
    return path


def file_name_of(version: DatasetVersion) -> str:
    """Return the file name a version was recorded from."""
    if version.source == FRAME:
        return f"{version.name}.{version.format}"
    return Path(version.source).name


def _existing_file(path: Path) -> Path:
    if path.is_file():
        return path
    if path.is_dir():
        raise DataError(f"{path} is a folder", hint="a dataset is one file or a frame")
    if not path.parent.is_dir():
        raise DataError(f"no folder {path.parent} for {path.name}", hint=f"you are in {Path.cwd()}")
    files = [
        entry.name for entry in path.parent.iterdir() if entry.is_file() and not entry.name.startswith(".")
    ]
    near = NotFoundError.of("file", path.name, files)
    raise DataError(f"no file {path}", hint=near.hint, **near.details)


def _add_file(store: Store, name: str, path: Path, clock: Callable[[], str]) -> DatasetVersion:
    try:
        digest = hash_file(path)
        known = _known(store, name, digest)
        if known is not None and store.objects.has(digest):
            return known
        form = path.suffix.removeprefix(".").lower()
        described = _described(read_frame(path, form)) if form in TABLES else {}
        # Nothing is written before the file has proved readable.
        if store.objects.put_file(path, digest=digest) != digest:
            raise DataError(
                f"{path} was changed while it was recorded", hint="record it again when it is written"
            )
        size = path.stat().st_size
    except OSError as error:
        raise DataError(
            f"{path} can't be read: {error.strerror}", hint="check the file's permissions"
        ) from error
    where = _relative(path.resolve(), store.settings.root)
    return _record(store, name, digest, clock, source=where, format=form, size_bytes=size, **described)


def _add_frame(store: Store, name: str, source: Any, clock: Callable[[], str]) -> DatasetVersion:
    import pandas as pd

    if not isinstance(source, pd.DataFrame):
        raise DataError(f"a {type(source).__name__} can't be a dataset", hint="pass a path or a DataFrame")
    data = write_parquet(source)
    digest = store.objects.put_bytes(data)
    known = _known(store, name, digest)
    if known is not None:
        return known
    return _record(
        store, name, digest, clock, source=FRAME, format="parquet", size_bytes=len(data), **_described(source)
    )


def _known(store: Store, name: str, digest: str) -> DatasetVersion | None:
    try:
        return resolve(store, f"{name}@{digest}")
    except NotFoundError:
        return None


def _described(frame: pd.DataFrame) -> dict[str, Any]:
    from jupyter_mlops.data.profiles import columns_of

    columns: tuple[Column, ...] = columns_of(frame)
    return {"rows": len(frame), "columns": columns}


def _record(store: Store, name: str, digest: str, clock: Callable[[], str], **fields: Any) -> DatasetVersion:
    version = DatasetVersion(name=name, version=digest, created_at=clock(), author=stamp.author(), **fields)
    # Another process may record the same content at the same time; the first record stands.
    store.ledger.append_new(version)
    return resolve(store, f"{name}@{digest}")


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
