"""The ledger: what happened, in order, never changed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from jupyter_mlops.store.quick import Quick
from jupyter_mlops.store.rows import KINDS

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jupyter_mlops.records.base import Record
    from jupyter_mlops.store.sql_ledger import Reading, SqlLedger, Writing

__all__ = ["KINDS", "Ledger"]


class Ledger:
    """Append records and find them again by reference, kind, lookup key or kinship.

    Reading a project that has no database yet finds nothing and makes nothing. What a run with nothing to do asks is
    answered by SQLite itself where it can; SQLAlchemy, which takes longer to load than to answer, does the rest.

    Args:
        url: the database's, as SQLAlchemy writes it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._quick = Quick.of(url)

    @cached_property
    def _full(self) -> SqlLedger:
        from jupyter_mlops.store.database import open_engine
        from jupyter_mlops.store.sql_ledger import SqlLedger

        return SqlLedger(open_engine(self.url))

    def append(self, *records: Record) -> None:
        """Append records in one transaction: all of them or none; one that is already there changes nothing.

        Raises:
            IntegrityError: when a reference is taken by a record with another content.
        """
        if self._quick is None or not self._quick.append(records):
            with self.writing() as open_:
                open_.append(*records)

    def append_new(self, record: Record) -> Record:
        """Append a record unless its reference is taken; return what is on record under it."""
        if self._quick is not None and self._quick.append((record,)):
            return record
        with self.writing() as open_:
            return open_.append_new(record)

    def get(self, ref: str) -> Record:
        """Return the record ``kind/name[@version]``; the version may be a unique prefix, or missing for the newest.

        Raises:
            NotFoundError: when there is none, or several begin so; names what is near.
        """
        found = self._quick.get(ref) if self._quick is not None else None
        if found is not None:
            return found
        with self.reading() as open_:
            return open_.get(ref)

    def find(
        self, kind: str, name: str | None = None, lookup: str | None = None, limit: int | None = None
    ) -> list[Record]:
        """Return the records of a kind, newest first, narrowed down by name and lookup key."""
        found = self._quick.find(kind, name, lookup, limit) if self._quick is not None else None
        if found is not None:
            return found
        with self.reading() as open_:
            return open_.find(kind, name, lookup, limit)

    def names(self, kind: str) -> list[str]:
        """Return the names that records of a kind go by, sorted."""
        with self.reading() as open_:
            return open_.names(kind)

    def parents(self, ref: str) -> list[Record]:
        """Return the records that the record ``ref`` was made from, in its own order; what isn't on record is left out.

        Raises:
            NotFoundError: when ``ref`` itself isn't on record.
        """
        with self.reading() as open_:
            wanted = open_.get(ref).parents
            found = open_.among(wanted)
        return [found[parent] for parent in wanted if parent in found]

    def children(self, ref: str, kind: str | None = None) -> list[Record]:
        """Return the records made from the record ``ref``, newest first."""
        with self.reading() as open_:
            return [child for _, child in open_.made_from((ref,), () if kind is None else (kind,))]

    def reading(self) -> AbstractContextManager[Reading]:
        """Open a transaction that only reads: several questions to one state of the records."""
        return self._full.reading()

    def writing(self) -> AbstractContextManager[Writing]:
        """Open a transaction in which what was read stays true until what follows from it is appended.

        One such block runs at a time, of all processes: keep it short, and open no other one in it.
        """
        return self._full.writing()
