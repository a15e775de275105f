from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.errors import IntegrityError, MlopsError, SettingsError
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.store import moving, tables
from jupyter_mlops.store.database import MOVED, open_engine, reading, writing
from jupyter_mlops.store.ledger import Ledger
from jupyter_mlops.store.moving import Moving

if TYPE_CHECKING:
    from collections.abc import Callable


def dataset(number: int) -> DatasetVersion:
    behind = (f"dataset/d@{number - 1}", "run/é") if number else ()
    return DatasetVersion(
        name="d", version=str(number), source="s", format="csv", size_bytes=1, parents=behind
    )


def silent(_done: int) -> None:
    pass


def audit(url: str, *numbers: int) -> None:
    said = {name: f"{name} \u2713" for name in ("at", "actor", "action", "subject", "phase", "prev", "body")}
    with writing(open_engine(url)) as connection:
        connection.execute(tables.audit.insert(), [{**said, "seq": n, "hash": f"{n:064}"} for n in numbers])


def rows(url: str) -> dict[str, list[Any]]:
    with reading(open_engine(url)) as connection:
        found = (tables.records, tables.record_parents, tables.audit)
        return {table.name: sorted(map(tuple, connection.execute(table.select()))) for table in found}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "_BATCH", 50)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A SQLite database whose numbers have a gap."""
    url = f"sqlite:///{tmp_path}/source.db"
    ledger = Ledger(url)
    ledger.append(*(dataset(n) for n in range(121)))
    with writing(open_engine(url)) as connection:
        connection.execute(tables.records.delete().where(tables.records.c.version == "7"))
        connection.execute(
            tables.record_parents.delete().where(tables.record_parents.c.child == "dataset/d@7")
        )
    audit(url, *range(1, 71))
    return url


def move(mover: Moving) -> dict[str, int]:
    mover.prepare()
    mover.copy(silent)
    return mover.compare(silent)


def test_all_rows_arrive_as_they_were_and_new_ones_come_after(source: str, store_url: str) -> None:
    mover = Moving(source, store_url)
    mover.prepare()
    assert mover.missing() == mover.uncompared() == 120 + 70
    told: list[int] = []
    mover.copy(told.append)
    assert sum(told) == 190
    assert mover.compare(silent) == {"records": 120, "audit": 70, "record_parents": 238}
    assert rows(store_url) == rows(source)
    Ledger(store_url).append(dataset(2000))
    assert [one.ref.version for one in Ledger(store_url).find("dataset", limit=2)] == ["2000", "120"]


def test_the_way_back_is_the_same(source: str, store_url: str, tmp_path: Path) -> None:
    move(Moving(source, store_url))
    back = f"sqlite:///{tmp_path}/back.db"
    move(Moving(store_url, back))
    assert rows(back) == rows(source)


def test_a_move_that_was_broken_off_goes_on(source: str, store_url: str) -> None:
    class Killed(BaseException):
        pass

    def kill_after(times: int) -> Callable[[int], None]:
        left = iter(range(times))

        def tick(_done: int) -> None:
            if next(left, None) is None:
                raise Killed

        return tick

    mover = Moving(source, store_url)
    mover.prepare()
    with pytest.raises(Killed):
        mover.copy(kill_after(1))
    again = Moving(source, store_url)
    again.prepare()
    assert 0 < again.missing() < 190
    move(again)
    assert rows(store_url) == rows(source)


def test_what_came_meanwhile_is_taken_too(source: str, store_url: str) -> None:
    mover = Moving(source, store_url)
    move(mover)
    Ledger(source).append(dataset(3000))
    audit(source, 71)
    mover.copy(silent)
    assert mover.compare(silent)["records"] == 121
    assert rows(store_url) == rows(source)


def test_a_database_that_holds_something_else_is_refused(source: str, store_url: str) -> None:
    Ledger(store_url).append(dataset(5))
    before = rows(store_url)
    with pytest.raises(SettingsError, match="holds records that this project doesn't have"):
        Moving(source, store_url).prepare()
    assert rows(store_url) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET body = '{}' WHERE id = 90",
        "UPDATE audit SET actor = 'x' WHERE seq = 65",
        "DELETE FROM records WHERE id = 3",
        "DELETE FROM record_parents WHERE child = 'dataset/d@90'",
        "INSERT INTO record_parents (child, parent) VALUES ('nobody', 'nothing')",
    ],
)
def test_a_copy_that_is_not_the_same_is_found(source: str, store_url: str, change: str) -> None:
    mover = Moving(source, store_url)
    mover.prepare()
    mover.copy(silent)
    with writing(open_engine(store_url)) as connection:
        connection.exec_driver_sql(change)
    with pytest.raises(IntegrityError):
        mover.compare(silent)


def test_what_has_moved_takes_no_more_rows(store_url: str, tmp_path: Path) -> None:
    Ledger(store_url).append(dataset(0))
    there = f"sqlite:///{tmp_path}/there.db"
    late = Ledger(store_url)
    assert late.find("dataset")
    mover = Moving(store_url, there)
    move(mover)
    with mover.holding():
        pass
    for ledger in (late, Ledger(store_url)):
        for append in (ledger.append, ledger.append_new):
            with pytest.raises(MlopsError, match=MOVED):
                append(dataset(1))
    assert len(Ledger(store_url).find("dataset")) == 1
    # Moved back, it is in use again.
    Ledger(there).append(dataset(1))
    move(Moving(there, store_url))
    Ledger(store_url).append(dataset(2))
    assert len(Ledger(store_url).find("dataset")) == 3


def test_a_switch_that_fails_keeps_nobody_out(source: str, store_url: str) -> None:
    mover = Moving(source, store_url)
    with pytest.raises(KeyboardInterrupt), mover.holding():
        raise KeyboardInterrupt
    Ledger(source).append(dataset(4000))
