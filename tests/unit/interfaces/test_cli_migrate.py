"""`jupyter mlops migrate` and `lineage`, as a person types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.interfaces.cli import main
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.settings import load
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def type_in(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        captured = capsys.readouterr()
        return caught.value.code, captured.out, captured.err

    return run


@pytest.fixture
def dataset(workspace: Path) -> DatasetVersion:
    store = open_store(load())
    digest = store.objects.put_bytes(b"a,b\n1,2\n")
    made = DatasetVersion(name="d", version=digest, source="d.csv", format="csv", size_bytes=8)
    store.ledger.append(made)
    return made


def test_a_project_moves_and_says_so(type_in: Any, dataset: DatasetVersion, workspace: Path) -> None:
    status, out, err = type_in("migrate", "--to", "sqlite:///there.db", "--to", "objects=there")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "1 records, 0 links, 2 lines of the audit log",
        "1 contents of 8 bytes, all verified",
        "objects = there",
        "store = sqlite:///there.db",
        "mlops.toml says so now; the old places still hold all that they held",
    ]
    assert (workspace / "there.db").is_file()
    assert open_store(load()).objects.read(dataset.version) == b"a,b\n1,2\n"
    assert open_store(load()).ledger.get("dataset/d") == dataset
    assert type_in("migrate", "--to", "objects=there") == (0, "the project is there already\n", "")


def test_json_is_one_document(type_in: Any, dataset: DatasetVersion) -> None:
    status, out, _ = type_in("migrate", "--to", "sqlite:///there.db", "--json")
    assert status == 0
    assert json.loads(out)["rows"] == {"records": 1, "audit": 2, "record_parents": 0}
    assert json.loads(type_in("migrate", "--to", "sqlite:///there.db", "--json")[1]) == {"settings": {}}


def test_the_tables_of_an_older_version_and_back(type_in: Any, dataset: DatasetVersion) -> None:
    assert type_in("migrate", "--schema", "1") == (0, "the tables are those of schema 1\n", "")
    assert open_store(load()).ledger.names("dataset") == ["d"]
    assert json.loads(type_in("migrate", "--schema", "2", "--json")[1]) == {"schema": 2}


@pytest.mark.parametrize(
    "words, says",
    [
        ((), "give either --to or --schema"),
        (("--to", "there", "--schema", "1"), "give either --to or --schema"),
        (("--to", "a", "--to", "b"), "objects can't be at two places"),
        (("--schema", "99"), "there is no schema 99"),
        (("--schema", "1"), "no database yet"),
        (("--to", "postgresql+psycopg://u:secret@127.0.0.1:1/x"), "can't be used"),
    ],
)
def test_what_cant_be_is_one_line(type_in: Any, workspace: Path, words: tuple[str, ...], says: str) -> None:
    status, out, err = type_in("migrate", *words)
    assert (status, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1
    assert "secret" not in err
    assert (workspace / "mlops.toml").read_text() == ""


def test_lineage_as_a_picture(type_in: Any, dataset: DatasetVersion) -> None:
    status, out, _ = type_in("lineage", "d", "--format", "svg")
    assert status == 0
    assert out.startswith("<svg ")
    assert f"dataset d@{dataset.version[:12]}</text>" in out
