"""The tables of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text, inspect, select

from jupyter_mlops.errors import IntegrityError
from jupyter_mlops.store.database import database_file, first_use, reading, writing
from jupyter_mlops.store.rows import SCHEMA

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

# Names for constraints, so that a migration can speak of them on every database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# `id` is the order of arrival: "newest first" must not hang on clocks.
records = Table(
    "records",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("ref", String(400), nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    Column("name", String(255), nullable=False),
    Column("version", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("lookup", String(255), nullable=False, default=""),
    Column("created_at", String(40), nullable=False, default=""),
    Column("body", Text, nullable=False),
    Index(None, "kind", "name", "version"),
    Index(None, "kind", "lookup"),
)

record_parents = Table(
    "record_parents",
    metadata,
    Column("child", String(400), primary_key=True),
    Column("parent", String(400), primary_key=True),
    Index(None, "parent"),
)

# The audit log: `hash` is that of `prev` and `body`; the other columns repeat what the body says, to filter by.
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("phase", String(20), nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Index(None, "actor"),
    Index(None, "action"),
    Index(None, "subject"),
)

schema_version = Table(
    "schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)


def exist(engine: Engine) -> bool:
    """Say whether the tables are there, without making a file.

    Raises:
        IntegrityError: when they were made by a newer version of the package.
    """
    path = database_file(engine)
    if path is not None and not path.is_file():
        return False
    with reading(engine) as connection:
        if not inspect(connection).has_table(schema_version.name):
            return False
        found = connection.scalar(select(schema_version.c.version).order_by(schema_version.c.version.desc()))
    if found is not None and found > SCHEMA:
        raise IntegrityError(
            f"the project's database has schema {found}, this version of jupyter-mlops knows {SCHEMA}",
            hint="upgrade jupyter-mlops",
        )
    return True


def create(engine: Engine) -> None:
    """Make the tables where they are missing, all or none; safe from several processes at once."""
    with first_use(engine):
        if exist(engine):
            return
        with writing(engine) as connection:
            metadata.create_all(connection)
            connection.execute(schema_version.insert().values(version=SCHEMA))
