from __future__ import annotations

from pathlib import Path

from jupyter_mlops.settings import Settings
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import open_store


def test_opening_and_reading_leave_no_trace(tmp_path: Path) -> None:
    store = open_store(Settings(root=tmp_path))
    assert store.ledger.find("run") == []
    assert not store.objects.has("0" * 64)
    assert not (store.bundles.folder / "x").exists()
    assert list(tmp_path.iterdir()) == []


def test_everything_lies_in_the_state_folder(tmp_path: Path) -> None:
    store = open_store(Settings(root=tmp_path))
    digest = store.objects.put_bytes(b"x")
    assert store.objects.path(digest).is_relative_to(tmp_path / ".mlops" / "objects")
    assert store.datasets == tmp_path / ".mlops" / "datasets"
    assert store.ledger is store.ledger


def test_stamps_sort_as_text_and_name_somebody() -> None:
    first, second = stamp.now(), stamp.now()
    assert first <= second
    assert first.endswith("Z")
    assert len(first) == len("2026-11-21T08:00:00.000000Z")
    assert isinstance(stamp.author(), str)
