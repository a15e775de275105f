"""Open the SQL database so that several processes can write to it at once."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, exc
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError as DBAPIError  # noqa: PLC0414 - for those who must tell it from other errors
from sqlalchemy.pool import NullPool

from jupyter_mlops.errors import IntegrityError, SettingsError
from jupyter_mlops.store.files import file_lock
from jupyter_mlops.store.new_file import BUSY_SECONDS, keep_out_of_git, lock_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Connection, Engine

BUSY_MILLISECONDS = BUSY_SECONDS * 1000
CONNECT_SECONDS = 15
# What a database says to those who write to it when the project has moved to another one.
MOVED = "the project has moved to another database"
# What SQLite and PostgreSQL say when nobody let them have a turn.
_WAITED = ("database is locked", "lock timeout")
_WRITE = "jupyter_mlops_write"
# The number of the lock that writers of a PostgreSQL database wait for; any would do.
_WRITERS = 7_303_014


@lru_cache(maxsize=16)
def open_engine(url: str) -> Engine:
    """Return the engine for ``url``; nothing is connected to, and no file made, until it is used.

    It is the same one each time: what it has learnt of the database, and prepared, serves the next question too.
    SQLite and PostgreSQL get what several writing processes need; every other URL is SQLAlchemy's own business.

    Raises:
        SettingsError: when the URL doesn't parse or its driver isn't installed.
    """
    try:
        parsed = make_url(url)
        in_memory = parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:")
        # A connection of our own for each transaction: none is inherited by a fork, none left open at exit.
        pool = None if in_memory else NullPool
        engine = create_engine(parsed, poolclass=pool, connect_args=_arguments(parsed))
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise SettingsError(
            f"store = {without_password(url)!r} can't be opened: {error}",
            hint="mend the URL or install its driver",
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin_on_sqlite)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "begin", _begin_on_postgresql)
    return engine


def _arguments(url: URL) -> dict[str, Any]:
    """Let a server that doesn't answer be an error within seconds, not minutes."""
    on_server = url.get_backend_name() == "postgresql" and "connect_timeout" not in url.query
    return {"connect_timeout": CONNECT_SECONDS} if on_server else {}


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    return re.sub(r"(://[^/@:]*):.*@", r"\1:***@", url)


def database_file(engine: Engine) -> Path | None:
    """Return the file behind a SQLite engine; ``None`` for a database in memory or of another kind."""
    return _file_of(engine.dialect.name, engine.url.database)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads, and sees one state of the database for as long as it lasts.

    Raises:
        IntegrityError: when the file isn't a database.
    """
    with _explained(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that takes the write lock at once, waiting for its turn; committed when the block ends.

    Raises:
        IntegrityError: when the file isn't a database.
    """
    with _explained(engine), engine.execution_options(**{_WRITE: True}).begin() as connection:
        yield connection


@contextmanager
def first_use(engine: Engine) -> Iterator[None]:
    """Let one process at a time set a database up; a SQLite file is made and set to write-ahead logging."""
    path = database_file(engine)
    if path is None:
        yield
        return
    with file_lock(lock_of(path)):
        # Two processes that switch the journal at once fail at once, whatever the time-out; hence the lock.
        with _explained(engine), engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA journal_mode=WAL")
        keep_out_of_git(path.parent)
        yield


def _file_of(backend: str, database: str | None) -> Path | None:
    if backend != "sqlite" or database in (None, "", ":memory:"):
        return None
    return Path(str(database))


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = (
        None  # transactions begin where _begin says, not at the driver's first INSERT
    )
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_on_sqlite(connection: Connection) -> None:
    # A transaction that begins by reading and writes later can fail as "locked" without waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_on_postgresql(connection: Connection) -> None:
    if not _writes(connection):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return
    # One writer at a time, as on SQLite: what it has read stays true, and ids are in the order of commits.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_MILLISECONDS}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(_WRITE, False))


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except exc.DatabaseError as error:
        said = _explanation(engine, error)
        raise said from (None if said is error else error)


def _explanation(engine: Engine, error: exc.DatabaseError) -> Exception:
    shown = engine.url.render_as_string()
    said = next(iter(str(error.orig).splitlines()), "")
    if MOVED in said:
        return SettingsError(
            f"{shown}: {MOVED}", hint="mlops.toml names it; start the kernel or server again"
        )
    if isinstance(error, exc.IntegrityError):
        return error
    if isinstance(error, exc.OperationalError):
        if any(word in said for word in _WAITED):
            said = f"another program has held it for {BUSY_MILLISECONDS // 1000} s"
        return SettingsError(
            f"the database {shown} can't be used: {said}",
            hint="check that it exists, is writable and isn't held by a program that hangs",
        )
    if engine.dialect.name == "sqlite":
        return IntegrityError(f"the database {shown} is damaged: {said}", hint="restore it from a copy")
    return SettingsError(
        f"the database {shown} refuses: {said}",
        hint="the user in the URL needs the right to make, read and write tables there",
    )
