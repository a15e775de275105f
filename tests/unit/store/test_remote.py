from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.errors import IntegrityError, NotFoundError, SettingsError, StorageError
from jupyter_mlops.store import remote, s3
from jupyter_mlops.store.folder import GRACE_SECONDS
from jupyter_mlops.store.objects import Objects
from jupyter_mlops.store.s3 import S3

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


def test_a_content_that_is_there_is_not_sent_again(
    here: Objects, there: Objects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(content(5000))
    digest = here.put_bytes(content(5000))
    monkeypatch.setattr(S3, "_send", None)
    told: list[int] = []
    assert there.put_file(tmp_path / "file", progress=told.append) == digest
    assert there.put_file(tmp_path / "file", digest=digest, progress=told.append) == digest
    assert told == [(tmp_path / "file").stat().st_size] * 2


def test_many_files_travel_together(here: Objects, there: Objects, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(60)]
    for number, path in enumerate(paths):
        path.write_text(str(number % 50))
    told: list[int] = []
    digests = here.put_many(paths, progress=told.append)
    assert sum(told) == sum(path.stat().st_size for path in paths)
    assert [path.read_bytes() for path in there.paths(digests)] == [path.read_bytes() for path in paths]
    assert there.digests().keys() == set(digests)


def test_an_adopted_file_is_there_when_it_has_settled(here: Objects, there: Objects, tmp_path: Path) -> None:
    (tmp_path / "product").write_bytes(b"product")
    digest = here.adopt(tmp_path / "product")
    here.settle()
    assert there.read(digest) == b"product"


def test_an_adopted_file_that_was_not_sent_is_sent_when_it_is_used_again(
    here: Objects, there: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "product").write_bytes(b"product")
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    digest = here.adopt(tmp_path / "product")
    with pytest.raises(StorageError, match="doesn't answer"):
        here.settle()
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert not there.has(digest)
    assert Objects(here.folder, here.url).intact(digest)
    assert there.read(digest) == b"product"


def test_a_spoiled_copy_is_fetched_again(here: Objects) -> None:
    digest = here.put_bytes(b"right")
    for _ in range(2):
        here.path(digest).chmod(0o644)
        here.path(digest).write_bytes(b"wrong")
        assert here.intact(digest)
        assert here.read(digest) == b"right"
    here.path(digest).chmod(0o644)
    here.path(digest).write_bytes(b"wrong")
    assert here.read(digest) == b"right"


def test_what_was_changed_on_the_server_is_refused(
    here: Objects, there: Objects, s3_url: str, s3_client: Any
) -> None:
    digest = here.put_bytes(b"right")
    bucket, _, prefix = s3_url.removeprefix("s3://").partition("/")
    s3_client.put_object(Bucket=bucket, Key=f"{prefix}/{digest[:2]}/{digest}", Body=b"wrong")
    for ask in (there.path, there.verify, here.verify):
        with pytest.raises(IntegrityError):
            ask(digest)
    assert not list((there.folder / "incoming").iterdir())
    assert here.read(digest) == b"right", "the copy here is what it should be"


def test_what_was_just_put_is_not_taken_away(here: Objects, there: Objects) -> None:
    digest = here.put_bytes(b"1")
    assert there.delete(digest) == 0
    assert there.has(digest)
    assert there.delete(digest, grace=-60.0) == 1
    assert not here.has(digest)
    assert there.delete(digest) == 0
    assert here.delete("../../etc") == 0


def test_what_is_old_is_made_young_when_it_is_put_again(
    here: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = here.put_bytes(b"1")
    now = time.time()
    # An hour goes by.
    monkeypatch.setattr(time, "time", lambda: now + GRACE_SECONDS)
    before = here._remote.stored(digest)  # type: ignore[union-attr]
    renewed: list[str] = []
    renew = S3._renew

    def counted(self: S3, key: str, found: remote.Stored) -> bool:
        renewed.append(key)
        return renew(self, key, found)

    monkeypatch.setattr(S3, "_renew", counted)
    here.put_bytes(b"1")
    assert len(renewed) == 1
    assert here._remote.stored(digest).put_at >= before.put_at  # type: ignore[union-attr]
    assert here.read(digest) == b"1"


def test_signatures_travel_along(here: Objects, there: Objects) -> None:
    digest = here.put_bytes(b"1")
    assert there.signature(digest) is None
    here.put_signature(digest, b"signed")
    assert there.signature(digest) == b"signed"
    assert there.digests().keys() == {digest}
    assert there.delete(digest, grace=-60.0)
    assert Objects(there.folder.parent / "third", here.url).signature(digest) is None


def test_an_upload_that_was_broken_off_is_gone_on_with(
    here: Objects, there: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(content(LARGE))
    sent: list[int] = []
    call = S3._call

    def counted(self: S3, method: str, key: str, **arguments: Any) -> Any:
        if method == "upload_part":
            sent.append(arguments["PartNumber"])
            if arguments["PartNumber"] == 3 and len(sent) <= 3:
                raise ConnectionError("the server went away")
        return call(self, method, key, **arguments)

    monkeypatch.setattr(S3, "_call", counted)
    with pytest.raises(StorageError, match="doesn't answer: the server went away"):
        here.put_file(tmp_path / "file")
    assert not here.digests()
    assert sorted(sent) == [1, 2, 3]
    digest = here.put_file(tmp_path / "file")
    assert sorted(sent) == [1, 2, 3, 3]
    there.verify(digest)


def test_an_upload_that_nobody_goes_on_with_is_given_up(
    here: Objects, s3_url: str, s3_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, _, prefix = s3_url.removeprefix("s3://").partition("/")

    def under_way() -> int:
        return len(s3_client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()))

    s3_client.create_multipart_upload(Bucket=bucket, Key=f"{prefix}/00/{'0' * 64}")
    # This server says of every upload that it began in 2010.
    with monkeypatch.context() as patience:
        patience.setattr(s3, "UPLOAD_SECONDS", 1e12)
        here.tidy()
    assert under_way() == 1
    here.tidy()
    assert under_way() == 0


def test_a_fetch_that_was_broken_off_is_gone_on_with(
    here: Objects, there: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(content(LARGE))
    digest = here.put_file(tmp_path / "file")
    fetched: list[int] = []

    def stop(size: int) -> None:
        fetched.append(size)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        there.path(digest, progress=stop)
    assert there.path(digest, progress=fetched.append).read_bytes() == (tmp_path / "file").read_bytes()
    assert sum(fetched) == (tmp_path / "file").stat().st_size, "nothing was fetched twice"


def test_a_spoiled_half_of_a_fetch_is_not_believed(here: Objects, there: Objects) -> None:
    digest = here.put_bytes(b"right")
    (there.folder / "incoming").mkdir(parents=True)
    (there.folder / "incoming" / f"{digest}.partial").write_bytes(b"wro")
    assert there.read(digest) == b"right"


@pytest.mark.parametrize("url", ["s3://no-such-bucket-here/store", "s3://no-such-bucket-here"])
def test_a_bucket_that_isnt_there_is_told(tmp_path: Path, s3_client: Any, url: str) -> None:
    with pytest.raises(StorageError, match="make the bucket or folder first"):
        Objects(tmp_path, url).put_bytes(b"1")


def test_a_server_that_isnt_there_is_told_in_seconds(
    tmp_path: Path, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(StorageError, match="doesn't answer"):
        Objects(tmp_path, s3_url).put_bytes(b"1")
    assert time.monotonic() - begun < 30


def test_a_place_nobody_knows_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="objects = 'nowhere://x'"):
        Objects(tmp_path, "nowhere://me:secret@x").put_bytes(b"1")


def test_any_place_that_fsspec_knows_will_do(tmp_path: Path) -> None:
    url = f"local://{tmp_path}/far/away"
    one, two = Objects(tmp_path / "one", url), Objects(tmp_path / "two", url)
    digests = [one.put_bytes(b"1"), one.put_bytes(b"2")]
    assert two.read(digests[0]) == b"1"
    assert two.digests() == dict.fromkeys(digests, 1)
    assert sorted(path.name for path in (tmp_path / "far" / "away").rglob("*") if path.is_file()) == sorted(
        digests
    )
    os.utime(tmp_path / "far" / "away" / digests[0][:2] / digests[0], (1, 1))
    assert two.put_bytes(b"1") == digests[0]
    assert two.delete(digests[0]) == 0, "it was put again just now"
    assert two.delete(digests[1], grace=-60.0) == 1
    assert one.digests().keys() == {digests[0]}
