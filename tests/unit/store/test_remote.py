from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.store import remote
from jupyter_mlops.store.objects import Objects

# Small enough for many parts in no time; the protocol itself wants 5 MiB for all parts but the last.
LARGE = remote.PART * 2 + 17


@pytest.fixture
def here(tmp_path: Path, s3_url: str) -> Objects:
    return Objects(tmp_path / "here", s3_url)


@pytest.fixture
def there(tmp_path: Path, s3_url: str) -> Objects:
    """The same store, seen from another machine."""
    return Objects(tmp_path / "there", s3_url)


def content(size: int) -> bytes:
    return hashlib.sha256(str(size).encode()).digest() * (size // 32 + 1)


def test_what_is_put_here_is_there(here: Objects, there: Objects, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content(LARGE))
    told: list[int] = []
    small = here.put_bytes(b"small")
    large = here.put_file(tmp_path / "file", progress=told.append)
    assert sum(told) == (tmp_path / "file").stat().st_size
    assert there.has(small)
    assert there.read(small) == b"small"
    assert there.path(large).read_bytes() == (tmp_path / "file").read_bytes()
    assert there.digests() == {small: 5, large: sum(told)}
    there.verify(large)
    assert there.intact(large)
    assert not there.has("0" * 64)
    assert not there.intact("0" * 64)
    with pytest.raises(NotFoundError, match="no stored content 0000"):
        there.path("0" * 64)
