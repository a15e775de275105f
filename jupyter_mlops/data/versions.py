"""Dataset versions: the content, once, under its SHA-256, with what it looked like."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.data import contents, folders, sources
from jupyter_mlops.data.frames import read_frame
from jupyter_mlops.data.sources import FRAME
from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.store import stamp
from jupyter_mlops.store.copying import silent
from jupyter_mlops.store.files import copy_hashing, hash_file, replacing
from jupyter_mlops.store.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from jupyter_mlops.data.contents import Content
    from jupyter_mlops.data.sources import Source
    from jupyter_mlops.store.copying import Progress
    from jupyter_mlops.store.opened import Store


@dataclass(frozen=True)
class Unrecorded:
    """Hold a source's content that isn't on record yet, with its rows and columns if it is a table."""

    source: Source
    content: Content
    described: dict[str, Any]


@contextmanager
def examined(
    store: Store, name: str, source: Any, *, query: str = "", progress: Progress = silent
) -> Iterator[Unrecorded | DatasetVersion]:
    """Look at a source without writing anything: give the version that it is, or what ``record`` makes one.

    Args:
        store: the project's store.
        name: the dataset's name.
        source: a file of any format (tables get a schema and a profile), a folder, a ``.dvc`` file, a URL that fsspec
            knows, or a frame (kept as Parquet); with ``query`` the URL of a database.
        query: what the database is asked; its answer is kept as a frame is.
        progress: is told the size of what was fetched, in bytes, piece by piece.

    Raises:
        DataError: when the source is missing or can't be read as what its suffix says.
        UsageError: when the name can't name a dataset.
    """
    check_name("dataset", name)
    scratch = store.settings.state / "fetched"
    with sources.opened(
        source, query=query, root=store.settings.root, scratch=scratch, progress=progress
    ) as given:
        content = contents.look(given)
        found = _known(store, name, content)
        yield found or Unrecorded(given, content, content.describe())


def record(
    store: Store,
    name: str,
    found: Unrecorded,
    *,
    parents: Sequence[str] = (),
    clock: Callable[[], str] = stamp.now,
    progress: Progress = silent,
) -> DatasetVersion:
    """Store a content that was examined, and put it on record.

    Args:
        store: the project's store.
        name: the dataset's name.
        found: the content.
        parents: the references of the dataset versions that it was made from.
        clock: gives the time of the record.
        progress: is told the size of what was stored, in bytes, piece by piece.

    Raises:
        DataError: when it changed since.
    """
    digest = found.content.put(store.objects, progress)
    version = DatasetVersion(
        name=name,
        version=digest,
        source=found.source.label,
        query=found.source.query,
        format=found.content.form,
        size_bytes=found.content.size_bytes,
        content=found.content.kind,
        files=found.content.files,
        parents=tuple(parent for parent in dict.fromkeys(parents) if not parent.endswith(f"@{digest}")),
        created_at=clock(),
        author=stamp.author(),
        **found.described,
    )
    # Another process may record the same content at the same time; the first record stands.
    store.ledger.append_new(version)
    return resolve(store, f"{name}@{digest}")


def add(
    store: Store,
    name: str,
    source: Any,
    *,
    clock: Callable[[], str] = stamp.now,
    progress: Progress = silent,
) -> DatasetVersion:
    """Record what a source holds as a version of dataset ``name``; the same content again is the same version.

    Raises:
        DataError: when the source is missing or can't be read as what its suffix says.
        UsageError: when the name can't name a dataset.
    """
    with examined(store, name, source, progress=progress) as found:
        if isinstance(found, DatasetVersion):
            return found
        return record(store, name, found, clock=clock, progress=progress)


def versions_of(store: Store, name: str | None = None) -> list[DatasetVersion]:
    """Return all dataset versions on record, or those of one name, newest first."""
    return [each for each in store.ledger.find("dataset", name) if isinstance(each, DatasetVersion)]


def resolve(store: Store, text: str) -> DatasetVersion:
    """Return the version that ``churn`` (the newest), ``churn@4f2a`` or ``dataset/churn@4f2a`` means.

    Raises:
        NotFoundError: when there is none, or several begin so.
    """
    if not text.removeprefix("dataset/").partition("@")[0]:
        raise NotFoundError.of("dataset", text, store.ledger.names("dataset"))
    found = store.ledger.get(text if text.startswith("dataset/") else f"dataset/{text}")
    if not isinstance(found, DatasetVersion):  # pragma: no cover - the ledger decodes by kind
        raise NotFoundError(f"{text} is not a dataset version")
    return found


def load_frame(store: Store, version: DatasetVersion) -> pd.DataFrame:
    """Read a version's table, after checking that the content is what was recorded.

    A folder is a table where all of its files are one: they stand under each other in the order of their names.

    Raises:
        DataError: when it isn't a table.
        NotFoundError: when the content is gone.
        IntegrityError: when the content was changed.
    """
    label = f"{version.name}@{version.version[:12]}"
    if version.content == "file":
        store.objects.verify(version.version)
        return read_frame(store.objects.path(version.version), version.format, name=label)
    if version.rows is None:
        raise DataError(f"{label} is a folder that is no table", hint="check it out and read its files")
    import pandas as pd

    manifest = folders.read_manifest(store.objects, version.version)
    parts = []
    for path, entry in manifest.files.items():
        if contents.is_part(path):
            store.objects.verify(entry.sha256)
            stored = store.objects.path(entry.sha256)
            parts.append(read_frame(stored, version.format, name=f"{label}/{path}"))
    return pd.concat(parts, ignore_index=True)


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
    # The record may be from elsewhere: its name becomes a path here.
    folder = folder or store.datasets / check_name("dataset", version.name) / version.version[:12]
    path = folder / (file_name or file_name_of(version))
    if version.content == "folder":
        manifest = folders.read_manifest(store.objects, version.version)
        if not folders.holds(path, manifest):
            folders.write(store.objects, manifest, path)
        return path
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
    """Return the name of the file or folder a version was recorded from."""
    source = (
        f"{version.name}.{version.format}" if version.source == FRAME or version.query else version.source
    )
    return sources.file_name(source) or version.name


def reads_of(store: Store, version: DatasetVersion, source: object) -> dict[str, str]:
    """Return what was read of a source that was recorded: path or URL to the SHA-256 of the content then."""
    if sources.is_url(source):
        return {sources.without_credentials(str(source)): version.version}
    if not isinstance(source, str | os.PathLike):
        return {}
    path = os.fspath(source)
    if path.endswith(sources.DVC):
        return {path: hash_file(Path(path))}
    if version.content == "file":
        return {path: version.version}
    manifest = folders.read_manifest(store.objects, version.version)
    return {f"{path.rstrip('/')}/{name}": entry.sha256 for name, entry in manifest.files.items()}


def _known(store: Store, name: str, content: Content) -> DatasetVersion | None:
    """Return the version that a content is on record as, if it is and in the store; it is hashed only if it can be."""

    def like(version: DatasetVersion) -> bool:
        return (version.content, version.files, version.size_bytes) == (
            content.kind,
            content.files,
            content.size_bytes,
        )

    if not any(map(like, versions_of(store, name))):
        return None
    digest = content.digest()
    if not store.objects.has(digest):
        return None
    try:
        return resolve(store, f"{name}@{digest}")
    except NotFoundError:
        return None
