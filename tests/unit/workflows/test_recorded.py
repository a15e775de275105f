"""Where a dataset came from isn't asked again in a new build, unless it lies beside the notebook."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from jupyter_mlops.data import versions
from jupyter_mlops.records.run import NamedVersion
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.files import hash_file
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import data, recorded
from jupyter_mlops.workflows.recorded import Recorded

QUERY = "select n from t"


@pytest.fixture
def store(workspace):
    return open_store(Settings(root=workspace))


def pinned(tmp_path, monkeypatch, *known):
    place = tmp_path / "datasets.json"
    place.write_bytes(msgspec.json.encode(known))
    monkeypatch.setenv(recorded.VARIABLE, str(place))


def executed(*made) -> Any:
    names = tuple(NamedVersion(name=version.name, version=version.version) for version in made)
    return SimpleNamespace(datasets=names)


def test_a_query_s_answer_comes_from_the_record_as_the_very_version(store, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    database = sqlite3.connect(tmp_path / "a.db")
    with database:
        database.execute("create table t (n integer)")
        database.execute("insert into t values (7)")
    database.close()
    version = data.add(store.settings, "asked", url, query=QUERY)
    (tmp_path / "a.db").unlink()
    found = recorded.check_out(store, [executed(version)], [], tmp_path / "out")
    pinned(tmp_path, monkeypatch, *found)
    source, query = recorded.instead_of("asked", url, QUERY)
    assert query == ""
    other = open_store(Settings(root=tmp_path / "again"))
    assert versions.add(other, "asked", source).version == version.version


def test_what_lies_beside_the_notebook_is_left_to_it(store, workspace, tmp_path):
    import pandas as pd

    (workspace / "rows.txt").write_text("1")
    (workspace / "folder").mkdir()
    (workspace / "folder" / "a.txt").write_text("2")
    file = versions.add(store, "rows", "rows.txt")
    made = [
        file,
        versions.add(store, "folder", "folder"),
        versions.add(store, "frame", pd.DataFrame({"a": [1]})),
    ]
    laid = [hash_file(workspace / "rows.txt")]
    out = tmp_path / "out"
    assert [each.name for each in recorded.check_out(store, [executed(*made)], laid, out)] == ["frame"]
    found, _ = recorded.check_out(store, [executed(*made)], [], out)
    assert (found.name, Path(found.path).read_text()) == ("rows", "1")


def test_only_a_build_made_again_looks_at_the_record(tmp_path, monkeypatch):
    place = tmp_path / "kept.csv"
    mine = Recorded(name="rows", source="/gone/rows.csv", path=str(place))
    assert recorded.instead_of("rows", "/gone/rows.csv", "") == ("/gone/rows.csv", "")
    pinned(tmp_path, monkeypatch, mine, Recorded(name="rows", source="s3://b/other.csv", path="/other"))
    assert recorded.instead_of("rows", "/gone/rows.csv", "") == (place, "")
    assert recorded.instead_of("rows", Path("../gone/rows.csv"), "") == (place, "")
    assert recorded.instead_of("rows", "s3://user:secret@b/other.csv", "") == (Path("/other"), "")
    assert recorded.instead_of("other", "/gone/rows.csv", "") == ("/gone/rows.csv", "")
    there = tmp_path / "there.csv"
    there.touch()
    assert recorded.instead_of("rows", there, "") == (there, "")
    frame = object()
    assert recorded.instead_of("rows", frame, "") == (frame, "")
