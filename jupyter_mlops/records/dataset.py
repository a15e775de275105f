"""A dataset version: what the content was, and what it looked like."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.ref import Ref

ColumnKind = Literal["numeric", "categorical", "boolean", "date", "text", "other"]


class Column(Value, frozen=True, kw_only=True):
    """Describe a column: its type, and the profile that drift is measured against."""

    name: str
    dtype: str
    kind: ColumnKind
    missing: int = 0
    profile: dict[str, Any] = msgspec.field(default_factory=dict)


class DatasetVersion(Record, frozen=True, kw_only=True):
    """Record a dataset's content: ``version`` is its SHA-256 and its name in the object store.

    ``rows`` and ``columns`` are there where the content is a table; ``format`` is the file's suffix without dot.
    """

    name: str
    version: str
    source: str
    format: str
    size_bytes: int
    rows: int | None = None
    columns: tuple[Column, ...] = ()

    @property
    def ref(self) -> Ref:
        """``dataset/<name>@<sha256>``."""
        return Ref("dataset", self.name, self.version)
