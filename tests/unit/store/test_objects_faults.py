"""What may go wrong while contents are put: kills, full disks, writers beside us, things that are no files."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.errors import DataError, StorageError
from jupyter_mlops.store import batch, copying
from jupyter_mlops.store.copying import BLOCK
from jupyter_mlops.store.folder import GRACE_SECONDS, Folder
from jupyter_mlops.store.objects import Objects

KILLS = int(os.environ.get("JUPYTER_MLOPS_TEST_KILLS", "6"))
PUTTER = """
import sys
from pathlib import Path
from jupyter_mlops.store.objects import Objects
objects = Objects(Path(sys.argv[1]))
print("ready", flush=True)
objects.put_many(sorted(path for path in Path(sys.argv[2]).iterdir()))
for digest in list(objects.digests())[::3]:
    objects.delete(digest, grace=-1)
"""


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(random.Random(0).randbytes(3 * BLOCK + 12345))  # noqa: S311 - any bytes will do
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left_over(objects: Objects) -> list[Path]:
    return list((objects.folder / "incoming").glob("*"))


def test_killed_at_any_moment_every_content_is_whole(tmp_path: Path, objects: Objects) -> None:
    source = tmp_path / "source"
    source.mkdir()
    generator = random.Random(1)  # noqa: S311 - any bytes will do
    for number in range(300):
        size = BLOCK + number if number % 75 == 0 else 1000
        (source / f"{number:04}").write_bytes(generator.randbytes(size))
    expected = {sha256(path) for path in source.iterdir()}
    killed = 0
    for _ in range(KILLS):
        argv = [sys.executable, "-c", PUTTER, str(objects.folder), str(source)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as putter:
            assert putter.stdout is not None
            putter.stdout.readline()
            time.sleep(generator.random() * 0.15)
            putter.send_signal(signal.SIGKILL)
        killed += putter.returncode == -signal.SIGKILL
        for digest in objects.digests():
            assert digest in expected
            objects.verify(digest)
    assert killed, "no kill fell into the work"
    assert set(objects.put_many(sorted(source.iterdir()))) == expected == set(objects.digests())
    for digest in expected:
        objects.verify(digest)


def test_a_copy_that_was_broken_off_writes_only_the_rest(
    objects: Objects, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []

    def stop(size: int) -> None:
        done.append(size)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        objects.put_file(large, progress=stop)
    assert not objects.digests()
    written: list[int] = []
    pwrite = os.pwrite

    def counted(descriptor: int, data: bytes, place: int) -> int:
        written.append(place)
        return pwrite(descriptor, data, place)

    monkeypatch.setattr(os, "pwrite", counted)
    digest = objects.put_file(large)
    assert digest == sha256(large)
    assert min(written) >= 2 * BLOCK
    objects.verify(digest)
    assert not left_over(objects)


def test_a_file_that_became_another_is_not_gone_on_with(objects: Objects, large: Path) -> None:

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        objects.put_file(large, progress=stop)
    large.write_bytes(large.read_bytes()[::-1])
    digest = objects.put_file(large)
    assert digest == sha256(large)
    objects.verify(digest)


@pytest.mark.parametrize("left", [b"x" * BLOCK, b"x" * (BLOCK + 1), b"x" * (5 * BLOCK), b""])
def test_what_a_power_failure_left_is_not_believed(objects: Objects, large: Path, left: bytes) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        objects.put_file(large, progress=stop)
    (partial,) = left_over(objects)
    partial.write_bytes(left)
    digest = objects.put_file(large)
    assert digest == sha256(large)
    objects.verify(digest)


def test_two_who_put_the_same_get_the_same(objects: Objects, large: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        digests = set(threads.map(objects.put_file, [large] * 8))
    assert digests == {sha256(large)} == set(objects.digests())
    objects.verify(digests.pop())
    assert not left_over(objects)


def test_two_processes_that_put_the_same_get_the_same(objects: Objects, tmp_path: Path, large: Path) -> None:
    (tmp_path / "source").mkdir()
    large.rename(tmp_path / "source" / "large")
    for number in range(50):
        (tmp_path / "source" / str(number)).write_text(str(number))
    code = PUTTER.partition("for digest")[0]
    argv = [sys.executable, "-c", code, str(objects.folder), str(tmp_path / "source")]
    putters = [subprocess.Popen(argv, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [putter.wait() for putter in putters] == [0, 0, 0]
    assert objects.digests().keys() == {sha256(path) for path in (tmp_path / "source").iterdir()}
    assert not left_over(objects)
    for digest in objects.digests():
        objects.verify(digest)


@pytest.mark.parametrize("size", [1000, 2 * BLOCK])
def test_a_file_that_is_written_to_meanwhile_is_refused(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(bytes(size))

    def grow(digested: Any) -> Any:
        with path.open("ab") as stream:
            stream.write(b"more")
        return digested

    if size > batch.WHOLE:
        with pytest.raises(DataError, match="was changed while it was read"):
            objects.put_file(path, progress=grow)
    else:
        read = copying._read
        monkeypatch.setattr(copying, "_read", lambda *given: grow(read(*given)))
        with pytest.raises(DataError, match="was changed while it was read"):
            objects.put_file(path)
    assert not objects.digests()
    assert not left_over(objects)


def test_what_is_no_file_is_refused_at_once(objects: Objects, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("/dev/zero")
    with listener:
        for name, what in (("pipe", "a pipe"), ("link", "a device"), ("", "a folder")):
            with pytest.raises(DataError, match=f"is {what}, not a file"):
                objects.put_file(tmp_path / name)
        with pytest.raises(OSError, match="No such device"):
            objects.put_file(tmp_path / "socket")
    assert not objects.digests()


@pytest.mark.parametrize("digest", ["", ".", "../../etc/passwd", "AB" * 32, "0" * 63, "0" * 64 + "\n"])
def test_what_is_no_digest_names_nothing(objects: Objects, digest: str) -> None:
    objects.put_bytes(b"1")
    assert not objects.has(digest)
    assert not objects.intact(digest)
    assert objects.delete(digest, grace=-1) == 0


def test_a_file_too_large_for_the_disk_is_refused_before_it_is_read(objects: Objects, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(8 << 40)
    begun = time.monotonic()
    with pytest.raises(StorageError, match="are free under"):
        objects.put_file(tmp_path / "sparse")
    assert time.monotonic() - begun < 5
    assert not left_over(objects)


@pytest.mark.parametrize("size", [BLOCK // 2, 3 * BLOCK])
def test_a_disk_that_fills_up_is_told_and_given_back(tmp_path: Path, size: int) -> None:
    # The kernel itself refuses the write, as it does on a full disk.
    (tmp_path / "file").write_bytes(bytes(size))
    code = (
        "import sys; from pathlib import Path; from jupyter_mlops.errors import StorageError;"
        "from jupyter_mlops.store.objects import Objects\n"
        "try: Objects(Path(sys.argv[1])).put_file(Path(sys.argv[2]))\n"
        "except StorageError as error: print(error)"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path / "objects"), str(tmp_path / "file")],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "there is no room left under" in done.stdout
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


def test_where_writes_past_the_cache_are_refused_it_does_without(
    objects: Objects, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    refused: list[int] = []

    def refuse(descriptor: int, data: bytes, place: int) -> int:
        if not refused:
            refused.append(place)
            raise OSError(errno.EINVAL, "not aligned as it should be")
        return pwrite(descriptor, data, place)

    monkeypatch.setattr(os, "pwrite", refuse)
    objects.verify(objects.put_file(large))
    assert refused == [0]


def test_without_a_sync_of_the_whole_disk_files_are_synced_one_by_one(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "sync_all", lambda _: False)
    paths = [tmp_path / str(number) for number in range(batch.FEW + 5)]
    for path in paths:
        path.write_text(path.name)
    for digest in objects.put_many(paths):
        objects.verify(digest)


def test_what_was_just_put_stays(objects: Objects) -> None:
    digest = objects.put_bytes(b"1")
    assert objects.delete(digest) == 0
    old = time.time() - 2 * GRACE_SECONDS
    os.utime(objects.path(digest), (old, old))
    assert objects.put_bytes(b"1") == digest
    assert objects.delete(digest) == 0, "it was put again"
    os.utime(objects.path(digest), (old, old))
    assert objects.delete(digest) == 1
    assert not objects.digests()
    assert objects.delete(digest) == 0


def test_what_is_put_while_it_is_taken_away_is_there(tmp_path: Path) -> None:
    folder, objects = Folder(tmp_path / "objects"), Objects(tmp_path / "objects")
    digest = objects.put_bytes(b"1")
    lost: list[int] = []
    ended = threading.Event()

    def collect() -> None:
        while not ended.is_set():
            folder.delete(digest, grace=GRACE_SECONDS)

    collector = threading.Thread(target=collect)
    collector.start()
    old = time.time() - 2 * GRACE_SECONDS
    for turn in range(300):
        objects.put_bytes(b"1")
        if not objects.has(digest):
            lost.append(turn)
        os.utime(objects.path(digest), (old, old))
        objects.put_bytes(b"1")
        if not objects.has(digest):
            lost.append(turn)
    ended.set()
    collector.join()
    assert not lost
