"""Move the rows of one database to another: their numbers, their order and every byte as they were."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, func, select, text

from jupyter_mlops.errors import IntegrityError, SettingsError
from jupyter_mlops.store import tables
from jupyter_mlops.store.database import MOVED, open_engine, reading, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Row

    Tick = Callable[[int], None]

# Each with the column that gives its order, and the one that says what is in a row.
_MOVED_TABLES = ((tables.records, "id", "digest"), (tables.audit, "seq", "hash"))
# SQLite allows 999 variables in a statement of an old build; links are asked for by so many references.
_BATCH = 500
_TRIGGER = "jupyter_mlops_moved"


class Moving:
    """Take the rows of ``source`` to ``target``, both URLs; what is there from an attempt before isn't taken again."""

    def __init__(self, source: str, target: str) -> None:
        self.source = open_engine(source)
        self.target = open_engine(target)
        self._compared = {table.name: 0 for table, _, _ in _MOVED_TABLES}

    def prepare(self) -> None:
        """Make the tables where they are missing, and see that nothing else is there.

        Raises:
            SettingsError: when the target holds anything but rows of the source, or can't be used.
        """
        tables.create(self.source)
        tables.create(self.target)
        with reading(self.source) as source, reading(self.target) as target:
            for table, key, digest in _MOVED_TABLES:
                column = table.c[key]
                last = target.scalar(select(func.max(column))) or 0
                here = select(func.count(), func.max(column)).where(column <= last)
                same = select(table.c[digest]).where(column == last)
                if tuple(source.execute(here).one()) != tuple(target.execute(here).one()) or (
                    source.scalar(same) != target.scalar(same)
                ):
                    raise SettingsError(
                        f"{self.target.url.render_as_string()} holds {table.name} that this project doesn't have",
                        hint="name an empty database",
                    )
        with writing(self.target) as target:
            _let_in(target)

    def missing(self) -> int:
        """Return how many rows are to be copied yet."""
        with reading(self.source) as source, reading(self.target) as target:
            return sum(_count(source, table) - _count(target, table) for table, _, _ in _MOVED_TABLES)

    def uncompared(self) -> int:
        """Return how many rows are to be compared yet."""
        with reading(self.source) as source:
            rest = (
                select(func.count()).where(table.c[key] > self._compared[table.name])
                for table, key, _ in _MOVED_TABLES
            )
            return sum(source.scalar(query) or 0 for query in rest)

    def copy(self, tick: Tick) -> None:
        """Copy what isn't there yet, in order; killed at any moment, the next call goes on."""
        for table, key, _ in _MOVED_TABLES:
            while batch := self._next(table, key):
                with writing(self.target) as target:
                    target.execute(table.insert(), [row._asdict() for row in batch])
                    if table is tables.records:
                        self._copy_links(target, [row.ref for row in batch])
                tick(len(batch))
        with writing(self.target) as target:
            _count_on(target)

    def compare(self, tick: Tick) -> dict[str, int]:
        """Hold every row of the one against the other's, from where the last comparison ended; return how many there are.

        Raises:
            IntegrityError: when a row isn't the same.
        """
        with reading(self.source) as source, reading(self.target) as target:
            for table, key, _ in _MOVED_TABLES:
                while batch := _after(source, table, key, self._compared[table.name]):
                    _check_same(table, batch, _after(target, table, key, self._compared[table.name]))
                    if table is tables.records:
                        refs = [row.ref for row in batch]
                        _check_same(tables.record_parents, _links(source, refs), _links(target, refs))
                    self._compared[table.name] = batch[-1]._asdict()[key]
                    tick(len(batch))
            every = (*(table for table, _, _ in _MOVED_TABLES), tables.record_parents)
            counts = {table.name: _count(target, table) for table in every}
            for table in every:
                if _count(source, table) != counts[table.name]:
                    raise IntegrityError(
                        f"{table.name}: the copy has {counts[table.name]} rows, more or fewer than there were",
                        hint="empty the new database and start again",
                    )
            return counts

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep everybody from writing to the source while the block runs, and from then on if it ends well."""
        with writing(self.source) as source:
            yield
            _keep_out(source)

    def _next(self, table: Table, key: str) -> list[Row[Any]]:
        with reading(self.target) as target:
            last = target.scalar(select(func.max(table.c[key]))) or 0
        with reading(self.source) as source:
            return _after(source, table, key, last)

    def _copy_links(self, target: Connection, refs: list[str]) -> None:
        with reading(self.source) as source:
            links = _links(source, refs)
        if links:
            target.execute(tables.record_parents.insert(), [link._asdict() for link in links])


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _after(connection: Connection, table: Table, key: str, last: int) -> list[Row[Any]]:
    column = table.c[key]
    return list(connection.execute(select(table).where(column > last).order_by(column).limit(_BATCH)))


def _links(connection: Connection, refs: list[str]) -> list[Row[Any]]:
    kin = tables.record_parents
    return sorted(connection.execute(select(kin).where(kin.c.child.in_(refs))))


def _check_same(table: Table, source: list[Row[Any]], target: list[Row[Any]]) -> None:
    if [tuple(row) for row in source] == [tuple(row) for row in target[: len(source)]]:
        return
    pairs = zip(source, [*target, *[None] * len(source)], strict=False)
    first = next(mine for mine, other in pairs if other is None or tuple(mine) != tuple(other))
    raise IntegrityError(
        f"{table.name} {first[0]} isn't in the copy as it was", hint="empty the new database and start again"
    )


def _count_on(connection: Connection) -> None:
    """Let new records get the numbers after those that were copied; SQLite does so by itself."""
    if connection.dialect.name == "postgresql":
        last = connection.scalar(select(func.max(tables.records.c.id)))
        if last is not None:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence('records', 'id'), :last)"), {"last": last}
            )
    # The planner is to know what is in the tables before anybody asks.
    connection.execute(text("ANALYZE"))


def _keep_out(connection: Connection) -> None:
    """Have the database refuse new rows: a program that still has the old settings must not write where nobody looks."""
    _let_in(connection)
    for table, _, _ in _MOVED_TABLES:
        if connection.dialect.name == "sqlite":
            body = f"BEGIN SELECT RAISE(ABORT, '{MOVED}'); END"
            connection.exec_driver_sql(
                f"CREATE TRIGGER {_TRIGGER}_{table.name} BEFORE INSERT ON {table.name} {body}"
            )
        else:
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {_TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN RAISE EXCEPTION '{MOVED}'; END $$"
            )
            connection.exec_driver_sql(
                f"CREATE TRIGGER {_TRIGGER}_{table.name} BEFORE INSERT ON {table.name}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {_TRIGGER}()"
            )


def _let_in(connection: Connection) -> None:
    for table, _, _ in _MOVED_TABLES:
        of = "" if connection.dialect.name == "sqlite" else f" ON {table.name}"
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {_TRIGGER}_{table.name}{of}")
