"""A folder for a recorded notebook: every path where the notebook expects it, and nothing outside."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import DataError, IntegrityError, UsageError
from jupyter_mlops.execution.reads import FileDigests
from jupyter_mlops.records.run import StageExecution
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import laying, origin


@pytest.fixture
def store(tmp_path):
    return open_store(Settings(root=tmp_path / "project"))


def an_origin(notebook="n.ipynb", **changes: Any) -> Any:
    execution = StageExecution(key="k", pipeline="n", stage="load", source="", run_id="r", **changes)
    return SimpleNamespace(
        label="m/1", run=SimpleNamespace(notebook=notebook), document=b"{}", executions={"load": execution}
    )


def lay(store, tmp_path, files, *, given=None, notebook="n.ipynb", missing=None, **changes):
    digests = {path: store.objects.put_bytes(text.encode()) for path, text in files.items()}
    stages = dict.fromkeys([*files, *(missing or {})], "load")
    found = origin.Inputs(files=digests, missing=missing or {}, stages=stages)
    folder = laying.empty(tmp_path / "again")
    return laying.lay(store, an_origin(notebook, **changes), found, given or {}, folder)


def test_paths_lead_from_the_notebook_to_the_recorded_contents(store, tmp_path):
    files = {"rows.csv": "a", "../data/x.csv": "b", "../../../far/y.csv": "c", "deep/er/z.csv": "d"}
    laid = lay(store, tmp_path, files, notebook="work/n.ipynb")
    assert laid.notebook.read_bytes() == b"{}"
    assert laid.notebook.parent.parent == laid.root
    for path, text in files.items():
        target = (laid.notebook.parent / path).resolve()
        assert target.read_text() == text
        assert target.is_relative_to(tmp_path / "again")
        assert target.stat().st_mode & 0o200  # a stage may write over it


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path, tmp_path / "file"):
        with pytest.raises(UsageError):
            laying.empty(folder)


def test_a_changed_content_is_named_by_its_path_and_stage(store, tmp_path):
    digest = store.objects.put_bytes(b"recorded")
    place = store.objects.path(digest)
    place.chmod(0o644)
    place.write_bytes(b"otherwise")
    with pytest.raises(IntegrityError, match=r"input rows.csv of stage load: .* was changed"):
        lay(store, tmp_path, {"rows.csv": "recorded"})


def test_what_was_not_kept_is_taken_where_it_is_as_it_was_or_asked_for(store, tmp_path):
    why = {"big.bin": "it has 2,000 MB, more than keep_inputs = 1024"}
    source = store.settings.root / "big.bin"
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(b"big")
    reads = {"big.bin": hashlib.sha256(b"big").hexdigest()}
    laid = lay(store, tmp_path, {}, missing=why, reads=reads)
    assert (laid.notebook.parent / "big.bin").read_bytes() == b"big"
    assert laid.notes[0].startswith("big.bin was not kept (it has 2,000 MB")
    source.write_bytes(b"bug")
    (tmp_path / "again").rename(tmp_path / "before")
    with pytest.raises(
        DataError, match=r"big.bin of stage load was not kept: it has 2,000 MB.* is not as it was"
    ):
        lay(store, tmp_path, {}, missing=why, reads=reads)


def test_a_folder_that_was_not_kept_is_taken_whole_or_given(store, tmp_path):
    scans = store.settings.root / "scans"
    scans.mkdir(parents=True)
    (scans / "a.txt").write_text("a")
    why, reads = {"scans": "it is large"}, {"scans": str(FileDigests(store.settings.root).digest("scans"))}
    laid = lay(store, tmp_path, {}, missing=why, reads=reads)
    assert (laid.notebook.parent / "scans" / "a.txt").read_text() == "a"
    (scans / "a.txt").write_text("other")
    (tmp_path / "again").rename(tmp_path / "before")
    with pytest.raises(DataError, match="--input scans=PATH"):
        lay(store, tmp_path, {}, missing=why, reads=reads)
    (tmp_path / "again").rename(tmp_path / "before-that")
    (change,) = lay(store, tmp_path, {}, missing=why, reads=reads, given={"scans": scans}).changes
    assert (change.name, change.what) == ("scans", f"{scans} stands for it")


def test_a_given_file_takes_the_place_of_the_recorded_one(store, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("abX")
    laid = lay(store, tmp_path, {"rows.csv": "abc"}, given={"./rows.csv": other})
    (change,) = laid.changes
    assert (change.kind, change.name) == ("input", "rows.csv")
    assert change.what == "1 of 3 bytes differs, the first difference at byte 2"
    assert (laid.notebook.parent / "rows.csv").read_text() == "abX"


def test_the_same_content_given_is_no_change_and_an_unread_path_is_refused(store, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("abc")
    assert lay(store, tmp_path, {"rows.csv": "abc"}, given={"rows.csv": other}).changes == ()
    (tmp_path / "again").rename(tmp_path / "before")
    with pytest.raises(UsageError, match=r"no stage of m/1 read nothing\.csv"):
        lay(store, tmp_path, {"rows.csv": "abc"}, given={"nothing.csv": other})


def test_an_absolute_path_is_read_where_it_is(store, tmp_path):
    place = tmp_path / "elsewhere.csv"
    digest = hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(DataError, match="absolute path, and it is not there"):
        lay(store, tmp_path, {str(place): "abc"}, reads={str(place): digest})
    (tmp_path / "again").rename(tmp_path / "before")
    place.write_text("abd")
    (change,) = lay(store, tmp_path, {str(place): "abc"}, reads={str(place): digest}).changes
    assert (change.name, change.recorded) == (str(place), digest[:12])


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=300))
def test_how_two_contents_differ_is_counted(tmp_path_factory, one, two):
    folder = tmp_path_factory.mktemp("pair")
    (folder / "one").write_bytes(one)
    (folder / "two").write_bytes(two)
    said = laying.describe_change(folder / "one", folder / "two")
    places = [place for place, (a, b) in enumerate(zip(one, two, strict=False)) if a != b]
    if places:
        assert said.endswith(f"first difference at byte {places[0]}")
    if len(one) == len(two):
        assert said.startswith(f"{len(places)} of {len(one)} bytes differ")
    else:
        assert said.startswith(f"it has {len(two)} bytes, not {len(one)}")


def test_files_are_met_as_the_first_stage_found_them(store):
    digests = {text: store.objects.put_bytes(text.encode()) for text in ("raw", "before", "clean")}
    made = StageExecution(
        key="k", pipeline="n", stage="clean", source="", run_id="r",
        reads={"raw.csv": digests["raw"], "mlops.toml": "t"},
        left={"clean.csv": digests["clean"], "log.txt": "0" * 64},
        found={"log.txt": digests["before"]},
    )  # fmt: skip
    used = StageExecution(
        key="k", pipeline="n", stage="train", source="", run_id="r",
        reads={"./clean.csv": digests["clean"], "gone.csv": "1" * 64}, not_kept={"gone.csv": "it was large"},
    )  # fmt: skip
    found = origin.inputs(store, SimpleNamespace(executions={"clean": made, "train": used}))  # type: ignore[arg-type]
    assert found.files == {"raw.csv": digests["raw"], "log.txt": digests["before"]}
    assert found.missing == {"gone.csv": "it was large"}
    assert found.stages["raw.csv"] == "clean"


def test_a_folder_is_met_by_its_files_whichever_stage_kept_them(store):
    def execution(stage, **changes):
        return StageExecution(key="k", pipeline="n", stage=stage, source="", run_id="r", **changes)

    digest = store.objects.put_bytes(b"a")
    executions = {
        "load": execution("load", reads={"parts": "f" * 64, "empty": "e" * 64}),
        "log": execution("log", kept={"parts/a.txt": digest, "empty": ""}),
    }
    found = origin.inputs(store, SimpleNamespace(executions=executions))  # type: ignore[arg-type]
    assert (found.files, found.missing, found.folders) == ({"parts/a.txt": digest}, {}, ("empty",))


def test_the_stages_behind_one_are_those_of_its_variables_and_files():
    def execution(stage, **changes):
        return StageExecution(key="k", pipeline="n", stage=stage, source="", run_id="r", **changes)

    executions = [
        execution("load"),
        execution("clean", upstream={"load": "p"}, left={"clean.csv": "d"}),
        execution("look", upstream={"load": "p"}),
        execution("train", reads={"./clean.csv": "d"}),
    ]
    assert origin.stages_behind("train", executions) == {"train", "clean", "load"}
    assert origin.stages_behind("look", executions) == {"look", "load"}
