"""The audit log's table, asked in plain SQL: SQLite through what Python brings along, the rest through SQLAlchemy."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.store import new_file
from jupyter_mlops.store.new_file import BUSY_SECONDS
from jupyter_mlops.store.quick import Quick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy.engine import Engine

    Execute = Callable[..., Iterator[tuple[Any, ...]]]

# In SQLite a column of text may hold bytes, which look the same and which no question for that text finds.
_LINES = (
    "SELECT seq, '' FROM audit WHERE typeof(at) || typeof(actor) || typeof(action) || typeof(subject)"
    " || typeof(phase) || typeof(prev) || typeof(hash) || typeof(body) <> 'texttexttexttexttexttexttexttext'"
)
_RECORDS = (
    "SELECT 0, ref FROM records WHERE typeof(ref) || typeof(kind) || typeof(name) || typeof(version)"
    " || typeof(digest) || typeof(lookup) || typeof(created_at) || typeof(body)"
    " <> 'texttexttexttexttexttexttexttext'"
)


class AuditRows:
    """Open the database for one transaction at a time; ``execute(sql, values)`` gives rows of text and numbers.

    Args:
        url: the ledger's database, as SQLAlchemy writes it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        quick = Quick.of(url)
        self._file = quick.path if quick is not None else None

    @contextmanager
    def writing(self) -> Iterator[Execute]:
        """Open a transaction that is the only one that writes; the tables are made where they are missing.

        Raises:
            sqlite3.Error, OSError, SettingsError: when the database can't be written.
        """
        if self._file is None:
            with self._writing_elsewhere() as execute:
                yield execute
            return
        with closing(self._ready(self._file)) as connection:
            yield lambda sql, values=(): iter(connection.execute(sql, values))
            connection.execute("COMMIT")

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep a SQLite file open: else each transaction, the last to close it, moves its write-ahead log at once."""
        with ExitStack() as stack:
            if self._file is not None and self._file.exists():
                with suppress(sqlite3.Error):  # whoever writes to it says what is wrong with it
                    connection = stack.enter_context(closing(_connect(self._file, "rw")))
                    connection.execute("SELECT 1 FROM audit LIMIT 1").fetchall()
            yield

    @contextmanager
    def reading(self) -> Iterator[Execute | None]:
        """Open a transaction that only reads, of one state of the database; None where there is no table yet.

        Text comes as the bytes that are stored, so that nothing in it can keep a check from going on.

        Raises:
            sqlite3.Error, SettingsError: when the database can't be read.
        """
        from jupyter_mlops.store import tables

        if not tables.exist(self._engine):
            yield None
        elif self._file is None:
            with self._reading_elsewhere() as execute:
                yield execute
        else:
            with closing(_connect(self._file, "ro")) as connection:
                connection.text_factory = bytes
                connection.execute("BEGIN")
                yield lambda sql, values=(): iter(connection.execute(sql, values))

    def no_text(self, execute: Execute) -> Iterator[tuple[int, str]]:
        """Yield the lines, or the records by reference, that hold something else where text belongs."""
        for question in (_LINES, _RECORDS) if self._file is not None else ():
            for seq, ref in execute(question):
                yield seq, ref.decode(errors="replace") if isinstance(ref, bytes) else repr(ref)

    @cached_property
    def _engine(self) -> Engine:
        from jupyter_mlops.store.database import open_engine

        return open_engine(self._url)

    def _ready(self, path: Path) -> sqlite3.Connection:
        """Return a connection that holds the write lock, with the table there."""
        try:
            return _begun(path)
        except sqlite3.OperationalError:
            with suppress(sqlite3.Error):
                if new_file.make(path):
                    return _begun(path)
            # No table yet in what is there: the full ledger makes it, or says what is wrong.
            from jupyter_mlops.store import tables

            tables.create(self._engine)
            return _begun(path)

    @contextmanager
    def _writing_elsewhere(self) -> Iterator[Execute]:
        from sqlalchemy import text

        from jupyter_mlops.store import tables
        from jupyter_mlops.store.database import writing

        if not tables.exist(self._engine):
            tables.create(self._engine)
        with writing(self._engine) as connection:

            def execute(sql: str, values: Mapping[str, Any] = {}) -> Iterator[tuple[Any, ...]]:
                result = connection.execute(text(sql), values)
                return iter([tuple(row) for row in result] if result.returns_rows else ())

            yield execute

    @contextmanager
    def _reading_elsewhere(self) -> Iterator[Execute]:
        from sqlalchemy import text

        from jupyter_mlops.store.database import reading

        with reading(self._engine) as connection, ExitStack() as opened:

            def execute(sql: str, values: Mapping[str, Any] = {}) -> Iterator[tuple[Any, ...]]:
                streamed = connection.execution_options(yield_per=2000).execute(text(sql), values)
                # Whoever reads the first row only leaves the rest waiting at the server.
                opened.callback(streamed.close)
                return (tuple(_as_bytes(value) for value in row) for row in streamed)

            yield execute


def _begun(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "rw")
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SELECT 1 FROM audit LIMIT 1")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _as_bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
