from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.data import versions
from jupyter_mlops.data.sources import own_name
from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError, UsageError
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.files import hash_file
from jupyter_mlops.store.opened import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(Settings(root=tmp_path))


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"n": [1, 2, 3], "x": [0.5, np.nan, 2.0], "c": ["a", "b", None]})


def test_a_csv_file_gets_rows_schema_and_profile(store: Store, tmp_path: Path, frame: pd.DataFrame) -> None:
    path = tmp_path / "data" / "churn.csv"
    path.parent.mkdir()
    frame.to_csv(path, index=False)
    version = versions.add(store, "churn", path, clock=lambda: "2026")
    assert version.version == hash_file(path)
    assert (version.source, version.format, version.rows) == ("data/churn.csv", "csv", 3)
    assert version.size_bytes == path.stat().st_size
    assert version.created_at == "2026"
    assert [(column.name, column.kind, column.missing) for column in version.columns] == [
        ("n", "numeric", 0),
        ("x", "numeric", 1),
        ("c", "categorical", 1),
    ]
    pd.testing.assert_frame_equal(versions.load_frame(store, version), pd.read_csv(path))


@pytest.mark.parametrize("form", ["parquet", "feather", "tsv"])
def test_other_tables(store: Store, tmp_path: Path, frame: pd.DataFrame, form: str) -> None:
    path = tmp_path / f"t.{form}"
    if form == "tsv":
        frame.to_csv(path, index=False, sep="\t")
    else:
        getattr(frame, f"to_{form}")(path)
    version = versions.add(store, "t", path)
    assert version.rows == 3
    pd.testing.assert_frame_equal(versions.load_frame(store, version), frame)


def test_any_file_can_be_a_version(store: Store, tmp_path: Path) -> None:
    (tmp_path / "photo.PNG").write_bytes(b"\x89PNG")
    version = versions.add(store, "photos", tmp_path / "photo.PNG")
    assert (version.format, version.rows, version.columns) == ("png", None, ())
    with pytest.raises(DataError, match=r"photos@.* is not a table"):
        versions.load_frame(store, version)


def test_the_same_content_is_the_same_version(store: Store, tmp_path: Path, frame: pd.DataFrame) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").write_text("x\n1\n")
    first = versions.add(store, "churn", tmp_path / "a.csv")
    assert versions.add(store, "churn", tmp_path / "b.csv") == first
    assert versions.add(store, "other", tmp_path / "b.csv").version == first.version
    assert versions.add(store, "f", frame) == versions.add(store, "f", frame.copy())
    assert len(store.ledger.find("dataset")) == 3


def test_a_frame_comes_back_as_it_was(store: Store, frame: pd.DataFrame) -> None:
    version = versions.add(store, "f", frame)
    assert (version.source, version.format) == ("frame", "parquet")
    pd.testing.assert_frame_equal(versions.load_frame(store, version), frame)
    assert versions.checkout(store, version).name == "f.parquet"


def test_resolve_takes_names_and_beginnings(store: Store, tmp_path: Path) -> None:
    found = []
    for number in range(2):
        (tmp_path / "a.csv").write_text(f"x\n{number}\n")
        found.append(versions.add(store, "churn", tmp_path / "a.csv"))
    assert versions.resolve(store, "churn") == found[1]
    assert versions.resolve(store, f"churn@{found[0].version[:8]}") == found[0]
    assert versions.resolve(store, str(found[0].ref)) == found[0]
    with pytest.raises(NotFoundError, match="did you mean churn"):
        versions.resolve(store, "chrun")


