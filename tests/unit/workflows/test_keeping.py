"""What a stage read is kept up to a size; what isn't, is said why."""

from __future__ import annotations

import hashlib

import pytest

from jupyter_mlops.execution.reads import FileDigests, module_digest
from jupyter_mlops.records.run import StageExecution
from jupyter_mlops.store.objects import Objects
from jupyter_mlops.workflows import keeping

MEGABYTE = bytes(keeping.MEGABYTE)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "beside"
    (place / "parts" / "deep").mkdir(parents=True)
    (place / "empty").mkdir()
    for name in ("rows.csv", "parts/a.txt", "parts/deep/b.txt", "mlops.toml", "pyproject.toml"):
        (place / name).write_text(name)
    return place


def keep(tmp_path, folder, named, limit=1):
    files = FileDigests(folder)
    states = files.snapshot(named).states
    objects = Objects(tmp_path / "objects")
    return keeping.keep(objects, files, named, states, limit=limit), objects


def test_files_and_all_files_of_folders_are_in_the_store(tmp_path, folder):
    found, objects = keep(tmp_path, folder, ["rows.csv", "parts", "empty"])
    digests = {
        name: hashlib.sha256(name.encode()).hexdigest()
        for name in ("rows.csv", "parts/a.txt", "parts/deep/b.txt")
    }
    assert found == keeping.Kept({**digests, "empty": ""}, {})
    assert all(objects.read(digest).decode() == name for name, digest in digests.items())


def test_a_file_or_a_folder_larger_than_the_limit_is_left_out_with_its_size(tmp_path, folder):
    (folder / "big.bin").write_bytes(MEGABYTE + b"1")
    (folder / "parts" / "half.bin").write_bytes(MEGABYTE)
    found, objects = keep(tmp_path, folder, ["big.bin", "parts", "rows.csv"])
    assert set(found.files) == {"rows.csv"}
    assert found.left_out == dict.fromkeys(["big.bin", "parts"], "it has 1 MB, more than keep_inputs = 1")
    assert not objects.has(hashlib.sha256(MEGABYTE + b"1").hexdigest())
    assert keep(tmp_path, folder, ["rows.csv"], limit=0)[0].left_out.keys() == {"rows.csv"}


def test_configuration_and_urls_are_no_inputs_and_what_is_gone_is_said(tmp_path, folder):
    named = ["mlops.toml", "pyproject.toml", "s3://bucket/rows.csv", "gone.csv"]
    found, _ = keep(tmp_path, folder, named)
    assert found == keeping.Kept({}, {"gone.csv": "it is gone"})


def test_what_stages_above_did_not_keep_is_made_up_for_where_it_is_unchanged(folder):
    files = FileDigests(folder)
    (folder / "helpers.py").write_text("x = 1")
    code = module_digest(folder / "helpers.py")
    above = StageExecution(
        key="k",
        pipeline="p",
        stage="load",
        source="",
        run_id="r",
        parts={"code": "c", "module helpers.py": str(code), "module other.py": "another"},
        reads={"rows.csv": str(files.digest("rows.csv")), "parts/a.txt": "another"},
        kept={},
    )
    missed = keeping.missed([above], files.digest, lambda path: module_digest(folder / path))
    assert missed == {"rows.csv", "helpers.py"}
