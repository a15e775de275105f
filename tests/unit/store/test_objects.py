from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import IntegrityError, NotFoundError
from jupyter_mlops.store.copying import BLOCK
from jupyter_mlops.store.objects import Objects


@given(contents=st.lists(st.binary(max_size=200)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_what_is_put_is_read_back_and_kept_once(tmp_path: Path, contents: list[bytes]) -> None:
    objects = Objects(tmp_path / "objects")
    digests = [objects.put_bytes(content) for content in contents]
    assert [objects.read(digest) for digest in digests] == contents
    assert digests == [hashlib.sha256(content).hexdigest() for content in contents]
    assert not list((tmp_path / "objects").glob("incoming/*"))


def test_a_file_and_its_bytes_are_the_same_content(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "objects")
    (tmp_path / "file").write_bytes(b"content")
    assert objects.put_file(tmp_path / "file") == objects.put_bytes(b"content")
    assert len([path for path in (tmp_path / "objects").rglob("*") if path.is_file()]) == 1


def test_a_stored_file_is_read_only(tmp_path: Path) -> None:
    objects = Objects(tmp_path)
    assert objects.path(objects.put_bytes(b"x")).stat().st_mode & 0o222 == 0


def test_what_isnt_there_is_named(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "none")
    with pytest.raises(NotFoundError, match="no stored content 4f2a"):
        objects.path("4f2a" * 16)
    assert not objects.has("4f2a" * 16)
    assert not (tmp_path / "none").exists()


def test_changed_content_is_refused(tmp_path: Path) -> None:
    objects = Objects(tmp_path)
    digest = objects.put_bytes(b"right")
    objects.path(digest).chmod(0o644)
    objects.path(digest).write_bytes(b"wrong")
    with pytest.raises(IntegrityError, match="was changed"):
        objects.read(digest)
    with pytest.raises(IntegrityError, match="was changed"):
        objects.verify(digest)


def test_a_missing_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Objects(tmp_path / "objects").put_file(tmp_path / "missing")
    assert not (tmp_path / "objects").exists()


def test_a_writer_killed_half_way_leaves_no_half_content(tmp_path: Path) -> None:
    # It kills itself after the first of three blocks, so the kill falls in the middle for certain.
    code = (
        "import os, signal, sys; from pathlib import Path; from jupyter_mlops.store.objects import Objects;"
        "kill = lambda _: os.kill(os.getpid(), signal.SIGKILL);"
        "Objects(Path(sys.argv[1])).put_file(Path(sys.argv[2]), progress=kill)"
    )
    source = tmp_path / "source"
    source.write_bytes(b"x" * (2 * BLOCK + 1))
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "objects"), str(source)], check=False)
    assert done.returncode == -signal.SIGKILL
    left = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert [path.parent.name for path in left] == ["incoming"]
    objects = Objects(tmp_path / "objects")
    objects.verify(objects.put_file(source))
    assert not list((tmp_path / "objects" / "incoming").iterdir())


def test_a_large_content_is_hashed_again_only_when_it_was_touched(tmp_path: Path) -> None:
    objects = Objects(tmp_path)
    digest = objects.put_bytes(bytes(2 << 20))
    assert objects.intact(digest)
    place = objects.path(digest)
    before = place.stat()
    place.chmod(0o644)
    place.write_bytes(b"y" + bytes((2 << 20) - 1))
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert objects.intact(digest), "size, time and inode say that nobody was there"
    os.utime(place)
    with pytest.raises(IntegrityError, match="was changed"):
        objects.intact(digest)


def test_a_small_content_is_hashed_each_time(tmp_path: Path) -> None:
    objects = Objects(tmp_path)
    digest = objects.put_bytes(b"small")
    assert objects.intact(digest)
    place = objects.path(digest)
    before = place.stat()
    place.chmod(0o644)
    place.write_bytes(b"smell")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(IntegrityError):
        objects.intact(digest)
    assert not objects.intact("0" * 64)


def test_an_adopted_file_is_the_stored_one(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "objects")
    (tmp_path / "product").write_bytes(b"content")
    digest = objects.adopt(tmp_path / "product")
    objects.settle()
    assert objects.path(digest).samefile(tmp_path / "product")
    assert digest == objects.put_bytes(b"content")
    assert objects.intact(digest)
    assert (tmp_path / "product").stat().st_mode & 0o777 == 0o444
    (tmp_path / "again").write_bytes(b"content")
    assert objects.adopt(tmp_path / "again") == digest


def test_where_there_are_no_links_a_copy_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    objects = Objects(tmp_path / "objects")
    (tmp_path / "product").write_bytes(b"content")
    assert objects.read(objects.adopt(tmp_path / "product")) == b"content"


def test_what_cannot_reach_the_disk_is_told_when_it_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    objects = Objects(tmp_path / "objects")
    (tmp_path / "product").write_bytes(b"content")
    monkeypatch.setattr(os, "fsync", fail)
    objects.adopt(tmp_path / "product")
    with pytest.raises(OSError, match="broken"):
        objects.settle()
