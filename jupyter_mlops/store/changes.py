"""The ledger as a stream: what came after a place in it, in the order of arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from jupyter_mlops.store import rows, tables
from jupyter_mlops.store.database import open_engine, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jupyter_mlops.records.base import Record

_BATCH = 200


def since(url: str, place: int, kinds: Sequence[str]) -> Iterator[tuple[int, Record]]:
    """Yield each record of these kinds that came after ``place``, with its own place."""
    while True:
        found = _ask(url, lambda query, c: query.where(c.id > place, c.kind.in_(kinds)).limit(_BATCH))
        yield from found
        if len(found) < _BATCH:
            return
        place = found[-1][0]


def at(url: str, places: Sequence[int]) -> list[tuple[int, Record]]:
    """Return the records at these places."""
    return _ask(url, lambda query, c: query.where(c.id.in_(places))) if places else []


def _ask(url: str, narrow: Callable[[Any, Any], Any]) -> list[tuple[int, Record]]:
    engine, columns = open_engine(url), tables.records.c
    if not tables.exist(engine):
        return []
    query = select(columns.id, columns.kind, columns.body).order_by(columns.id)
    with reading(engine) as connection:
        return [
            (row.id, rows.decode(row.kind, row.body)) for row in connection.execute(narrow(query, columns))
        ]