def test_a_checkout_is_a_read_only_copy_that_is_put_right(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    version = versions.add(store, "churn", tmp_path / "a.csv")
    path = versions.checkout(store, version)
    assert path == tmp_path / ".mlops" / "datasets" / "churn" / version.version[:12] / "a.csv"
    assert path.stat().st_mode & 0o222 == 0
    path.chmod(0o644)
    path.write_text("spoiled")
    store.objects.verify(version.version)  # what is spoiled is the copy
    assert versions.checkout(store, version) == path
    assert path.read_text() == "x\n1\n"


def test_spoiled_store_content_is_never_handed_out(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    version = versions.add(store, "churn", tmp_path / "a.csv")
    stored = store.objects.path(version.version)
    stored.chmod(0o644)
    stored.write_text("x\n2\n")
    with pytest.raises(IntegrityError, match="was changed"):
        versions.checkout(store, version)
    with pytest.raises(IntegrityError, match="was changed"):
        versions.load_frame(store, version)
    assert not list((tmp_path / ".mlops" / "datasets").rglob("*.csv"))


@pytest.mark.parametrize(
    "source, message",
    [
        ("churm.csv", "did you mean churn.csv"),
        ("nowhere/churn.csv", "no folder"),
        (".", "with the project in it"),
        ("/dev/null", "is not a file or a folder"),
        ("file:///dev/zero", "is not a file or a folder"),
        ("x" * 5000, "File name too long"),
        ("http://[bad/a.csv", "can't be read"),
        (3, "a int can't be a dataset"),
    ],
)
def test_what_isnt_there_is_said_and_changes_nothing(
    store: Store, workspace: Path, source: object, message: str
) -> None:
    (workspace / "churn.csv").write_text("x\n1\n")
    with pytest.raises(DataError) as caught:
        versions.add(store, "churn", source)
    assert message in str(caught.value)
    assert not (workspace / ".mlops").exists()


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.csv", b"x,y\n1,2\n1,2,3,4\n"),
        ("a.csv", b"\xff\xfe\x00x"),
        ("a.csv", b""),
        ("a.parquet", b"no parquet"),
        ("a.feather", b"no feather at all"),
    ],
)
def test_a_broken_table_is_refused_and_changes_nothing(
    store: Store, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} can't be read as"):
        versions.add(store, "churn", tmp_path / name)
    assert not (tmp_path / ".mlops").exists()


def test_a_frame_that_parquet_cant_hold_is_refused(store: Store) -> None:
    with pytest.raises(DataError, match="can't be kept as Parquet"):
        versions.add(store, "f", pd.DataFrame({"x": [1, "a", object()]}))
    with pytest.raises(DataError, match="two columns named 'x'"):
        versions.add(store, "f", pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_a_bad_name_is_refused(store: Store, frame: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="can't name a dataset"):
        versions.add(store, "a/b", frame)


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "https://host/a/.."},
        {"source": ".."},
        {"source": "frame", "format": "/../../../x"},
        {"source": "a", "name": "../../evil"},
    ],
)
def test_a_record_from_elsewhere_leads_nowhere_else(
    store: Store, tmp_path: Path, fields: dict[str, str]
) -> None:
    record = {
        "name": "it",
        "format": "csv",
        "version": store.objects.put_bytes(b"1"),
        "size_bytes": 1,
        **fields,
    }
    try:
        path = versions.checkout(store, DatasetVersion(**record))  # type: ignore[arg-type]  # a table of cases
    except UsageError as error:
        assert "can't name a dataset" in str(error)  # noqa: PT017 - either is right
    else:
        assert path.resolve().is_relative_to(store.datasets / "it")
        assert path.read_bytes() == b"1"
    assert {each.name for each in tmp_path.iterdir()} == {".mlops"}


def test_a_file_by_its_url(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_text("1")
    version = versions.add(store, "it", f"file://{tmp_path}/a%20b.txt")
    assert (version.source, versions.checkout(store, version).name) == ("a b.txt", "a b.txt")


def test_a_path_that_ends_in_dots_has_the_folders_name(store: Store, tmp_path: Path) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "a.txt").write_text("1")
    assert (
        versions.checkout(store, versions.add(store, "it", tmp_path / "data" / "sub" / "..")).name == "data"
    )
    assert own_name(str(tmp_path / "data" / "sub" / "..")) is None
