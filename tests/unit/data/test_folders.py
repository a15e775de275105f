from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from jupyter_mlops.data import folders, versions
from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.dataset import DatasetVersion, FileEntry, FolderManifest
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.files import hash_file
from jupyter_mlops.store.opened import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(Settings(root=tmp_path / "project"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "cats" / "small").mkdir(parents=True)
    (folder / "one.png").write_bytes(b"1")
    (folder / "cats" / "two.png").write_bytes(b"22")
    (folder / "cats" / "small" / "Größe 3.png").write_bytes(b"333")
    (folder / "cats" / "again.png").write_bytes(b"1")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_folder_is_one_version_and_comes_back_as_it_was(store: Store, images: Path) -> None:
    told: list[int] = []
    version = versions.add(store, "images", images, progress=told.append)
    assert (version.content, version.files, version.size_bytes) == ("folder", 4, 7)
    assert (version.format, version.rows) == ("png", None)
    assert sum(told) == 7
    path = versions.checkout(store, version)
    assert path.name == "images"
    assert contents(path) == contents(images)
    assert all(each.stat().st_mode & 0o222 == 0 for each in path.rglob("*") if each.is_file())
    assert versions.checkout(store, version) == path


def test_the_same_files_are_the_same_version_wherever_they_are(
    store: Store, images: Path, tmp_path: Path
) -> None:
    first = versions.add(store, "images", images)
    assert versions.add(store, "images", images.rename(tmp_path / "elsewhere")) == first
    (tmp_path / "elsewhere" / "one.png").rename(tmp_path / "elsewhere" / "uno.png")
    assert versions.add(store, "images", tmp_path / "elsewhere").version != first.version


def test_a_checkout_that_was_changed_is_put_right(store: Store, images: Path) -> None:
    version = versions.add(store, "images", images)
    path = versions.checkout(store, version)
    (path / "one.png").chmod(0o644)
    (path / "one.png").write_bytes(b"x")
    (path / "more.png").write_bytes(b"x")
    assert versions.checkout(store, version) == path
    assert contents(path) == contents(images)
    assert [each.name for each in path.parent.iterdir()] == ["images"]


def test_a_folder_of_tables_is_one_table(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    pd.DataFrame({"n": [1, 2]}).to_parquet(folder / "part-0.parquet")
    pd.DataFrame({"n": [3]}).to_parquet(folder / "part-1.parquet")
    (folder / "_SUCCESS").touch()
    version = versions.add(store, "parts", folder)
    assert (version.rows, [column.name for column in version.columns]) == (3, ["n"])
    assert version.columns[0].profile["mean"] == 2
    assert versions.load_frame(store, version)["n"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("second", ["a,b\n1,2\n", ""])
def test_a_folder_whose_tables_differ_is_no_table(store: Store, tmp_path: Path, second: str) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "1.csv").write_text("a\n1\n")
    (folder / "2.csv").write_text(second)
    version = versions.add(store, "parts", folder)
    assert version.rows is None
    with pytest.raises(DataError, match="no table"):
        versions.load_frame(store, version)


def _outside(folder: Path) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "link").symlink_to(folder.parent / "secret.txt")


def _loop(folder: Path) -> None:
    (folder / "link").symlink_to(folder, target_is_directory=True)


def _dangling(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "nothing")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        here = os.getcwd()  # noqa: PTH109 - a socket's path may be 107 characters long
        os.chdir(folder)
        try:
            opened.bind("socket")
        finally:
            os.chdir(here)


def _no_text(folder: Path) -> None:
    with open(os.fsencode(folder) + b"/\xff.png", "wb"):  # noqa: PTH123 - a name in bytes
        pass


@pytest.mark.parametrize(
    "spoil, message",
    [
        (_outside, "leads out of the folder"),
        (_loop, "is a link to a folder"),
        (_dangling, "is a link to no file"),
        (_pipe, "is a pipe"),
        (_socket, "is a socket"),
        (_no_text, "is no text"),
    ],
)
def test_what_is_no_file_of_the_folder_is_refused_and_changes_nothing(
    store: Store, images: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(images)
    with pytest.raises(DataError, match=message):
        versions.add(store, "images", images)
    assert not store.settings.root.exists()


def test_a_link_within_the_folder_is_its_file(store: Store, images: Path) -> None:
    (images / "link.png").symlink_to(images / "one.png")
    path = versions.checkout(store, versions.add(store, "images", images))
    assert (path / "link.png").read_bytes() == b"1"
    assert not (path / "link.png").is_symlink()


def test_an_empty_folder_is_no_dataset(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty" / "er").mkdir(parents=True)
    with pytest.raises(DataError, match="has no files"):
        versions.add(store, "images", tmp_path / "empty")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", ".", "a//b", "./a", "a/", "a\0b", ".."])
def test_a_manifest_that_leads_out_of_the_folder_is_never_checked_out(
    store: Store, tmp_path: Path, name: str
) -> None:
    content = store.objects.put_bytes(b"evil")
    manifest = FolderManifest(files={name: FileEntry(sha256=content, size=4)})
    version = DatasetVersion(
        name="evil",
        version=store.objects.put_bytes(canonical_json(manifest)),
        source="evil",
        format="",
        size_bytes=4,
        content="folder",
    )
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(IntegrityError, match="leads out of it"):
        versions.checkout(store, version)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_manifest_in_which_a_file_is_a_folder_is_refused(store: Store) -> None:
    entry = FileEntry(sha256="0" * 64, size=0)
    with pytest.raises(IntegrityError, match="as a file and as a folder"):
        folders.check_paths(FolderManifest(files={"a": entry, "a/b": entry}), "v")
    with pytest.raises(IntegrityError, match="has no manifest"):
        folders.read_manifest(store.objects, store.objects.put_bytes(b"no json"))


def test_a_folder_with_a_content_gone_or_changed_is_not_handed_out(store: Store, images: Path) -> None:
    version = versions.add(store, "images", images)
    stored = store.objects.path(hash_file(images / "one.png"))
    stored.chmod(0o644)
    stored.write_bytes(b"x")
    with pytest.raises(IntegrityError, match="was changed"):
        versions.checkout(store, version)
    stored.unlink()
    with pytest.raises(NotFoundError):
        versions.checkout(store, version)
    assert not list((store.datasets / "images" / version.version[:12]).iterdir())


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@given(
    st.dictionaries(
        names.filter(lambda name: name not in (".", "..") and len(name) < 60), st.binary(max_size=9)
    )
)
@how(max_examples=15, deadline=None)
def test_any_files_come_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    root = tmp_path_factory.mktemp("any")
    folder = root / "folder"
    folder.mkdir()
    (folder / "always").touch()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    store = open_store(Settings(root=root / "project"))
    version = versions.add(store, "any", folder)
    assert contents(versions.checkout(store, version)) == contents(folder)
