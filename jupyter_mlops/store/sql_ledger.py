"""The ledger in any SQL database, through SQLAlchemy."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from jupyter_mlops.errors import IntegrityError, NotFoundError
from jupyter_mlops.records.ref import Ref
from jupyter_mlops.store import anchors, rows, tables
from jupyter_mlops.store.database import database_file, reading, writing
from jupyter_mlops.store.rows import KINDS, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection, Engine

    from jupyter_mlops.records.base import Record

# SQLite allows 999 variables in a statement of an old build.
_BATCH = 500
# So many names are looked through for one that comes close.
_NEAR = 1000
_rows = tables.records.c
_kin = tables.record_parents.c


class Reading:
    """The records as one transaction sees them; ``connection`` is None where there is no database yet."""

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection

    def get(self, ref: str) -> Record:
        """Return the record ``kind/name[@version]``; the version may be a unique prefix, or missing for the newest.

        Raises:
            NotFoundError: when there is none, or several begin so; names what is near.
        """
        found = self.seek(ref)
        if found is None:
            raise self._missed(ref)
        return found

    def seek(self, ref: str) -> Record | None:
        """Return likewise, None where there is none: it costs less than to say what is near.

        Raises:
            NotFoundError: when several begin so.
        """
        row = next(iter(self._execute(_select().where(_rows.ref == ref))), None)
        if row is not None:
            return _decode(row)
        kind, name, version = _parts(ref)
        same_name = _select(_rows.version).where(_rows.kind == kind, _rows.name == name)
        if not version:
            newest = same_name.order_by(_rows.id.desc()).limit(1)
            return next(map(_decode, self._execute(newest)), None)
        begins = same_name.where(_rows.version.startswith(version, autoescape=True)).limit(10)
        # Model versions are numbers: 1 is not short for 12.
        matches = [row for row in self._execute(begins) if not row.version.isdigit()]
        if len(matches) > 1:
            several = ", ".join(row.version[: len(version) + 8] for row in matches[:4])
            raise NotFoundError(
                f"{name}@{version} may be several: {several}", hint="give more of the version"
            )
        return _decode(matches[0]) if matches else None

    def find(
        self, kind: str, name: str | None = None, lookup: str | None = None, limit: int | None = None
    ) -> list[Record]:
        """Return the records of a kind, newest first, narrowed down by name and lookup key."""
        query = _select().where(_rows.kind == kind).order_by(_rows.id.desc())
        if name is not None:
            query = query.where(_rows.name == name)
        if lookup is not None:
            query = query.where(_rows.lookup == lookup)
        if limit is not None:
            query = query.limit(limit)
        return [_decode(row) for row in self._execute(query)]

    def names(self, kind: str, limit: int | None = None) -> list[str]:
        """Return the names that records of a kind go by, sorted; up to ``limit`` of them."""
        return [row.name for row in self._execute(_names(kind).limit(limit))]

    def among(self, refs: Iterable[str]) -> dict[str, Record]:
        """Return those of the exact references ``refs`` that are on record, with their records."""
        return {row.ref: _decode(row) for row in self._rows_of(_select(_rows.ref), refs)}

    def made_from(self, refs: Iterable[str], kinds: Iterable[str] = ()) -> list[tuple[str, Record]]:
        """Return what was made from each of ``refs``, newest first, as pairs of such a reference and a record."""
        # Two plain questions to two indexes: a join is planned by statistics, which a database that grows fast lacks.
        kin = select(_kin.parent, _kin.child)
        pairs = [row for batch in _batches(refs) for row in self._execute(kin.where(_kin.parent.in_(batch)))]
        query = _select(_rows.ref, _rows.id)
        wanted = list(kinds)
        if wanted:
            query = query.where(_rows.kind.in_(wanted))
        made = {row.ref: row for row in self._rows_of(query, {pair.child for pair in pairs})}
        decoded = {ref: _decode(row) for ref, row in made.items()}
        found = [(made[pair.child].id, pair) for pair in pairs if pair.child in made]
        found.sort(key=lambda each: -each[0])
        return [(pair.parent, decoded[pair.child]) for _, pair in found]

    def _missed(self, ref: str) -> NotFoundError:
        kind, name, version = _parts(ref)
        if not kind:
            return NotFoundError.of("record", ref, (), hint="a reference is kind/name@version")
        if kind not in KINDS:
            return NotFoundError.of("kind of record", kind, KINDS)
        same_name = select(_rows.version).where(_rows.kind == kind, _rows.name == name)
        newest = same_name.order_by(_rows.id.desc()).limit(20)
        versions = [f"{name}@{row.version[:12]}" for row in self._execute(newest)] if version else []
        asked = f"{name}@{version}" if version else name
        return NotFoundError.of(kind, asked, versions or self.names(kind, _NEAR))

    def _rows_of(self, query: Any, refs: Iterable[str]) -> Iterator[Any]:
        for batch in _batches(refs):
            yield from self._execute(query.where(_rows.ref.in_(batch)))

    def _execute(self, query: Any) -> Iterable[Any]:
        return () if self._connection is None else self._connection.execute(query)


class Writing(Reading):
    """The records in a transaction that nobody else writes beside: what was read stays true until it ends."""

    _connection: Connection

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.kept: list[Record] = []

    def append(self, *records: Record) -> None:
        """Append records; one that is already there changes nothing.

        Raises:
            IntegrityError: when a reference is taken by a record with another content.
        """
        fresh = {str(record.ref): record for record in records}
        taken = self._digests(fresh)
        for ref, digest in taken.items():
            if fresh[ref].digest() != digest:
                raise IntegrityError(
                    f"{ref} is already on record with another content",
                    hint="records are never changed; use a new version",
                )
        self._insert({ref: record for ref, record in fresh.items() if ref not in taken})
        self.kept += records

    def append_new(self, record: Record) -> Record:
        """Append a record unless its reference is taken; return what is on record under it."""
        ref = str(record.ref)
        found = self.among((ref,))
        if not found:
            self._insert({ref: record})
            self.kept.append(record)
        return found.get(ref, record)

    def _digests(self, refs: Iterable[str]) -> dict[str, str]:
        return {row.ref: row.digest for row in self._rows_of(select(_rows.ref, _rows.digest), refs)}

    def _insert(self, records: dict[str, Record]) -> None:
        kin = [
            {"child": ref, "parent": parent}
            for ref, record in records.items()
            for parent in dict.fromkeys(record.parents)
        ]
        if records:
            added = [rows.row(ref, record) for ref, record in records.items()]
            self._connection.execute(tables.records.insert(), added)
        if kin:
            self._connection.execute(tables.record_parents.insert(), kin)


class SqlLedger:
    """Open the records for reading and for writing; reading where no database is finds nothing and makes nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._ready = False

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Open a transaction that only reads."""
        path = database_file(self.engine)
        if path is not None and not path.is_file():
            yield Reading(None)
            return
        with reading(self.engine) as connection:
            found = SCHEMA if self._ready else tables.schema(connection)
            if found in (None, SCHEMA):
                self._ready = found is not None
                yield Reading(connection if self._ready else None)
                return
        # The tables of an older version are brought up to date first.
        tables.create(self.engine)
        with self.reading() as open_:
            yield open_

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Open a transaction that writes, one at a time for all processes; all of it is kept when the block ends, or none."""
        if not self._ready:
            tables.create(self.engine)
            self._ready = True
        with writing(self.engine) as connection:
            open_ = Writing(connection)
            yield open_
        anchors.appended(open_.kept)


def _select(*more: Any) -> Any:
    return select(_rows.kind, _rows.body, *more)


def _decode(row: Any) -> Record:
    return rows.decode(row.kind, row.body)


def _names(kind: str) -> Any:
    """Step from one name to the next in the index: thousands of records of one name cost no more than one."""
    first = select(func.min(_rows.name).label("name")).where(_rows.kind == kind).cte("names", recursive=True)
    following = (
        select(func.min(_rows.name)).where(_rows.kind == kind, _rows.name > first.c.name).scalar_subquery()
    )
    steps = first.union_all(select(following).where(first.c.name.is_not(None)))
    return select(steps.c.name).where(steps.c.name.is_not(None)).order_by(steps.c.name)


def _parts(ref: str) -> tuple[str, str, str]:
    try:
        parsed = Ref.parse(ref)
    except ValueError:
        return "", "", ""
    return parsed.kind, parsed.name, parsed.version


def _batches(items: Iterable[str]) -> list[list[str]]:
    listed = list(items)
    return [listed[start : start + _BATCH] for start in range(0, len(listed), _BATCH)]
