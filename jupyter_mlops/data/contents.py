"""What a dataset's content is, a file, a folder or a frame: looked at first, stored afterwards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from jupyter_mlops.data import folders
from jupyter_mlops.data.frames import TABLES, read_parts, write_parquet
from jupyter_mlops.data.sources import file_name
from jupyter_mlops.errors import DataError
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.dataset import ContentKind, FileEntry, FolderManifest
from jupyter_mlops.store.files import hash_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from jupyter_mlops.data.profiles import Profile
    from jupyter_mlops.data.sources import Source
    from jupyter_mlops.store.copying import Progress
    from jupyter_mlops.store.objects import Objects

# A folder of more files than this isn't read as one table: it would take longer than recording it.
MOST_PARTS = 1_000


class State(NamedTuple):
    """A file's size, time and inode: what changes when somebody writes to it."""

    size: int
    time: int
    inode: int


class Content(Protocol):
    """Know a content before it is stored."""

    kind: ClassVar[ContentKind]

    @property
    def form(self) -> str:
        """The suffix of its files, without dot."""

    @property
    def size_bytes(self) -> int:
        """The size of its files together."""

    @property
    def files(self) -> int:
        """How many files it has."""

    def digest(self) -> str:
        """Return the version that it would be stored as."""

    def describe(self) -> dict[str, Any]:
        """Return its rows and columns; empty where it is no table.

        Raises:
            DataError: when it can't be read as what its suffix says.
        """

    def put(self, objects: Objects, progress: Progress) -> str:
        """Store it; return its version.

        Raises:
            DataError: when it isn't what was looked at any more.
        """


def look(source: Source) -> Content:
    """Return what a source holds; nothing is stored yet.

    Raises:
        DataError: when it can't be read, or a frame can't be kept as Parquet.
    """
    if source.frame is not None:
        return FrameContent(source.frame, write_parquet(source.frame))
    path = Path(source.path or ".")
    if path.is_dir():
        files = folders.scan(path)
        return FolderContent(files, {place: _state(place) for place in files.values()}, _common_suffix(files))
    return FileContent(path, _state(path), _suffix(file_name(source.label)))


def is_part(path: str) -> bool:
    """Say whether a file in a folder is part of its table: what begins with ``_`` or ``.`` is about the table."""
    return not any(part.startswith(("_", ".")) for part in PurePosixPath(path).parts)


@dataclass(frozen=True)
class FileContent:
    """A file."""

    path: Path
    state: State
    form: str
    kind: ClassVar[ContentKind] = "file"
    files: ClassVar[int] = 1

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return self.state.size

    def digest(self) -> str:
        """Return the SHA-256 of the file."""
        try:
            return hash_file(self.path)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def describe(self) -> dict[str, Any]:
        """Return rows and columns where its suffix is a table's."""
        if self.form not in TABLES:
            return {}
        try:
            return _described([self.path], self.form)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def put(self, objects: Objects, progress: Progress) -> str:
        """Store the file; return its SHA-256."""
        [entry] = _put(objects, {self.path: self.state}, progress)
        return entry.sha256


@dataclass(frozen=True)
class FolderContent:
    """A folder: the files' paths in it, and the state of each; ``form`` is the suffix of all, if they have one."""

    paths: Mapping[str, Path]
    states: Mapping[Path, State]
    form: str
    kind: ClassVar[ContentKind] = "folder"

    @property
    def size_bytes(self) -> int:
        """The files' sizes together."""
        return sum(self.states[path].size for path in self.paths.values())

    @property
    def files(self) -> int:
        """How many files are in it."""
        return len(self.paths)

    def digest(self) -> str:
        """Return the SHA-256 of the manifest."""
        try:
            found = [
                FileEntry(sha256=hash_file(path), size=state.size) for path, state in self.states.items()
            ]
        except OSError as error:
            raise _unreadable(Path(error.filename or ""), error) from error
        return hashlib.sha256(self._manifest(found)).hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return rows and columns where all files are tables with the same columns."""
        parts = [path for name, path in self.paths.items() if is_part(name)]
        if self.form not in TABLES or len(parts) > MOST_PARTS:
            return {}
        try:
            return _described(parts, self.form)
        except DataError:
            return {}

    def put(self, objects: Objects, progress: Progress) -> str:
        """Store the files, then the manifest: who finds it finds the files."""
        return objects.put_bytes(self._manifest(_put(objects, self.states, progress)))

    def _manifest(self, entries: list[FileEntry]) -> bytes:
        found = dict(zip(self.states, entries, strict=True))
        return canonical_json(FolderManifest(files={name: found[path] for name, path in self.paths.items()}))


@dataclass(frozen=True)
class FrameContent:
    """A frame, and what it is as Parquet."""

    frame: pd.DataFrame
    data: bytes
    form: str = "parquet"
    kind: ClassVar[ContentKind] = "file"
    files: ClassVar[int] = 1

    @property
    def size_bytes(self) -> int:
        """The size of the Parquet file."""
        return len(self.data)

    def digest(self) -> str:
        """Return the SHA-256 of the Parquet file."""
        return hashlib.sha256(self.data).hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return rows and columns."""
        from jupyter_mlops.data.profiles import Profile

        return _fields(Profile.of([self.frame]))

    def put(self, objects: Objects, progress: Progress) -> str:
        """Store the Parquet file; return its SHA-256."""
        digest = objects.put_bytes(self.data)
        progress(len(self.data))
        return digest


def _put(objects: Objects, states: Mapping[Path, State], progress: Progress) -> list[FileEntry]:
    """Store files; what was found out about them before must hold for what was stored."""
    try:
        digests = objects.put_many(states, progress=progress)
    except OSError as error:
        raise _unreadable(Path(error.filename or ""), error) from error
    for path, state in states.items():
        if _state(path) != state:
            raise DataError(
                f"{path} was changed while it was recorded", hint="record it again when it is written"
            )
    return [
        FileEntry(sha256=digest, size=state.size)
        for digest, state in zip(digests, states.values(), strict=True)
    ]


def _state(path: Path) -> State:
    try:
        state = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return State(state.st_size, state.st_mtime_ns, state.st_ino)


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} can't be read: {error.strerror}", hint="check the file's permissions")


def _described(paths: Sequence[Path], form: str) -> dict[str, Any]:
    """Return rows and columns of a table that is in one file or in several, reading each once, part by part.

    Where a text file's column begins with numbers and goes on with words, it is words, and all is read once more.
    """
    from jupyter_mlops.data.profiles import Profile

    words: set[str] = set()
    while True:
        profile = Profile()
        for path in paths:
            for part in read_parts(path, form, name=path.name, words=words):
                profile.add(part)
        mixed = set(profile.mixed) if form in ("csv", "tsv") else set()
        if mixed <= words:
            return _fields(profile)
        words |= mixed


def _fields(profile: Profile) -> dict[str, Any]:
    return {"rows": profile.rows, "columns": profile.columns()}


def _common_suffix(names: Mapping[str, Path]) -> str:
    suffixes = {_suffix(name) for name in names if is_part(name)}
    return suffixes.pop() if len(suffixes) == 1 else ""


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.removeprefix(".").lower()
