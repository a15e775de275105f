from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops import settings as project
from jupyter_mlops.records.run import Run
from jupyter_mlops.store import run_state
from jupyter_mlops.store.housekeeping import PARTIAL_SECONDS, STALE_SECONDS, sweep
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from pathlib import Path

NOW = 2_000_000_000.0


def finished(settings: project.Settings, run_id: str, at: float) -> Path:
    run_state.write(settings, Run(run_id=run_id, status="succeeded", notebook="n.ipynb"))
    folder = run_state.folder(settings, run_id)
    (folder / "pipeline").mkdir()
    (folder / "alive").touch()
    os.utime(folder / "state.json", (at, at))
    return folder


def test_the_newest_runs_and_those_under_way_stay(workspace: Path) -> None:
    settings = msgspec.structs.replace(project.load(), keep_runs=2)
    folders = [finished(settings, name, NOW + place) for place, name in enumerate("zyxw")]
    begun = run_state.folder(settings, "begun")
    begun.mkdir()
    (old := run_state.folder(settings, "old")).mkdir()
    os.utime(begun, (NOW - 1, NOW - 1))
    os.utime(old, (NOW - 2 * STALE_SECONDS,) * 2)
    with run_state.alive(settings, "z"):
        sweep(settings, now=NOW)
    # z is the oldest, but under way.
    assert [folder.exists() for folder in folders] == [True, False, True, True]
    assert begun.exists()
    assert not old.exists()
    sweep(settings, now=NOW)
    assert [folder.exists() for folder in folders] == [False, False, True, True]


def test_what_was_copied_half_goes(workspace: Path) -> None:
    settings = project.load()
    digest = open_store(settings).objects.put_bytes(b"1")
    incoming = settings.objects_folder() / "incoming"
    for name, age in (("half", 2 * STALE_SECONDS), ("under-way", 1.0)):
        (incoming / name).write_bytes(b"1")
        os.utime(incoming / name, (NOW - age,) * 2)
    sweep(settings, now=NOW)
    assert [path.name for path in incoming.iterdir()] == ["under-way"]
    assert open_store(settings).objects.has(digest)


def test_half_of_a_large_content_stays_for_a_week(workspace: Path) -> None:
    settings = project.load()
    incoming = settings.objects_folder() / "incoming"
    incoming.mkdir(parents=True)
    for name, age in (("old.partial", PARTIAL_SECONDS + 1), ("young.partial", 2 * STALE_SECONDS)):
        (incoming / name).write_bytes(b"1")
        os.utime(incoming / name, (NOW - age,) * 2)
    sweep(settings, now=NOW)
    assert [path.name for path in incoming.iterdir()] == ["young.partial"]


def test_a_bundle_that_was_unpacked_half_goes(workspace: Path) -> None:
    settings = project.load()
    for name in (".half.tmp", "whole"):
        (settings.state / "bundles" / name).mkdir(parents=True)
        os.utime(settings.state / "bundles" / name, (NOW - 2 * STALE_SECONDS,) * 2)
    sweep(settings, now=NOW)
    assert [path.name for path in (settings.state / "bundles").iterdir()] == ["whole"]


def test_an_empty_project_has_nothing_to_sweep(workspace: Path) -> None:
    sweep(project.load())
    assert not (workspace / ".mlops").exists()


def test_how_many_runs_stay_is_a_setting(workspace: Path, monkeypatch) -> None:
    assert project.load().keep_runs == 20
    (workspace / "mlops.toml").write_text("keep_runs = 3\n")
    assert project.load().keep_runs == 3
    monkeypatch.setenv("JUPYTER_MLOPS_KEEP_RUNS", "5")
    assert project.load().keep_runs == 5
