from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.records.dataset import Collection
from jupyter_mlops.records.model import ModelVersion, Retirement, Signature
from jupyter_mlops.records.run import Run, StageExecution
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import data, data_gc

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("JUPYTER_MLOPS_TEST_KILLS", "4"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path / "project", keep_runs=1)


def record(settings: Settings, content: str, name: str = "churn", **more: Any) -> str:
    path = settings.root.parent / "a.txt"
    path.write_text(content)
    return str(data.add(settings, name, path, **more).ref)


def there(settings: Settings, *refs: str) -> list[bool]:
    store = open_store(settings)
    return [store.objects.has(ref.partition("@")[2]) for ref in refs]


def collect(settings: Settings, **more: Any) -> data_gc.Collected:
    return data_gc.collect(settings, grace=-1, **more)


def model(number: int, *parents: str, **more: Any) -> ModelVersion:
    return ModelVersion(
        name="churn",
        version=number,
        bundle="b" * 64,
        signature=Signature(layout="frame", inputs=(), outputs=()),
        parents=parents,
        **more,
    )


def test_everything_on_record_stays_and_the_rest_goes(settings: Settings, tmp_path: Path) -> None:
    one, two = record(settings, "one"), record(settings, "two")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_text("in a folder")
    data.add(settings, "folder", tmp_path / "folder")
    objects = open_store(settings).objects
    stray = objects.put_bytes(b"nobody knows it")
    named = objects.put_bytes(b"named in a document")
    document = objects.put_bytes(b'{"file": "%s"}' % named.encode())
    run = Run(run_id="r", status="succeeded", notebook="n.ipynb", environment=document)
    open_store(settings).ledger.append(run)
    found = collect(settings)
    assert (found.contents, found.versions) == (1, ())
    assert not objects.has(stray)
    assert objects.has(named)
    assert there(settings, one, two) == [True, True]
    assert {each.status for each in data.verify(settings)} == {"whole"}
    assert collect(settings).contents == 0


def test_what_was_put_just_now_stays(settings: Settings) -> None:
    record(settings, "one")
    stray = open_store(settings).objects.put_bytes(b"not on record yet")
    assert data_gc.collect(settings).contents == 0
    assert open_store(settings).objects.has(stray)


def test_old_versions_go_but_not_those_that_something_kept_was_made_from(settings: Settings) -> None:
    behind = record(settings, "raw", "raw")
    used = record(settings, "used", parents=(behind,))
    judged = record(settings, "judged on")
    recent = record(settings, "read by the last run")
    replaced = record(settings, "of a model that was collected")
    long_ago = record(settings, "read by a run of long ago")
    newest = record(settings, "newest")
    record(settings, "newest", "raw")
    product = open_store(settings).objects.put_bytes(b"product of the last run")
    old = open_store(settings).objects.put_bytes(b"product of a run of long ago")
    open_store(settings).ledger.append(
        _stage("old", old, long_ago),
        _run("old"),
        _stage("killed", "", used),
        _stage("last", product, recent),
        model(1, replaced),
        model(2, judged, run_id="killed"),
        Retirement(name="churn", version=1, cause="collected"),
        _run("last"),
    )
    found = collect(settings, keep=1)
    assert there(settings, behind, used, judged, recent, newest) == [True] * 5
    assert there(settings, replaced, long_ago) == [False] * 2
    assert sorted(found.versions) == sorted([replaced, long_ago])
    assert open_store(settings).objects.has(product)
    assert not open_store(settings).objects.has(old)
    status = {each.version: each.status for each in data.verify(settings)}
    assert status.pop(replaced) == status.pop(long_ago) == "collected"
    assert set(status.values()) == {"whole"}
    [told] = open_store(settings).ledger.find("collection")
    assert isinstance(told, Collection)
    assert set(told.versions) == {replaced, long_ago}


def _run(name: str) -> Run:
    return Run(run_id=name, status="succeeded", notebook="n", parents=(f"stage/n.train@{name}",))


def _stage(run: str, product: str, *parents: str) -> StageExecution:
    return StageExecution(
        key=run, pipeline="n", stage="train", source="", run_id=run, product=product, parents=parents
    )


