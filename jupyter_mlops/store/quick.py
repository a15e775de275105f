"""The ledger's everyday questions put to SQLite itself, which Python brings along.

Everything here may say that it can't (another database, older tables, a damaged file, a conflict): then the full ledger
does it, and explains what is wrong.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.store import anchors, new_file, rows
from jupyter_mlops.store.new_file import BUSY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_mlops.records.base import Record

_PREFIX = "sqlite:///"
_INSERT = (
    "INSERT INTO records (ref, kind, name, version, digest, lookup, created_at, body)"
    " VALUES (:ref, :kind, :name, :version, :digest, :lookup, :created_at, :body)"
)


class Quick:
    """Ask a SQLite file with the ledger's tables in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checked = False

    @classmethod
    def of(cls, url: str) -> Quick | None:
        """Return it for the URL of a SQLite file, None for any other."""
        path = url.removeprefix(_PREFIX)
        plain = url.startswith(_PREFIX) and path not in ("", ":memory:") and "?" not in path
        return cls(Path(path)) if plain else None

    def find(self, kind: str, name: str | None, lookup: str | None, limit: int | None) -> list[Record] | None:
        """Return the records of a kind, newest first; None where the full ledger must be asked."""
        if not self.path.exists():
            return []
        query = (
            "SELECT kind, body FROM records WHERE kind = :kind"
            + " AND name = :name" * (name is not None)
            + " AND lookup = :lookup" * (lookup is not None)
            + " ORDER BY id DESC LIMIT :limit"
        )
        values = {"kind": kind, "name": name, "lookup": lookup, "limit": -1 if limit is None else limit}
        try:
            with self._connected() as connection:
                return [rows.decode(*row) for row in connection.execute(query, values)]
        except sqlite3.Error:
            return None

    def get(self, ref: str) -> Record | None:
        """Return the record of exactly this reference; None where the full ledger must be asked."""
        try:
            with self._connected() as connection:
                found = connection.execute("SELECT kind, body FROM records WHERE ref = ?", (ref,)).fetchone()
        except sqlite3.Error:
            return None
        return rows.decode(*found) if found else None

    def append(self, records: Sequence[Record]) -> bool:
        """Append records in one transaction; False, and nothing done, where the full ledger must do it."""
        try:
            new_file.make(self.path)
            with self._connected() as connection:
                connection.execute("BEGIN IMMEDIATE")
                for record in records:
                    ref = str(record.ref)
                    connection.execute(_INSERT, rows.row(ref, record))
                    connection.executemany(
                        "INSERT INTO record_parents (child, parent) VALUES (?, ?)",
                        [(ref, parent) for parent in dict.fromkeys(record.parents)],
                    )
                connection.execute("COMMIT")
        except sqlite3.Error:
            return False
        anchors.appended(records)
        return True

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Open the file for this one question: no connection is inherited by a fork, or left open at exit."""
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        opened = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        with closing(opened) as connection:
            if not self._checked:
                (schema,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
                if schema != rows.SCHEMA:
                    raise sqlite3.DatabaseError
                self._checked = True
            connection.execute("PRAGMA synchronous=FULL")
            yield connection
