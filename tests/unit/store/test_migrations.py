from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

from jupyter_mlops.errors import SettingsError, UsageError
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.store import new_file, tables
from jupyter_mlops.store.database import first_use, open_engine, reading, writing
from jupyter_mlops.store.ledger import Ledger
from jupyter_mlops.store.rows import SCHEMA, revision, row

# Word for word what the first release made.
FIRST = """
CREATE TABLE records (
  id {serial} NOT NULL, ref VARCHAR(400) NOT NULL, kind VARCHAR(40) NOT NULL, name VARCHAR(255) NOT NULL,
  version VARCHAR(100) NOT NULL, digest VARCHAR(64) NOT NULL, lookup VARCHAR(255) NOT NULL,
  created_at VARCHAR(40) NOT NULL, body TEXT NOT NULL,
  CONSTRAINT pk_records PRIMARY KEY (id), CONSTRAINT uq_records_ref UNIQUE (ref)
);
CREATE INDEX ix_records_kind_lookup ON records (kind, lookup);
CREATE INDEX ix_records_kind_name_version ON records (kind, name, version);
CREATE TABLE record_parents (
  child VARCHAR(400) NOT NULL, parent VARCHAR(400) NOT NULL, CONSTRAINT pk_record_parents PRIMARY KEY (child, parent)
);
CREATE INDEX ix_record_parents_parent ON record_parents (parent);
CREATE TABLE schema_version (version INTEGER NOT NULL, CONSTRAINT pk_schema_version PRIMARY KEY (version));
INSERT INTO schema_version (version) VALUES (1)
"""


def dataset(number: int) -> DatasetVersion:
    return DatasetVersion(name="d", version=str(number), source="s", format="csv", size_bytes=1)


@pytest.fixture
def released(store_url: str) -> Engine:
    """A database as the first release left it, with two records."""
    if store_url.startswith("sqlite"):
        Path(store_url.removeprefix("sqlite:///")).parent.mkdir()
    engine = open_engine(store_url)
    with writing(engine) as connection:
        serial = "INTEGER" if engine.dialect.name == "sqlite" else "BIGSERIAL"
        for statement in FIRST.format(serial=serial).split(";"):
            connection.execute(text(statement))
        for number in (1, 2):
            values = row(f"dataset/d@{number}", dataset(number))
            connection.execute(tables.records.insert().values(**values))
    return engine


def schema(engine: Engine) -> dict[str, Any]:
    """Describe every table, column, index and constraint, as the database itself tells."""
    found: dict[str, Any] = {}
    with reading(engine) as connection:
        seen = inspect(connection)
        for table in seen.get_table_names():
            columns = [{**one, "type": str(one["type"])} for one in seen.get_columns(table)]
            indexes = sorted(map(str, seen.get_indexes(table)))
            unique = sorted(map(str, seen.get_unique_constraints(table)))
            found[table] = (columns, indexes, unique, seen.get_pk_constraint(table))
    return found


def add_to_audit(engine: Engine) -> None:
    with writing(engine) as connection:
        said = dict.fromkeys(("at", "actor", "action", "subject", "phase", "prev", "hash", "body"), "x")
        connection.execute(tables.audit.insert().values(seq=1, **said))


def test_migrated_forward_it_is_what_a_new_database_is(
    released: Engine, tmp_path: Path, request: Any
) -> None:
    assert tables.exist(released)  # the first look brings it up to date
    migrated = schema(released)
    if released.dialect.name == "sqlite":
        new = open_engine(f"sqlite:///{tmp_path}/new.db")
        tables.create(new)
        assert migrated == schema(new)
        return
    with request.getfixturevalue("postgresql_server").database() as url:
        new = open_engine(url)
        tables.create(new)
        assert migrated == schema(new)


def test_records_come_through_there_and_back(released: Engine, store_url: str) -> None:
    before = schema(released)
    ledger = Ledger(store_url)
    assert ledger.find("dataset") == [dataset(2), dataset(1)]
    ledger.append(dataset(3))
    tables.change_schema(released, 1)
    after = schema(released)
    assert after.pop("alembic_version")
    assert after == before
    with reading(released) as connection:
        assert connection.scalar(text("SELECT max(version) FROM schema_version")) == 1
    assert Ledger(store_url).find("dataset") == [dataset(3), dataset(2), dataset(1)]
    with reading(released) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == revision(SCHEMA)


