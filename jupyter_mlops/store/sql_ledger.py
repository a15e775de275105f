"""The ledger in any SQL database, through SQLAlchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, select

from jupyter_mlops.errors import IntegrityError, NotFoundError
from jupyter_mlops.records.ref import Ref
from jupyter_mlops.store import rows, tables
from jupyter_mlops.store.database import reading, writing
from jupyter_mlops.store.rows import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection, Engine

    from jupyter_mlops.records.base import Record

# SQLite allows 999 variables in a statement of an old build.
_BATCH = 500
_rows = tables.records.c


class SqlLedger:
    """Append records and find them again by reference, kind, lookup key or kinship.

    Reading a project that has no database yet finds nothing and makes nothing.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._ready = False

    def append(self, *records: Record) -> None:
        """Append records in one transaction: all of them or none; one that is already there changes nothing.

        Raises:
            IntegrityError: when a reference is taken by a record with another content.
        """
        self._write(records, strict=True)

    def append_new(self, record: Record) -> Record:
        """Append a record unless its reference is taken; return what is on record under it."""
        self._write((record,), strict=False)
        return self.get(str(record.ref))

    def get(self, ref: str) -> Record:
        """Return the record ``kind/name[@version]``; the version may be a unique prefix, or missing for the newest.

        Raises:
            NotFoundError: when there is none, or several begin so; names what is near.
        """
        try:
            parsed = Ref.parse(ref)
        except ValueError:
            raise NotFoundError.of("record", ref, (), hint="a reference is kind/name@version") from None
        if parsed.kind not in KINDS:
            raise NotFoundError.of("kind of record", parsed.kind, KINDS)
        if not self._exists():
            raise NotFoundError.of(parsed.kind, _short(parsed), ())
        with reading(self.engine) as connection:
            found = connection.execute(_select().where(_rows.ref == ref)).first()
            if found is None:
                found = _near_match(connection, parsed)
        return _decode(found)

    def find(
        self, kind: str, name: str | None = None, lookup: str | None = None, limit: int | None = None
    ) -> list[Record]:
        """Return the records of a kind, newest first, narrowed down by name and lookup key."""
        if not self._exists():
            return []
        query = _select().where(_rows.kind == kind).order_by(_rows.id.desc())
        if name is not None:
            query = query.where(_rows.name == name)
        if lookup is not None:
            query = query.where(_rows.lookup == lookup)
        if limit is not None:
            query = query.limit(limit)
        with reading(self.engine) as connection:
            return [_decode(row) for row in connection.execute(query)]

    def names(self, kind: str) -> list[str]:
        """Return the names that records of a kind go by, sorted."""
        if not self._exists():
            return []
        with reading(self.engine) as connection:
            return _names(connection, kind)

    def parents(self, ref: str) -> list[Record]:
        """Return the records that the record ``ref`` was made from, in its own order; what isn't on record is left out.

        Raises:
            NotFoundError: when ``ref`` itself isn't on record.
        """
        wanted = self.get(ref).parents
        with reading(self.engine) as connection:
            among = [
                row
                for batch in _batches(wanted)
                for row in connection.execute(_select(_rows.ref).where(_rows.ref.in_(batch)))
            ]
        found = {row.ref: _decode(row) for row in among}
        return [found[parent] for parent in wanted if parent in found]

    def children(self, ref: str, kind: str | None = None) -> list[Record]:
        """Return the records made from the record ``ref``, newest first."""
        if not self._exists():
            return []
        kin = tables.record_parents.c
        query = _select().join(tables.record_parents, kin.child == _rows.ref).where(kin.parent == ref)
        if kind is not None:
            query = query.where(_rows.kind == kind)
        with reading(self.engine) as connection:
            return [_decode(row) for row in connection.execute(query.order_by(_rows.id.desc()))]

    def _exists(self) -> bool:
        self._ready = self._ready or tables.exist(self.engine)
        return self._ready

    def _write(self, records: Iterable[Record], *, strict: bool) -> None:
        fresh = {str(record.ref): record for record in records}
        if not self._exists():
            tables.create(self.engine)
        try:
            self._insert(fresh, strict=strict)
        except exc.IntegrityError:
            # Databases without SQLite's one-writer lock: another process took a reference since we looked.
            self._insert(fresh, strict=strict)

    def _insert(self, fresh: dict[str, Record], *, strict: bool) -> None:
        with writing(self.engine) as connection:
            taken = _digests(connection, fresh)
            if strict:
                _check_same(fresh, taken)
            new = {ref: record for ref, record in fresh.items() if ref not in taken}
            if not new:
                return
            connection.execute(
                tables.records.insert(), [rows.row(ref, record) for ref, record in new.items()]
            )
            kin = [
                {"child": ref, "parent": parent}
                for ref, record in new.items()
                for parent in dict.fromkeys(record.parents)
            ]
            if kin:
                connection.execute(tables.record_parents.insert(), kin)


def _select(*more: Any) -> Any:
    return select(_rows.kind, _rows.body, *more)


def _decode(row: Any) -> Record:
    return rows.decode(row.kind, row.body)


def _digests(connection: Connection, refs: Iterable[str]) -> dict[str, str]:
    return {
        row.ref: row.digest
        for batch in _batches(refs)
        for row in connection.execute(select(_rows.ref, _rows.digest).where(_rows.ref.in_(batch)))
    }


def _check_same(fresh: dict[str, Record], taken: dict[str, str]) -> None:
    for ref, digest in taken.items():
        if fresh[ref].digest() != digest:
            raise IntegrityError(
                f"{ref} is already on record with another content",
                hint="records are never changed; use a new version",
            )


def _near_match(connection: Connection, ref: Ref) -> Any:
    """Find what ``ref`` may mean: the newest version where it names none, the one whose version begins so."""
    same_name = select(_rows.kind, _rows.body, _rows.version).where(
        _rows.kind == ref.kind, _rows.name == ref.name
    )
    if not ref.version:
        newest = connection.execute(same_name.order_by(_rows.id.desc()).limit(1)).first()
        if newest is not None:
            return newest
        raise NotFoundError.of(ref.kind, _short(ref), _names(connection, ref.kind))
    begins = _rows.version.startswith(ref.version, autoescape=True)
    # Model versions are numbers: 1 is not short for 12.
    matches = [
        row for row in connection.execute(same_name.where(begins).limit(10)) if not row.version.isdigit()
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        several = ", ".join(row.version[: len(ref.version) + 8] for row in matches[:4])
        raise NotFoundError(f"{_short(ref)} may be several: {several}", hint="give more of the version")
    newest_first = connection.execute(same_name.order_by(_rows.id.desc()).limit(20))
    versions = [f"{ref.name}@{row.version[:12]}" for row in newest_first]
    raise NotFoundError.of(ref.kind, _short(ref), versions or _names(connection, ref.kind))


def _names(connection: Connection, kind: str) -> list[str]:
    return list(
        connection.scalars(select(_rows.name).where(_rows.kind == kind).distinct().order_by(_rows.name))
    )


def _short(ref: Ref) -> str:
    return f"{ref.name}@{ref.version}" if ref.version else ref.name


def _batches(items: Iterable[str]) -> list[list[str]]:
    listed = list(items)
    return [listed[start : start + _BATCH] for start in range(0, len(listed), _BATCH)]
