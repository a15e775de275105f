"""The ledger as a stream: what came after a place in it, in the order of arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from jupyter_mlops.store import rows, tables
from jupyter_mlops.store.database import open_engine, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_mlops.records.base import Record

_BATCH = 200


def since(url: str, place: int, kinds: Sequence[str]) -> Iterator[tuple[int, Record]]:
    """Yield each record of these kinds that came after ``place``, with its own place."""
    columns = tables.records.c
    while True:
        found = _ask(url, columns.id > place, columns.kind.in_(kinds))
        yield from found
        if len(found) < _BATCH:
            return
        place = found[-1][0]


def at(url: str, places: Sequence[int]) -> list[tuple[int, Record]]:
    """Return the records at these places."""
    return _ask(url, tables.records.c.id.in_(places)) if places else []


def _ask(url: str, *conditions: Any) -> list[tuple[int, Record]]:
    engine, columns = open_engine(url), tables.records.c
    if not tables.exist(engine):
        return []
    query = select(columns.id, columns.kind, columns.body).where(*conditions).order_by(columns.id)
    with reading(engine) as connection:
        found = connection.execute(query.limit(_BATCH))
        return [(row.id, rows.decode(row.kind, row.body)) for row in found]
