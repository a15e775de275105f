"""Dataset versions for people: record, list, show, check out, verify."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.data import folders, sources, versions
from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.dataset import Collection, DatasetVersion
from jupyter_mlops.store.copying import silent
from jupyter_mlops.store.files import copy_atomic, hash_file
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import acting, allow, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.copying import Progress
    from jupyter_mlops.store.opened import Store

WHOLE, CHANGED, GONE, COLLECTED = "whole", "changed", "gone", "collected"


class Verified(Value, frozen=True, kw_only=True):
    """Say whether a version's content is what its record says: whole, changed, gone, or collected by ``data gc``."""

    version: str
    status: str
    problem: str = ""


def list_datasets(settings: Settings, name: str | None = None) -> list[DatasetVersion]:
    """Return all dataset versions that may be read, or those of one name, newest first.

    Raises:
        NotFoundError: when there is no dataset of that name, or it may not be read.
    """
    store, may_read = open_store(settings), readable(settings)
    found = [each for each in versions.versions_of(store, name) if may_read(str(each.ref))]
    if name is not None and not found:
        known = [each for each in store.ledger.names("dataset") if may_read(f"dataset/{each}")]
        raise NotFoundError.of("dataset", name, known)
    return found


def show(settings: Settings, text: str) -> DatasetVersion:
    """Return the version that ``churn`` or ``churn@4f2a`` means.

    Raises:
        NotFoundError: when there is none.
        DeniedError: when it may not be read.
    """
    version = versions.resolve(open_store(settings), text)
    allow(settings, "read", str(version.ref))
    return version


def add(
    settings: Settings,
    name: str,
    source: Any,
    *,
    query: str = "",
    parents: Sequence[str] = (),
    progress: Progress = silent,
) -> DatasetVersion:
    """Record a file, folder, URL, frame or a query's answer as a version of dataset ``name``.

    What is on record already changes nothing.

    Args:
        settings: the project.
        name: the dataset's name.
        source: a path, a URL or a frame; with a query the URL of a database.
        query: what the database is asked.
        parents: the references of the dataset versions that it was made from.
        progress: is told the size of what was dealt with, in bytes, piece by piece.

    Raises:
        DataError: when the source is missing or can't be read.
        DeniedError: when whoever runs this may not.
    """
    store = open_store(settings)
    with versions.examined(store, name, source, query=query, progress=progress) as found:
        if isinstance(found, DatasetVersion):
            return found
        with acting(settings, "data.add", f"dataset/{name}", source=found.source.label) as act:
            version = versions.record(store, name, found, parents=parents, progress=progress)
            act.note(subject=str(version.ref))
    return version


def size_of(source: str) -> int | None:
    """Return the size in bytes of a file, or of all files in a folder; None where that isn't known beforehand."""
    path = Path(source)
    try:
        if path.is_dir():
            return sum(place.stat().st_size for place in path.rglob("*") if place.is_file())
        return path.stat().st_size if path.suffix != sources.DVC else None
    except OSError:
        return None


def checkout(
    settings: Settings,
    text: str,
    to: Path | None = None,
    *,
    dvc: bool = False,
    progress: Progress = silent,
) -> Path:
    """Put a version's content on a path and return it.

    Without ``to`` it is the read-only copy that ``mlops.dataset`` gives; ``to`` (a file or an existing folder, for a
    folder a new or an empty one) gets a copy to work with.

    Args:
        settings: the project.
        text: which version.
        to: where to.
        dvc: whether a ``.dvc`` file is written beside the copy.
        progress: is told how many bytes more are copied.

    Raises:
        NotFoundError: when there is no such version, or its content is gone.
        DataError: when another file is there.
        DeniedError: when it may not be read.
    """
    store, version = open_store(settings), show(settings, text)
    try:
        if to is None:
            return versions.checkout(store, version)
        copy = _copy_folder if version.content == "folder" else _copy_file
        target = copy(store, version, to, progress)
        if dvc:
            from jupyter_mlops.data.dvc import write

            write(target)
        return target
    except NotFoundError as error:
        raise _explained(store, version, error) from None
    except OSError as error:
        raise DataError(
            f"{to} can't be written: {os.strerror(error.errno or 0)}", hint="choose another --to"
        ) from error


def verify(settings: Settings, names: Sequence[str] = (), *, progress: Progress = silent) -> list[Verified]:
    """Hash the stored content of dataset versions again and say of each whether it is whole.

    Args:
        settings: the project.
        names: which, ``churn`` for all versions of it or ``churn@4f2a``; default: all.
        progress: is told each version's size in bytes when it was looked at.

    Raises:
        NotFoundError: when one isn't on record.
    """
    store = open_store(settings)
    wanted = [each for name in names for each in _meant(store, name)] if names else list_datasets(settings)
    for name in sorted({each.name for each in wanted}):
        allow(settings, "read", f"dataset/{name}")
    collected = collected_versions(store)
    found, whole = [], set[str]()
    for version in wanted:
        found.append(_verified(store, version, collected, whole))
        progress(version.size_bytes)
    return found


def collected_versions(store: Store) -> set[str]:
    """Return the references of the dataset versions whose content was taken away by ``data gc``."""
    records = store.ledger.find("collection")
    return {ref for each in records if isinstance(each, Collection) for ref in each.versions}


def _explained(store: Store, version: DatasetVersion, error: NotFoundError) -> NotFoundError:
    if str(version.ref) not in collected_versions(store):
        return error
    return NotFoundError(
        f"the content of {version.name}@{version.version[:12]} was taken away by data gc",
        hint=f"record it again: jupyter mlops data add {version.name} {version.source}",
    )


def _meant(store: Store, text: str) -> list[DatasetVersion]:
    if "@" in text:
        return [versions.resolve(store, text)]
    found = versions.versions_of(store, text)
    return found or [versions.resolve(store, text)]


def _verified(store: Store, version: DatasetVersion, collected: set[str], whole: set[str]) -> Verified:
    """Check a version's contents, but for those that are known to be ``whole``: versions of a folder share most."""
    ref = str(version.ref)

    def verify(digest: str) -> None:
        if digest not in whole:
            store.objects.verify(digest)
            whole.add(digest)

    try:
        verify(version.version)
        if version.content == "folder":
            for entry in folders.read_manifest(store.objects, version.version).files.values():
                verify(entry.sha256)
    except NotFoundError as error:
        return Verified(version=ref, status=COLLECTED if ref in collected else GONE, problem=error.message)
    except IntegrityError as error:
        return Verified(version=ref, status=CHANGED, problem=error.message)
    return Verified(version=ref, status=WHOLE)


def _copy_file(store: Store, version: DatasetVersion, to: Path, progress: Progress) -> Path:
    target = to / versions.file_name_of(version) if to.is_dir() else to
    if target.exists() and not (target.is_file() and hash_file(target) == version.version):
        raise DataError(f"{target} is there already", hint="choose another --to, or move it away")
    store.objects.verify(version.version)
    copy_atomic(store.objects.path(version.version), target)
    progress(version.size_bytes)
    return target


def _copy_folder(store: Store, version: DatasetVersion, to: Path, progress: Callable[[int], None]) -> Path:
    manifest = folders.read_manifest(store.objects, version.version)
    if to.is_dir() and any(to.iterdir()):
        if folders.holds(to, manifest):
            return to
        raise DataError(
            f"{to} is there already, with other files", hint="choose another --to, or move it away"
        )
    if to.exists() and not to.is_dir():
        raise DataError(f"{to} is there already", hint="choose another --to, or move it away")
    folders.write(store.objects, manifest, to, read_only=False, progress=progress)
    return to
