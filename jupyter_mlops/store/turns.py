"""Let one at a time do what two must not do at once: a file lock on one machine, PostgreSQL's lock between many."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_mlops.store.files import file_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.settings import Settings


@contextmanager
def turn(settings: Settings, name: str) -> Iterator[None]:
    """Hold the project's turn ``name`` while the block lasts; it is free again when its holder ends or dies."""
    url = settings.database_url("store")
    if url.startswith("sqlite"):
        with file_lock(settings.state / f"{name}.lock"):
            yield
        return
    from sqlalchemy import func, select

    from jupyter_mlops.store.database import open_engine, reading

    # The database's own lock; it goes with the transaction, and so with the connection of a process that was killed.
    number = int.from_bytes(hashlib.sha256(f"jupyter-mlops {name}".encode()).digest()[:8], signed=True)
    with reading(open_engine(url)) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(number)))
        yield
