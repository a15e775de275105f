from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
import yaml

from jupyter_mlops.data import dvc, versions
from jupyter_mlops.errors import DataError
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import data

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"x\r\n1\r\n2\r\n"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(Settings(root=tmp_path))


def tracked(path: Path, digest: str, **more: object) -> Path:
    target = path.with_name(f"{path.name}.dvc")
    target.write_text(yaml.safe_dump({"outs": [{"md5": digest, "path": path.name, **more}]}))
    return target


def cache(root: Path, content: bytes, digest: str = "", old: bool = False) -> None:
    digest = digest or md5(content)
    place = root / ".dvc" / "cache" / ("" if old else "files/md5") / digest[:2] / digest[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def test_the_file_beside_it_is_taken_if_it_is_what_was_tracked(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CONTENT)
    version = versions.add(store, "a", tracked(tmp_path / "a.csv", md5(CONTENT), hash="md5"))
    assert (version.source, version.format, version.rows) == ("a.csv", "csv", 2)
    assert store.objects.read(version.version) == CONTENT


def test_dvc_2_took_windows_line_ends_for_unix_ones(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CONTENT)
    old = md5(CONTENT.replace(b"\r\n", b"\n"))
    assert versions.add(store, "a", tracked(tmp_path / "a.csv", old)).rows == 2
    with pytest.raises(DataError, match="is not what was tracked"):
        versions.add(store, "a", tracked(tmp_path / "a.csv", old, hash="md5"))


@pytest.mark.parametrize("old", [False, True])
def test_else_dvcs_cache_has_it(store: Store, tmp_path: Path, old: bool) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_bytes(b"changed since")
    cache(tmp_path, CONTENT, old=old)
    version = versions.add(store, "a", tracked(tmp_path / "data" / "a.csv", md5(CONTENT), hash="md5"))
    assert (version.source, store.objects.read(version.version)) == ("data/a.csv", CONTENT)


def test_the_cache_may_be_elsewhere(store: Store, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    remote = x\n[cache]\n    dir = ../shared\n")
    place = tmp_path / "shared" / "files" / "md5" / md5(CONTENT)[:2] / md5(CONTENT)[2:]
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    assert versions.add(store, "a", tracked(tmp_path / "a.csv", md5(CONTENT), hash="md5")).rows == 2


def test_a_folder_out_of_the_cache(store: Store, tmp_path: Path) -> None:
    members = [{"md5": md5(b"1"), "relpath": "one.png"}, {"md5": md5(b"2"), "relpath": "sub/two.png"}]
    listing = json.dumps(members, sort_keys=True).encode()
    digest = f"{md5(listing)}.dir"
    cache(tmp_path, listing, digest)
    cache(tmp_path, b"1")
    cache(tmp_path, b"2")
    found = tracked(tmp_path / "images", digest, hash="md5")
    version = versions.add(store, "images", found)
    assert (version.content, version.files, version.source) == ("folder", 2, "images")
    path = versions.checkout(store, version)
    assert (path / "sub" / "two.png").read_bytes() == b"2"
    assert not (store.settings.state / "fetched").exists()
    # The same folder beside it is the same version, without the cache.
    (tmp_path / ".dvc").rename(tmp_path / "gone")
    data.checkout(store.settings, "images", tmp_path / "images")
    assert versions.add(store, "images", found) == version


@pytest.mark.parametrize("relpath", ["../evil", "/evil"])
def test_a_listing_that_leads_out_of_the_folder_is_refused(
    store: Store, tmp_path: Path, relpath: str
) -> None:
    listing = json.dumps([{"md5": md5(b"1"), "relpath": relpath}]).encode()
    cache(tmp_path, listing, f"{md5(listing)}.dir")
    cache(tmp_path, b"1")
    found = tracked(tmp_path / "images", f"{md5(listing)}.dir", hash="md5")
    with pytest.raises(Exception, match="leads out of the folder"):
        versions.add(store, "images", found)
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "text, message",
    [
        ("outs: []", "no .dvc file with one output"),
        ("[1, 2", "no .dvc file with one output"),
        ("hello", "no .dvc file with one output"),
        ("outs:\n- md5: '12'\n  path: a.csv", "'12' is no md5"),
        (f"outs:\n- md5: '{'0' * 32}'\n  path: ../../etc/passwd", "is not in its folder"),
        (f"outs:\n- md5: '{'0' * 32}'\n  path: /etc/passwd", "is not in its folder"),
        (f"outs:\n- md5: '{'0' * 32}'\n  path: a.csv", "is not there, and DVC's cache doesn't have"),
        ("outs: !!python/object/apply:os.system ['true']", "no .dvc file with one output"),
    ],
)
def test_what_is_no_dvc_file_is_refused_and_changes_nothing(
    store: Store, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "a.csv.dvc").write_text(text)
    with pytest.raises(DataError, match=message):
        versions.add(store, "a", tmp_path / "a.csv.dvc")
    assert not (tmp_path / ".mlops").exists()


def test_a_dvc_file_is_written_beside_a_checkout_and_read_again(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CONTENT)
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "sub" / "Größe.txt").write_text("1")
    (tmp_path / "folder" / "b.txt").write_text("2")
    for name in ("a.csv", "folder"):
        version = versions.add(store, "it", tmp_path / name)
        copy = data.checkout(store.settings, str(version.ref), tmp_path / "copies" / name, dvc=True)
        described = copy.with_name(f"{copy.name}.dvc")
        assert dvc.read(described).path == name
        assert versions.add(store, "again", described).version == version.version
    assert yaml.safe_load((tmp_path / "copies" / "a.csv.dvc").read_text()) == {
        "outs": [{"md5": md5(CONTENT), "size": len(CONTENT), "hash": "md5", "path": "a.csv"}]
    }


def test_a_folder_has_the_md5_that_dvc_gives_it(tmp_path: Path) -> None:
    """Names that sort otherwise as parts than as text, and letters beyond ASCII; the MD5 is DVC 3.67's."""
    files = {
        "Zed.txt": "z\n",
        "a-b": "w\n",
        "a.txt": "1\n",
        "a/x": "q\n",
        "sub/b.csv": "x\r\n1\r\n",
        "ümlaut.txt": "u\n",
    }
    for name, content in files.items():
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(content.encode())
    assert dvc.read(dvc.write(tmp_path / "images")).md5 == "968b41b8b1cc605ab467bdf55a97ca99.dir"
