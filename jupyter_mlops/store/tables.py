"""The tables of the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    func,
    inspect,
    select,
)

from jupyter_mlops.errors import IntegrityError, UsageError
from jupyter_mlops.store.database import database_file, first_use, reading, writing
from jupyter_mlops.store.rows import LENGTHS, SCHEMA, revision

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

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
    Column("ref", String(LENGTHS["ref"]), nullable=False, unique=True),
    Column("kind", String(LENGTHS["kind"]), nullable=False),
    Column("name", String(LENGTHS["name"]), nullable=False),
    Column("version", String(LENGTHS["version"]), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("lookup", String(LENGTHS["lookup"]), nullable=False, default=""),
    Column("created_at", String(40), nullable=False, default=""),
    Column("body", Text, nullable=False),
    Index(None, "kind", "name", "version"),
    Index(None, "kind", "lookup"),
    Index(None, "kind", "id"),
    Index(None, "kind", "name", "id"),
)

record_parents = Table(
    "record_parents",
    metadata,
    Column("child", String(LENGTHS["ref"]), primary_key=True),
    Column("parent", String(LENGTHS["ref"]), primary_key=True),
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

# What every released version looks at before it touches the rest.
schema_version = Table(
    "schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)

# Alembic's own, as it makes it itself.
alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def exist(engine: Engine) -> bool:
    """Say whether the tables are there, without making a file; those of an older version are brought up to date.

    Raises:
        IntegrityError: when they were made by a newer version of the package.
    """
    path = database_file(engine)
    if path is not None and not path.is_file():
        return False
    with reading(engine) as connection:
        found = schema(connection)
    if found is not None and found < SCHEMA:
        create(engine)
    return found is not None


def create(engine: Engine) -> None:
    """Make the tables where they are missing, all or none; safe from several processes at once."""
    with first_use(engine), writing(engine) as connection:
        found = schema(connection)
        if found is None:
            metadata.create_all(connection)
            connection.execute(schema_version.insert().values(version=SCHEMA))
            connection.execute(alembic_version.insert().values(version_num=revision(SCHEMA)))
        elif found < SCHEMA:
            _move(connection, found, SCHEMA)


def change_schema(engine: Engine, wanted: int) -> None:
    """Take a database to the tables of another version of the package, back to one installed before this, say.

    Raises:
        UsageError: when there is no such schema, or no database.
    """
    check_schema(engine, wanted)
    with writing(engine) as connection:
        found = schema(connection)
        if found is not None and found != wanted:
            _move(connection, found, wanted)


def check_schema(engine: Engine, wanted: int) -> None:
    """Make sure that a database can be taken to a schema.

    Raises:
        UsageError: when there is no such schema, or no database.
    """
    if not 1 <= wanted <= SCHEMA:
        raise UsageError(f"there is no schema {wanted}", hint=f"there are 1 to {SCHEMA}")
    if not exist(engine):
        raise UsageError("the project has no database yet", hint="nothing has to be changed")


def schema(connection: Connection) -> int | None:
    """Return the version of the tables; None where there are none.

    Raises:
        IntegrityError: when they were made by a newer version of the package.
    """
    if not inspect(connection).has_table(schema_version.name):
        return None
    found: int | None = connection.scalar(select(func.max(schema_version.c.version)))
    if found is not None and found > SCHEMA:
        raise IntegrityError(
            f"the project's database has schema {found}, this version of jupyter-mlops knows {SCHEMA}",
            hint="upgrade jupyter-mlops",
        )
    return found


def _move(connection: Connection, found: int, wanted: int) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    if not inspect(connection).has_table(alembic_version.name):
        # The first release had no Alembic.
        command.stamp(config, revision(found))
    (command.upgrade if wanted > found else command.downgrade)(config, revision(wanted))
