"""Read numbers and aliases out of MLflow's SQLite file, without the five seconds its import takes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
# Deleted ones too: their numbers are never given again.
HIGHEST = "SELECT max(version) FROM model_versions WHERE name = ?"
_TIMEOUT = 30.0


def glance(file: Path, query: str, *values: str) -> list[tuple[Any, ...]] | None:
    """Return the rows of one of the queries above; ``None`` when MLflow's tables aren't as we know them.

    The caller then asks MLflow itself, so a new layout costs time, not truth.
    """
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT)) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.Error:
        return None
