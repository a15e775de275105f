"""A dataset version: what the content was, and what it looked like."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.ref import Ref

ColumnKind = Literal["numeric", "categorical", "boolean", "date", "text", "other"]
ContentKind = Literal["file", "folder"]


class Column(Value, frozen=True, kw_only=True):
    """Describe a column: its type, and the profile that drift is measured against."""

    name: str
    dtype: str
    kind: ColumnKind
    missing: int = 0
    profile: dict[str, Any] = msgspec.field(default_factory=dict)


class FileEntry(Value, frozen=True, kw_only=True):
    """Name a file's content in a folder by its SHA-256, and its size in bytes."""

    sha256: str
    size: int


class FolderManifest(Value, frozen=True, kw_only=True):
    """List a folder's files by their path in it, with ``/`` between its parts.

    Its canonical JSON is the folder's content in the object store, and the SHA-256 of that the folder's version.
    """

    schema_version: int = 1
    files: dict[str, FileEntry]

    @property
    def size_bytes(self) -> int:
        """The files' sizes together."""
        return sum(entry.size for entry in self.files.values())


class DatasetVersion(Record, frozen=True, kw_only=True):
    """Record a dataset's content: ``version`` is its SHA-256 and its name in the object store.

    ``content`` says what is stored under it: a file's bytes, or the manifest of a folder of ``files`` files.
    ``source`` is a path, a URL without credentials, or ``frame``; ``query`` what a database was asked.
    ``rows`` and ``columns`` are there where the content is a table; ``format`` is the files' suffix without dot.
    ``parents`` are the versions that it was derived from.
    """

    name: str
    version: str
    source: str
    format: str
    size_bytes: int
    rows: int | None = None
    columns: tuple[Column, ...] = ()
    content: ContentKind = "file"
    files: int = 1
    query: str = ""

    @property
    def ref(self) -> Ref:
        """``dataset/<name>@<sha256>``."""
        return Ref("dataset", self.name, self.version)


class Collection(Record, frozen=True, kw_only=True):
    """Record that contents were taken out of the object store on purpose, before the first of them goes.

    ``versions`` are the references whose content went; ``contents`` counts the objects, ``size_bytes`` sums them.
    """

    collection_id: str
    versions: tuple[str, ...] = ()
    contents: int = 0
    size_bytes: int = 0

    @property
    def ref(self) -> Ref:
        """``collection/<id>``."""
        return Ref("collection", self.collection_id)