def test_a_step_back_keeps_the_audit_log(released: Engine) -> None:
    assert tables.exist(released)
    add_to_audit(released)
    tables.change_schema(released, 1)
    assert tables.exist(released)
    with reading(released) as connection:
        assert connection.scalar(text("SELECT count(*) FROM audit")) == 1


def test_a_migration_that_fails_changes_nothing(released: Engine) -> None:
    with writing(released) as connection:
        connection.execute(text("CREATE INDEX ix_records_kind_name_id ON records (kind)"))
    before = schema(released)
    with pytest.raises(SettingsError, match="ix_records_kind_name_id"):
        tables.exist(released)
    assert schema(released) == before


def content(path: Path) -> tuple[set[tuple[str, ...]], list[Any]]:
    """Return what SQLite says that a database is made of, spaces aside, and how it is set up."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master")
        plain = {(*names, re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split()))) for *names, sql in made}
        asked = ("SELECT * FROM schema_version", "SELECT * FROM alembic_version", "PRAGMA journal_mode")
        return plain, [connection.execute(question).fetchall() for question in asked]


def test_a_new_file_is_what_the_tables_and_alembic_make(tmp_path: Path) -> None:
    state = tmp_path / ".mlops"
    assert new_file.make(state / "mlops.db")
    assert not new_file.make(state / "mlops.db")
    assert (state / ".gitignore").read_bytes() == b"*\n"
    engine = open_engine(f"sqlite:///{tmp_path}/full.db")
    own = [table for table in tables.metadata.sorted_tables if table is not tables.alembic_version]
    with first_use(engine), writing(engine) as connection:
        tables.metadata.create_all(connection, tables=own)
        connection.execute(tables.schema_version.insert().values(version=SCHEMA))
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(tables.__file__).with_name("migrations")))
        command.stamp(config, "head")
    assert content(state / "mlops.db") == content(tmp_path / "full.db")
    assert schema(open_engine(f"sqlite:///{state}/mlops.db")) == schema(engine)


def test_tables_that_cannot_all_be_made_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_file, "_TABLES", "CREATE TABLE records (id INTEGER);CREATE TABLE nonsense")
    with pytest.raises(sqlite3.OperationalError):
        new_file.make(tmp_path / "mlops.db")
    # What it left is no reason not to begin: the full ledger makes the tables then.
    ledger = Ledger(f"sqlite:///{tmp_path}/mlops.db")
    ledger.append(dataset(1))
    assert ledger.find("dataset") == [dataset(1)]


@pytest.mark.parametrize("wanted", [0, SCHEMA + 1])
def test_a_schema_that_never_was_is_refused(released: Engine, wanted: int) -> None:
    with pytest.raises(UsageError, match=f"no schema {wanted}"):
        tables.change_schema(released, wanted)


def test_without_a_database_nothing_is_changed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no database yet"):
        tables.change_schema(open_engine(f"sqlite:///{tmp_path}/mlops.db"), 1)
    assert list(tmp_path.iterdir()) == []


FIRST_LOOK = "import sys; from jupyter_mlops.store.ledger import Ledger; print(len(Ledger(sys.argv[1]).find('dataset')))"


@pytest.mark.slow
def test_four_processes_bring_it_up_to_date_at_once(released: Engine, store_url: str) -> None:
    looks = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_LOOK, store_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    assert [look.communicate() for look in looks] == [(b"2\n", b"")] * 4


def test_a_new_database_loads_no_alembic(tmp_path: Path) -> None:
    code = (
        "import sys; from jupyter_mlops.store import tables; from jupyter_mlops.store.database import open_engine;"
        "tables.create(open_engine(sys.argv[1])); assert 'alembic' not in sys.modules"
    )
    url = f"sqlite:///{tmp_path}/new.db"
    subprocess.run([sys.executable, "-c", code, url], check=True, timeout=60)
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
