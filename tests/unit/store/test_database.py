from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from jupyter_mlops.errors import IntegrityError, SettingsError
from jupyter_mlops.store import database, tables
from jupyter_mlops.store.database import first_use, open_engine, reading, writing
from jupyter_mlops.store.rows import SCHEMA


def test_opening_makes_no_file(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/deep/mlops.db")
    assert not tables.exist(engine)
    assert list(tmp_path.iterdir()) == []


def test_tables_are_made_once_with_a_schema_version_and_a_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "mlops.db"
    engine = open_engine(f"sqlite:///{path}")
    tables.create(engine)
    tables.create(engine)
    assert tables.exist(engine)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(SCHEMA,)]


def test_a_transaction_is_durable_before_it_returns(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/mlops.db")
    tables.create(engine)
    with reading(engine) as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 30_000


def test_a_second_writer_waits_for_the_first(store_url: str) -> None:
    engine = open_engine(store_url)
    tables.create(engine)
    order: list[str] = []

    def second() -> None:
        with writing(engine):
            order.append("second")

    thread = threading.Thread(target=second)
    with writing(engine):
        thread.start()
        thread.join(timeout=0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_writer_who_gets_no_turn_is_told_why(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 1000)
    open_engine.cache_clear()
    engine = open_engine(store_url)
    tables.create(engine)
    with (
        writing(engine),
        pytest.raises(SettingsError, match="another program has held it for 1 s"),
        writing(engine),
    ):
        pass


def test_an_error_undoes_the_transaction(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/mlops.db")
    tables.create(engine)
    rows = tables.record_parents.insert()
    with pytest.raises(exc.IntegrityError), writing(engine) as connection:
        connection.execute(rows, [{"child": "a", "parent": "b"}, {"child": "a", "parent": None}])
    with reading(engine) as connection:
        assert connection.execute(tables.record_parents.select()).all() == []


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/mlops.db")
    tables.create(engine)
    with writing(engine) as connection:
        connection.execute(tables.schema_version.insert().values(version=SCHEMA + 1))
    with pytest.raises(IntegrityError, match="upgrade jupyter-mlops"):
        tables.exist(engine)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlops.db").write_text("no database at all, but long enough to look like one" * 20)
    with pytest.raises(IntegrityError, match=r"mlops\.db is damaged"):
        tables.exist(open_engine(f"sqlite:///{tmp_path}/mlops.db"))


@pytest.mark.parametrize("url", ["no url", "nonsense://x", "mysql+pymysql://localhost/x"])
def test_a_url_that_cant_be_opened_is_a_setting_to_mend(url: str) -> None:
    with pytest.raises(SettingsError, match="store = "):
        open_engine(url)


def test_a_projects_state_stays_out_of_git(tmp_path: Path) -> None:
    for folder in (tmp_path / ".mlops", tmp_path / "elsewhere"):
        engine = open_engine(f"sqlite:///{folder}/mlops.db")
        folder.mkdir()
        with first_use(engine):
            pass
    assert (tmp_path / ".mlops/.gitignore").read_text() == "*\n"
    assert not (tmp_path / "elsewhere/.gitignore").exists()