def test_a_copy_of_what_went_goes_too_and_can_be_recorded_again(settings: Settings) -> None:
    one = record(settings, "one")
    copy = data.checkout(settings, one)
    record(settings, "two")
    collect(settings, keep=1)
    assert not copy.exists()
    with pytest.raises(NotFoundError, match="was taken away by data gc"):
        data.checkout(settings, one)
    assert record(settings, "one") == one
    assert data.checkout(settings, one).read_text() == "one"


def test_a_dry_run_changes_nothing(settings: Settings) -> None:
    one = record(settings, "one")
    record(settings, "two")
    found = collect(settings, keep=1, dry_run=True)
    assert (found.versions, found.contents, found.dry_run) == ((one,), 1, True)
    assert there(settings, one) == [True]
    assert open_store(settings).ledger.find("collection") == []


def test_another_projects_contents_are_safe(settings: Settings, tmp_path: Path) -> None:
    elsewhere = Settings(root=settings.root, objects=str(tmp_path / "shared"))
    record(elsewhere, "one")
    other = Settings(root=tmp_path / "other", objects=str(tmp_path / "shared"))
    theirs = record(other, "theirs")
    with pytest.raises(UsageError, match="another project may use it"):
        collect(elsewhere)
    assert there(other, theirs) == [True]
    collect(elsewhere, exclusive=True)
    assert there(other, theirs) == [False]


def test_contents_without_any_record_are_not_taken_for_rubbish(settings: Settings) -> None:
    one = record(settings, "one")
    wrong = Settings(root=settings.root, store="sqlite:///.mlops/another.db")
    with pytest.raises(UsageError, match="is that the database they belong to"):
        collect(wrong)
    assert there(settings, one) == [True]


def test_contents_beyond_this_machine(settings: Settings, tmp_path: Path, s3_url: str) -> None:
    remote = Settings(root=settings.root, objects=s3_url)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.csv").write_text("x\n1\n")
    folder = data.add(remote, "folder", tmp_path / "folder")
    one, two = record(remote, "one"), record(remote, "two")
    with pytest.raises(UsageError, match="another project may use it"):
        collect(remote, keep=1)
    found = collect(remote, keep=1, exclusive=True)
    assert found.versions == (one,)
    shutil.rmtree(open_store(remote).objects.folder)
    statuses = {each.version: each.status for each in data.verify(remote)}
    assert statuses == {str(folder.ref): "whole", one: "collected", two: "whole"}
    assert (data.checkout(remote, "folder") / "a.csv").read_text() == "x\n1\n"


_LOOP = """
import sys
from pathlib import Path
from jupyter_mlops.settings import Settings
from jupyter_mlops.workflows import data, data_gc
settings = Settings(root=Path(sys.argv[1]))
folder = Path(sys.argv[2])
print("ready", flush=True)
for number in range(10_000):
    (folder / "changing.txt").write_text(f"{sys.argv[3]} {number}")
    data.add(settings, "folder", folder)
    data.add(settings, "file", folder / "changing.txt")
    if number % 3 == 2:
        data_gc.collect(settings, keep=2, grace=-1)
"""


def test_killed_at_any_moment_every_kept_version_is_whole(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.bin").write_bytes(os.urandom(2000))
    settings.root.mkdir()
    data.add(settings, "folder", folder)
    data.add(settings, "file", folder / "0.bin")
    for kill in range(KILLS):
        command = [sys.executable, "-c", _LOOP, str(settings.root), str(folder), str(kill)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.3 + (kill * 0.377) % 1.5)  # the moment is what is varied
            process.send_signal(signal.SIGKILL)
        statuses = {each.version: each.status for each in data.verify(settings)}
        assert set(statuses.values()) <= {"whole", "collected"}, statuses
        newest = [data.show(settings, name) for name in ("folder", "file")]
        assert {statuses[str(version.ref)] for version in newest} == {"whole"}
        for digest in open_store(settings).objects.digests():
            open_store(settings).objects.verify(digest)
