"""Put a dataset's content into the object store, and say what it looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jupyter_mlops.data import folders
from jupyter_mlops.data.frames import TABLES, read_frame, write_parquet
from jupyter_mlops.data.sources import file_name
from jupyter_mlops.errors import DataError
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.dataset import ContentKind, FileEntry, FolderManifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from jupyter_mlops.data.sources import Source
    from jupyter_mlops.store.copying import Progress
    from jupyter_mlops.store.objects import Objects

# A folder of more files than this isn't read as one table: it would take longer than recording it.
MOST_PARTS = 1_000


def _nothing() -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Kept:
    """Hold what was stored as ``version``; ``describe`` gives the record's rows and columns, if it is a table."""

    version: str
    format: str
    size_bytes: int
    content: ContentKind = "file"
    files: int = 1
    describe: Callable[[], dict[str, Any]] = field(default=_nothing)


def keep(objects: Objects, source: Source, progress: Progress) -> Kept:
    """Put the content of a source into the object store; a table that can't be read changes nothing.

    Args:
        objects: the store.
        source: a file, a folder or a frame.
        progress: is told the size of what was stored, in bytes, piece by piece.

    Raises:
        DataError: when it can't be read as what its suffix says, or changes meanwhile.
    """
    if source.frame is not None:
        return _keep_frame(objects, source.frame, progress)
    path = Path(source.path or ".")
    if path.is_dir():
        return _keep_folder(objects, path, progress)
    return _keep_file(objects, path, _suffix(file_name(source.label)), progress)


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error that says why a file can't be read."""
    return DataError(f"{path} can't be read: {error.strerror}", hint="check the file's permissions")


def is_part(path: str) -> bool:
    """Say whether a file in a folder is part of its table: what begins with ``_`` or ``.`` is about the table."""
    return not any(part.startswith(("_", ".")) for part in PurePosixPath(path).parts)


def _keep_file(objects: Objects, path: Path, form: str, progress: Progress) -> Kept:
    # Nothing is written before the file has proved readable.
    before = _state(path)
    described = _described(read_frame(path, form, name=path.name)) if form in TABLES else {}
    [entry] = _put(objects, {path: before}, progress)
    return Kept(version=entry.sha256, format=form, size_bytes=entry.size, describe=lambda: described)


def _keep_folder(objects: Objects, folder: Path, progress: Progress) -> Kept:
    files = folders.scan(folder)
    before = {path: _state(path) for path in files.values()}
    form, described = _described_parts(files)
    entries = dict(zip(before, _put(objects, before, progress), strict=True))
    manifest = FolderManifest(files={name: entries[path] for name, path in files.items()})
    # The manifest comes last: who finds it finds the files.
    return Kept(
        version=objects.put_bytes(canonical_json(manifest)),
        format=form,
        size_bytes=manifest.size_bytes,
        content="folder",
        files=len(manifest.files),
        describe=lambda: described,
    )


def _keep_frame(objects: Objects, frame: pd.DataFrame, progress: Progress) -> Kept:
    data = write_parquet(frame)
    digest = objects.put_bytes(data)
    progress(len(data))
    return Kept(version=digest, format="parquet", size_bytes=len(data), describe=partial(_described, frame))


def _put(
    objects: Objects, before: Mapping[Path, tuple[int, int, int]], progress: Progress
) -> list[FileEntry]:
    """Store files; what was found out about them before must hold for what was stored."""
    try:
        digests = objects.put_many(before, progress=progress)
    except OSError as error:
        raise unreadable(Path(error.filename or ""), error) from error
    for path, state in before.items():
        if _state(path) != state:
            raise DataError(
                f"{path} was changed while it was recorded", hint="record it again when it is written"
            )
    return [
        FileEntry(sha256=digest, size=state[0])
        for digest, state in zip(digests, before.values(), strict=True)
    ]


def _state(path: Path) -> tuple[int, int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    return state.st_size, state.st_mtime_ns, state.st_ino


def _described(frame: pd.DataFrame) -> dict[str, Any]:
    from jupyter_mlops.data.profiles import columns_of

    return {"rows": len(frame), "columns": columns_of(frame)}


def _described_parts(files: Mapping[str, Path]) -> tuple[str, dict[str, Any]]:
    """Return the suffix that all files of a folder have, and what they are as one table, if they are one."""
    parts = {name: path for name, path in files.items() if is_part(name)}
    suffixes = {_suffix(name) for name in parts}
    form = suffixes.pop() if len(suffixes) == 1 else ""
    if form not in TABLES or len(parts) > MOST_PARTS:
        return form, {}
    import pandas as pd

    try:
        frames = [read_frame(path, form) for path in parts.values()]
    except DataError:
        return form, {}
    if any(list(frame.columns) != list(frames[0].columns) for frame in frames):
        return form, {}
    return form, _described(pd.concat(frames, ignore_index=True))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.removeprefix(".").lower()
