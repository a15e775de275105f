from __future__ import annotations

import http.server
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

from jupyter_mlops.data import versions
from jupyter_mlops.errors import DataError
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(Settings(root=tmp_path / "project"))


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    system.pipe("/data/a.csv", b"x\n1\n2\n")
    system.pipe("/data/more/b.csv", b"x\n3\n")
    yield system
    system.rm("/", recursive=True)


def test_a_file_is_fetched_and_known_by_its_content(store: Store, memory: Any, tmp_path: Path) -> None:
    told: list[int] = []
    version = versions.add(store, "a", "memory://data/a.csv", progress=told.append)
    assert (version.source, version.format, version.rows) == ("memory://data/a.csv", "csv", 2)
    assert versions.checkout(store, version).name == "a.csv"
    (tmp_path / "same.csv").write_bytes(b"x\n1\n2\n")
    assert versions.add(store, "a", tmp_path / "same.csv") == version
    assert sum(told) == 12  # fetched, then stored
    assert not (store.settings.state / "fetched").exists()


def test_a_folder_is_fetched(store: Store, memory: Any) -> None:
    version = versions.add(store, "data", "memory://data")
    assert (version.content, version.files, version.rows) == ("folder", 2, 3)
    path = versions.checkout(store, version)
    assert (path / "more" / "b.csv").read_bytes() == b"x\n3\n"


def test_a_key_that_leads_elsewhere_is_refused(store: Store, memory: Any, tmp_path: Path) -> None:
    memory.store["/evil/../../../../x"] = memory.store["/data/a.csv"]
    memory.pseudo_dirs.append("/evil")
    with pytest.raises(DataError, match=r"leads out of the folder|nothing is at|no files in it"):
        versions.add(store, "evil", "memory://evil")
    assert [path.name for path in tmp_path.rglob("x")] == []


@pytest.mark.parametrize(
    "url, message",
    [
        ("memory://data/nothing.csv", "nothing is at memory://data/nothing.csv"),
        ("nosuch://host/a.csv", "can't be read"),
        ("http://ann:secret@127.0.0.1:1/a.csv", "http://127.0.0.1:1/a.csv can't be read|nothing is at"),
    ],
)
def test_what_cant_be_fetched_is_said_and_changes_nothing(
    store: Store, memory: Any, url: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        versions.add(store, "a", url)
    assert "secret" not in str(caught.value)
    assert not store.objects.digests()


def test_over_http(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x\n1\n")
    handler = partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/a.csv?token=secret"
            version = versions.add(store, "a", url)
        finally:
            server.shutdown()
            thread.join()
    assert (version.rows, version.source) == (1, url.removesuffix("?token=secret"))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


def test_from_an_object_store(store: Store, s3_client: Any, s3_url: str) -> None:
    bucket = s3_url.split("/")[2]
    s3_client.put_object(Bucket=bucket, Key="data/a.csv", Body=b"x\n1\n2\n")
    version = versions.add(store, "a", f"s3://{bucket}/data/a.csv")
    assert version.rows == 2
    folder = versions.add(store, "folder", f"s3://{bucket}/data")
    assert (folder.content, folder.files) == ("folder", 1)
