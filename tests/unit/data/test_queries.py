from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from jupyter_mlops.data import versions
from jupyter_mlops.data.queries import ask
from jupyter_mlops.data.sources import without_credentials
from jupyter_mlops.errors import DataError, UsageError
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import data

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(Settings(root=tmp_path / "project"))


@pytest.fixture
def shop(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER, amount REAL, customer TEXT)")
        rows = [(1, 9.5, "ann"), (2, None, "bob"), (3, 3.25, "ann")]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    return f"sqlite:///{tmp_path}/shop.db"


def test_an_answer_is_a_version_with_its_query(store: Store, shop: str) -> None:
    query = "SELECT id, amount FROM orders WHERE customer = 'ann' ORDER BY id"
    version = data.add(store.settings, "orders", shop, query=query)
    assert (version.source, version.query, version.format, version.rows) == (shop, query, "parquet", 2)
    assert versions.load_frame(store, version).to_dict("list") == {"id": [1, 3], "amount": [9.5, 3.25]}
    assert versions.checkout(store, version).name == "orders.parquet"
    assert data.add(store.settings, "orders", shop, query=query) == version


def test_an_answer_of_no_rows_has_columns(shop: str) -> None:
    assert list(ask(shop, "SELECT id, amount FROM orders WHERE 0").columns) == ["id", "amount"]


@pytest.mark.parametrize(
    "query, message",
    [
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("DROP TABLE orders", "readonly database"),
        ("DELETE FROM orders RETURNING id", "readonly database"),
        ("SELECT 1; DROP TABLE orders", "one statement at a time"),
        ("PRAGMA query_only = OFF", "gives no rows"),
    ],
)
def test_what_is_no_question_is_refused_and_changes_nothing(
    store: Store, shop: str, query: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        data.add(store.settings, "orders", shop, query=query)
    assert len(ask(shop, "SELECT * FROM orders")) == 3
    assert not store.settings.root.exists()


def test_a_database_that_isnt_there_is_not_made(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no database"):
        data.add(store.settings, "orders", f"sqlite:///{tmp_path}/shp.db", query="SELECT 1")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="is no URL"):
        data.add(store.settings, "orders", "shop.db", query="SELECT 1")


@pytest.mark.parametrize(
    "url",
    ["nodriver://ann:secret@host/db", "postgresql+psycopg://ann:secret@localhost:1/db?password=secret"],
)
def test_a_password_is_shown_nowhere(url: str) -> None:
    with pytest.raises(DataError) as caught:
        ask(url, "SELECT 1")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.__cause__)


@pytest.mark.parametrize(
    "url, shown",
    [
        ("postgresql+psycopg://ann:p@ss@host:5/db?password=x", "postgresql+psycopg://host:5/db"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("https://bucket.host/a.csv?X-Amz-Signature=abc#f", "https://bucket.host/a.csv"),
        ("s3://key:secret@bucket/a.csv", "s3://bucket/a.csv"),
    ],
)
def test_urls_are_recorded_without_what_may_be_secret(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_names_are_never_part_of_a_statement(store: Store, tmp_path: Path) -> None:
    evil = 'x"; DROP TABLE records; --'
    frame = pd.DataFrame({evil: [1]})
    version = versions.add(store, "evil", frame)
    assert version.columns[0].name == evil
    assert versions.resolve(store, "evil") == version
    with pytest.raises(UsageError):
        versions.add(store, evil, frame)


@pytest.mark.slow
def test_a_postgresql_database_answers_and_cant_be_changed(store: Store, postgresql_url: str) -> None:
    import psycopg

    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE orders (id integer, amount numeric, at timestamp)")
        connection.execute("INSERT INTO orders VALUES (1, 9.5, '2026-01-01'), (2, NULL, NULL)")
    version = data.add(store.settings, "orders", postgresql_url, query="SELECT * FROM orders ORDER BY id")
    assert [(column.name, column.kind, column.missing) for column in version.columns] == [
        ("id", "numeric", 0),
        ("amount", "numeric", 1),
        ("at", "date", 1),
    ]
    for query in (
        "DELETE FROM orders RETURNING id",
        "SELECT 1; DROP TABLE orders",
        "COMMIT; DROP TABLE orders",
    ):
        with pytest.raises(DataError):
            ask(postgresql_url, query)
    assert len(ask(postgresql_url, "SELECT * FROM orders")) == 2
