from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jupyter_mlops.execution.reads import FileDigests, Touched, local_modules, tell_apart

if TYPE_CHECKING:
    from pathlib import Path


def test_files_and_folders_that_exist_have_digests(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1")
    (tmp_path / "data" / "b.csv").write_text("1")
    (tmp_path / ".mlops").mkdir()
    (tmp_path / ".mlops" / "x").write_text("1")
    files = FileDigests(tmp_path)
    texts = [
        "data/a.csv",
        "data/b.csv",
        "data",
        "data/*.csv",
        "nothing.csv",
        ".",
        "",
        "..",
        ".mlops/x",
        "/",
        "a\x01",
    ]
    found = files.existing(texts)
    assert set(found) == {"data/a.csv", "data/b.csv", "data"}
    assert found["data/a.csv"] == found["data/b.csv"]
    assert files.digest("nothing.csv") is None


def test_a_change_of_content_changes_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1")
    files = FileDigests(tmp_path)
    before = files.existing(["a.csv", str(path)])
    path.write_text("2")
    os.utime(path, (1, 1))
    assert files.digest("a.csv") != before["a.csv"]
    assert before[str(path)] == before["a.csv"]


def test_a_file_in_a_folder_changes_the_folder_s_digest(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    files = FileDigests(tmp_path)
    before = files.digest("data")
    (tmp_path / "data" / "new.csv").write_text("1")
    assert files.digest("data") != before


def test_what_changed_while_the_stage_ran_it_wrote(tmp_path: Path) -> None:
    texts = ["a", "b", "gone", "new", "same", "out/"]
    for name in ("a", "b", "gone", "same"):
        (tmp_path / name).write_text(name)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    files = FileDigests(tmp_path)
    before = files.snapshot(texts)
    (tmp_path / "b").write_text("other")
    (tmp_path / "new").write_text("new")
    (tmp_path / "gone").unlink()
    # Written again with the same content, it is written all the same.
    os.utime(tmp_path / "same", (1, 1))
    (tmp_path / "out" / "1.txt").write_text("1")
    touched = tell_apart(before, files.snapshot(texts), files)
    assert touched.reads == {"a": before.named["a"]}
    assert touched.writes == ("b", "new", "out/", "out/1.txt", "same")
    assert touched.left == {name: files.digest(name) for name in ("b", "new", "out/1.txt", "same")}
    assert touched.found == {"b": before.named["b"], "same": before.named["same"]}


def test_modules_beside_the_notebook_count_with_what_they_import(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("import deeper\nfrom package.inner import x\nimport helpers\n")
    (tmp_path / "deeper.py").write_text("# words\ny = 1\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "inner.py").write_text("from . import side\nx = 1\n")
    (tmp_path / "package" / "side.py").write_text("")
    (tmp_path / "unused.py").write_text("")
    found = local_modules(["import helpers\nimport os, numpy"], tmp_path)
    assert list(found) == [
        "deeper.py",
        "helpers.py",
        "package/__init__.py",
        "package/inner.py",
        "package/side.py",
    ]
    (tmp_path / "deeper.py").write_text("# other words\ny = 1\n")
    assert local_modules(["import deeper"], tmp_path)["deeper.py"][0] == found["deeper.py"][0]
    (tmp_path / "deeper.py").write_text("y = 2\n")
    assert local_modules(["import deeper"], tmp_path)["deeper.py"][0] != found["deeper.py"][0]


def test_opened_files_count_where_nobody_wrote_them_meanwhile(tmp_path: Path) -> None:
    for name in ("old.txt", "named.txt", "new.txt"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(10**18, 10**18 if name != "new.txt" else 3 * 10**18))
    files = FileDigests(tmp_path)
    touched = Touched(reads={"./named.txt": "d"}, writes=(), left={}, found={})
    opened = ("gone.txt", "named.txt", "new.txt", "old.txt")
    assert files.unchanged(opened, touched, 2 * 10**18) == {"old.txt": files.digest("old.txt")}
