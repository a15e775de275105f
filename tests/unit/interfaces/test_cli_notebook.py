from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.interfaces.cli import main
from tests.notebooks import write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write(
        tmp_path / "a.ipynb", "import os", "%%mlops stage load\nx = [1]", "%%mlops stage show\nprint(x)"
    )


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, captured.out, captured.err


@pytest.mark.parametrize(
    "form, start", [("text", "a.ipynb: 2 stages"), ("mermaid", "flowchart"), ("svg", "<svg")]
)
def test_graph(notebook: Path, capsys: pytest.CaptureFixture[str], form: str, start: str) -> None:
    code, out, err = call(capsys, "graph", notebook, "--format", form)
    assert (code, err) == (0, "")
    assert out.startswith(start)


def test_graph_as_json(notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "graph", notebook, "--format", "json")
    assert code == 0
    assert json.loads(out)["stages"][1] == {
        "name": "show", "cells": [2], "upstream": ["load"], "inputs": ["x"], "outputs": [],
    }  # fmt: skip


def test_graph_into_a_file(notebook: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "graph", notebook, "--format", "svg", "-o", tmp_path / "g.svg")
    assert (code, out) == (0, "")
    assert (tmp_path / "g.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("command", ["graph", "check", "suggest"])
def test_bad_input_is_one_line(command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "bad.ipynb").write_text("{")
    for name in ("missing.ipynb", "bad.ipynb", "."):
        code, out, err = call(capsys, command, tmp_path / name)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1


def test_check(notebook: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert call(capsys, "check", notebook) == (0, "a.ipynb: nothing found\n", "")
    bad = write(tmp_path / "b.ipynb", "import os", "%%mlops stage a\ny = 1\nprint(x)")
    code, out, _ = call(capsys, "check", bad)
    assert code == 1
    assert (
        out
        == "cell 1, line 3: MLO102 x is used but never defined above; define it, or restore the cell that did\n"
    )
    code, out, _ = call(capsys, "check", bad, "--json")
    assert code == 1
    assert json.loads(out)["findings"][0]["rule"] == "MLO102"


def test_a_warning_alone_is_no_failure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "check", write(tmp_path / "b.ipynb", "%%mlops stage a\np = '/home/me/x'"))
    assert code == 0
    assert "MLO104" in out


def test_suggest(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "b.ipynb", ("md", "# Load"), "x = sum([1])")
    before = path.read_bytes()
    code, out, _ = call(capsys, "suggest", path)
    assert code == 0
    assert "%%mlops stage load" in out
    assert path.read_bytes() == before
    code, out, _ = call(capsys, "suggest", path, "--write")
    assert code == 0
    assert path.read_bytes() != before
    assert "nothing to propose" in call(capsys, "suggest", path)[1]


def test_the_graph_needs_no_heavy_library(notebook: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from jupyter_mlops.workflows import build\n"
        f"build.load(Path({str(notebook)!r}))\n"
        "print([name for name in ('nbformat', 'pandas', 'numpy', 'IPython', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
