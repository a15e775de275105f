from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from jupyter_mlops.pipeline import opened

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_is_opened_to_read_only_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path.resolve()
    for name in ("data/part1.csv", "both.txt", ".hidden/x.txt", "code.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("1")
    (folder.parent / "outside.txt").write_text("1")
    monkeypatch.chdir(folder)
    opened.start()
    for name in (
        "data/part1.csv",
        "both.txt",
        ".hidden/x.txt",
        "code.py",
        "../outside.txt",
        str(folder / "both.txt"),
    ):
        with open(name) as stream:  # noqa: PTH123 - as notebooks do
            stream.read()
    (folder / "both.txt").write_text("2")
    (folder / "new.txt").write_text("3")
    os.close(os.open("data/part1.csv", os.O_RDONLY))
    # What others say by the same word is no concern of ours.
    sys.audit("open")
    sys.audit("open", 3, "r", 0)
    assert opened.only_read(str(folder)) == ("data/part1.csv",)
    opened.start()
    assert opened.only_read(str(folder)) == ()
