"""Folders as dataset versions: a manifest of what is in them, and the way back to a folder."""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.errors import DataError, IntegrityError
from jupyter_mlops.records.base import from_json
from jupyter_mlops.records.dataset import FolderManifest
from jupyter_mlops.store.files import copy_hashing, hash_file, sync_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_mlops.store.objects import Objects

READ_ONLY = 0o444


def scan(folder: Path) -> dict[str, Path]:
    """Return the files in a folder and below: path in it (``/`` between the parts) to place, sorted by path.

    A link to a file of the same folder counts as that file. Empty folders hold no content.

    Raises:
        DataError: when something in it is no file: a link that leads out of it or to a folder, a pipe, a device;
            or a name is no text; or there is no file in it.
    """
    root = folder.resolve()
    found = dict(sorted(_walk(root, root, "")))
    if not found:
        raise DataError(f"{folder} has no files in it", hint="an empty folder is no dataset")
    return found


def read_manifest(objects: Objects, version: str) -> FolderManifest:
    """Return the manifest that is stored as ``version``.

    Raises:
        NotFoundError: when it is gone.
        IntegrityError: when it was changed, or names a path that leads out of the folder.
    """
    try:
        manifest = from_json(objects.read(version), FolderManifest)
    except msgspec.DecodeError as error:
        raise IntegrityError(
            f"the stored folder {version[:12]} has no manifest: {error}", hint="record the folder again"
        ) from None
    check_paths(manifest, version)
    return manifest


def stays_inside(name: str) -> bool:
    """Say whether a path, with ``/`` between its parts, names something in the folder that it starts from."""
    path = PurePosixPath(name)
    plain = name not in ("", ".") and str(path) == name and "\0" not in name
    return plain and not path.is_absolute() and ".." not in path.parts


def check_paths(manifest: FolderManifest, version: str) -> None:
    """Check that every path of a manifest stays in the folder, and that none is a file and a folder at once.

    Raises:
        IntegrityError: when one doesn't.
    """
    for name in manifest.files:
        if not stays_inside(name):
            raise IntegrityError(
                f"the stored folder {version[:12]} names a path that leads out of it: {name!r}",
                hint="don't use it; it wasn't written by this package",
            )
        path = PurePosixPath(name)
        above = next((str(parent) for parent in path.parents if str(parent) in manifest.files), None)
        if above is not None:
            raise IntegrityError(
                f"the stored folder {version[:12]} has {above!r} as a file and as a folder",
                hint="don't use it; it wasn't written by this package",
            )


def holds(folder: Path, manifest: FolderManifest) -> bool:
    """Say whether a folder has exactly the manifest's files, each with its content."""
    try:
        found = scan(folder)
    except (DataError, OSError):
        return False
    if found.keys() != manifest.files.keys():
        return False
    same_sizes = all(found[name].stat().st_size == entry.size for name, entry in manifest.files.items())
    return same_sizes and all(
        hash_file(found[name]) == entry.sha256 for name, entry in manifest.files.items()
    )


def write(
    objects: Objects,
    manifest: FolderManifest,
    folder: Path,
    *,
    read_only: bool = True,
    progress: Callable[[int], None] = lambda _size: None,
) -> None:
    """Write a manifest's files to ``folder``, which appears in one step or not at all; one that is there is replaced.

    Args:
        objects: where the contents are.
        manifest: the files, with paths that were checked.
        folder: where to.
        read_only: whether the files are protected against writing.
        progress: is told the size of each file that is written, in bytes.

    Raises:
        NotFoundError: when a content is gone.
        IntegrityError: when a stored content was changed.
    """
    temporary = folder.parent / f".{uuid.uuid4().hex}.tmp"
    temporary.mkdir(parents=True)
    try:
        for name, entry in manifest.files.items():
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(objects.path(entry.sha256), target, entry.sha256, read_only=read_only)
            progress(entry.size)
        _put_in_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_file(folder.parent)


def _walk(root: Path, folder: Path, above: str) -> Iterator[tuple[str, Path]]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise DataError(f"{folder} can't be read: {error.strerror}", hint="check its permissions") from None
    for entry in entries:
        name = f"{above}{entry.name}"
        place = Path(entry.path)
        if not _is_text(name):
            raise DataError(f"a name in {folder} is no text: {entry.name!r}", hint="rename the file")
        if entry.is_symlink():
            yield name, _linked(root, place, name)
        elif entry.is_dir():
            yield from _walk(root, place, f"{name}/")
        elif entry.is_file():
            yield name, place
        else:
            raise DataError(f"{place} is {_what(place)}, not a file", hint="take it out of the folder")


def _linked(root: Path, place: Path, name: str) -> Path:
    target = Path(os.path.realpath(place))
    if not target.is_relative_to(root):
        raise DataError(
            f"{name} in {root} is a link that leads out of the folder, to {target}",
            hint="put a copy of the file in its place",
        )
    if not target.is_file():
        what = "a folder" if target.is_dir() else "no file"
        raise DataError(f"{name} in {root} is a link to {what}", hint="take it out of the folder")
    return target


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _what(path: Path) -> str:
    mode = path.lstat().st_mode
    kinds = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((what for test, what in kinds if test(mode)), "a device")


def _copy(source: Path, target: Path, digest: str, *, read_only: bool) -> None:
    with source.open("rb") as stored, target.open("xb") as copy:
        if copy_hashing(stored, copy) != digest:
            raise IntegrityError(
                f"the stored content {digest[:12]} was changed", hint="restore the object store from a copy"
            )
        if read_only:
            os.fchmod(copy.fileno(), READ_ONLY)


def _put_in_place(temporary: Path, folder: Path) -> None:
    if not folder.exists():
        temporary.rename(folder)
        return
    # A folder that isn't empty can't be replaced in one step: the old one goes aside first.
    aside = folder.parent / f".{uuid.uuid4().hex}.tmp"
    folder.rename(aside)
    temporary.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)
