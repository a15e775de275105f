"""A new SQLite database with the ledger's tables, made by what Python brings along.

The tables are those of ``store/tables.py``, as text: to load SQLAlchemy takes longer than all else that a new project's
first model or dataset costs.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from jupyter_mlops.settings import STATE
from jupyter_mlops.store.files import file_lock, write_atomic
from jupyter_mlops.store.rows import SCHEMA, revision

if TYPE_CHECKING:
    from pathlib import Path

BUSY_SECONDS = 30
_TABLES = """
CREATE TABLE records (
    id INTEGER NOT NULL, ref VARCHAR(400) NOT NULL, kind VARCHAR(40) NOT NULL, name VARCHAR(255) NOT NULL,
    version VARCHAR(100) NOT NULL, digest VARCHAR(64) NOT NULL, lookup VARCHAR(255) NOT NULL,
    created_at VARCHAR(40) NOT NULL, body TEXT NOT NULL,
    CONSTRAINT pk_records PRIMARY KEY (id), CONSTRAINT uq_records_ref UNIQUE (ref));
CREATE INDEX ix_records_kind_name_version ON records (kind, name, version);
CREATE INDEX ix_records_kind_lookup ON records (kind, lookup);
CREATE INDEX ix_records_kind_id ON records (kind, id);
CREATE INDEX ix_records_kind_name_id ON records (kind, name, id);
CREATE TABLE record_parents (
    child VARCHAR(400) NOT NULL, parent VARCHAR(400) NOT NULL,
    CONSTRAINT pk_record_parents PRIMARY KEY (child, parent));
CREATE INDEX ix_record_parents_parent ON record_parents (parent);
CREATE TABLE audit (
    seq INTEGER NOT NULL, at VARCHAR(40) NOT NULL, actor VARCHAR(255) NOT NULL, action VARCHAR(60) NOT NULL,
    subject VARCHAR(400) NOT NULL, phase VARCHAR(20) NOT NULL, prev VARCHAR(64) NOT NULL, hash VARCHAR(64) NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (seq), CONSTRAINT uq_audit_hash UNIQUE (hash));
CREATE INDEX ix_audit_action ON audit (action);
CREATE INDEX ix_audit_actor ON audit (actor);
CREATE INDEX ix_audit_subject ON audit (subject);
CREATE TABLE schema_version (version INTEGER NOT NULL, CONSTRAINT pk_schema_version PRIMARY KEY (version));
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
"""


def make(path: Path) -> bool:
    """Make the tables, all or none, in a file that isn't there or is empty; False, and nothing done, for any other.

    Raises:
        sqlite3.Error, OSError: when the file can't be written.
    """
    if path.exists() and path.stat().st_size:
        return False
    with file_lock(lock_of(path)), closing(_opened(path)) as connection:
        # Two processes that switch the journal at once fail at once, whatever the time-out; hence the lock.
        connection.execute("PRAGMA journal_mode=WAL")
        keep_out_of_git(path.parent)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO schema_version (version) VALUES (?)", (SCHEMA,))
            connection.execute("INSERT INTO alembic_version (version_num) VALUES (?)", (revision(SCHEMA),))
        connection.execute("COMMIT")
    return True


def lock_of(path: Path) -> Path:
    """Return the file that whoever sets a database up holds as a lock."""
    return path.with_name(path.name + ".lock")


def keep_out_of_git(folder: Path) -> None:
    """Let a project's own state never be committed by accident; it holds the data itself."""
    mark = folder / ".gitignore"
    if folder.name == STATE and not mark.exists():
        write_atomic(mark, b"*\n")


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
