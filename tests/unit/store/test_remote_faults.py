"""A server that goes away in the middle of what it says or hears, for once or for good."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from jupyter_mlops.errors import MlopsError, StorageError
from jupyter_mlops.store.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = int(os.environ.get("JUPYTER_MLOPS_TEST_KILLS", "2"))
SIZE = (16 << 20) + 5


class Cutter:
    """Stand between a client and the server; cut connections off after so many bytes one way."""

    def __init__(self, server: str) -> None:
        found = urlsplit(server)
        self._server = (found.hostname, found.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.up, self.down = -1, -1
        self.cuts_left = 0
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                pair = (client, server)
                for source, target, way in ((client, server, "up"), (server, client, "down")):
                    arguments = (source, target, way, pair)
                    threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _forward(
        self, source: socket.socket, target: socket.socket, way: str, pair: tuple[socket.socket, ...]
    ) -> None:
        done = 0
        with suppress(OSError):
            while data := source.recv(65536):
                done += len(data)
                most = getattr(self, way)
                if most >= 0 and done > most and self.cuts_left:
                    self.cuts_left -= 1
                    self.cuts += 1
                    break
                target.sendall(data)
        for each in pair:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
                each.close()


@pytest.fixture
def cutter(s3_server: str, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cutter]:
    found = Cutter(s3_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
    yield found
    found.close()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(bytes(range(256)) * (SIZE // 256 + 1))
    return tmp_path / "file"


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_connection_cut_once_harms_nothing(
    cutter: Cutter, s3_url: str, tmp_path: Path, large: Path, way: str
) -> None:
    here, there = Objects(tmp_path / "here", s3_url), Objects(tmp_path / "there", s3_url)
    cutter.up, cutter.cuts_left = 1 << 20, 1 if way == "up" else 0
    digest = here.put_file(large)
    cutter.down, cutter.cuts_left = 1 << 20, 1 if way == "down" else 0
    assert there.path(digest).read_bytes() == large.read_bytes()
    assert cutter.cuts == 1


def test_a_server_that_hears_only_half_has_nothing(
    cutter: Cutter, s3_url: str, tmp_path: Path, large: Path
) -> None:
    here = Objects(tmp_path / "here", s3_url)
    cutter.up, cutter.cuts_left = 1 << 20, 10**6
    with pytest.raises(StorageError, match="doesn't answer"):
        here.put_file(large)
    cutter.cuts_left = 0
    assert here.digests() == {}
    digest = here.put_file(large)
    Objects(tmp_path / "there", s3_url).verify(digest)


def test_a_server_that_says_only_half_is_not_believed(
    cutter: Cutter, s3_url: str, tmp_path: Path, large: Path
) -> None:
    digest = Objects(tmp_path / "here", s3_url).put_file(large)
    there = Objects(tmp_path / "there", s3_url)
    cutter.down, cutter.cuts_left = 1 << 20, 10**6
    with pytest.raises(MlopsError):
        there.path(digest)
    assert not there._local.has(digest)
    cutter.cuts_left = 0
    assert there.path(digest).read_bytes() == large.read_bytes()


def test_a_server_that_keeps_less_than_it_was_given_is_found_out(
    s3_url: str, s3_client: Any, tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_mlops.store.s3 import S3

    call = S3._call

    def cut(self: S3, method: str, key: str, **arguments: Any) -> Any:
        if method in ("put_object", "upload_part"):
            arguments["Body"] = arguments["Body"][:-1]
        return call(self, method, key, **arguments)

    monkeypatch.setattr(S3, "_call", cut)
    objects = Objects(tmp_path / "here", s3_url)
    small = tmp_path / "small"
    small.write_bytes(b"small")
    for path in (small, large):
        with pytest.raises(StorageError, match=r"kept [\d,]+ bytes of"):
            objects.put_file(path)
    assert objects.digests() == {}


def test_two_who_send_the_same_at_once_get_the_same(s3_url: str, tmp_path: Path, large: Path) -> None:
    machines = [Objects(tmp_path / f"machine-{number}", s3_url) for number in range(3)]
    with ThreadPoolExecutor(len(machines)) as threads:
        digests = set(threads.map(lambda machine: machine.put_file(large), machines))
    (digest,) = digests
    assert machines[0].digests() == {digest: large.stat().st_size}
    Objects(tmp_path / "another", s3_url).verify(digest)


def test_killed_at_any_moment_the_server_has_whole_contents_only(
    s3_url: str, tmp_path: Path, large: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    large.rename(source / "large")
    for number in range(40):
        (source / str(number)).write_text(str(number))
    code = (
        "import sys; from pathlib import Path; from jupyter_mlops.store.objects import Objects;"
        "objects = Objects(Path(sys.argv[1]), sys.argv[2]); objects.digests(); print(flush=True);"
        "objects.put_many(sorted(Path(sys.argv[3]).iterdir()))"
    )
    expected = {hashlib.sha256(path.read_bytes()).hexdigest() for path in source.iterdir()}
    for turn in range(KILLS):
        argv = [sys.executable, "-c", code, str(tmp_path / f"here-{turn % 2}"), s3_url, str(source)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as putter:
            assert putter.stdout is not None
            putter.stdout.readline()
            time.sleep(0.3 * (turn + 1) / KILLS)
            putter.kill()
        found = Objects(tmp_path / "found", s3_url)
        assert found.digests().keys() <= expected
        for digest in found.digests():
            found.verify(digest)
    last = Objects(tmp_path / "here-0", s3_url)
    assert set(last.put_many(sorted(source.iterdir()))) == expected == last.digests().keys()
    for digest in expected:
        last.verify(digest)
