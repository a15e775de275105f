"""The repository keeps its own rules."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 400


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [ROOT / name for name in names]


@pytest.mark.parametrize("pattern", ["requirements/*.txt", "labextension/package-lock.json"])
def test_locks_hold_no_download_addresses(pattern: str):
    paths = tracked(pattern)
    assert paths
    for path in paths:
        text = path.read_text()
        assert '"resolved"' not in text
        assert not re.search(r"https?://", text)


def test_every_dependency_is_pinned():
    paths = tracked("requirements/*.txt")
    assert paths
    lines = [line for path in paths for line in path.read_text().splitlines() if line[:1] != "#"]
    assert [line for line in lines if line and not re.match(r"^[\w.\-\[\]]+==", line)] == []


def test_files_stay_small():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("*.py", "*.ts", "*.tsx")
        if (lines := len(path.read_text().splitlines())) > LONGEST
    }
    assert long == {}


def test_every_command_has_a_module():
    from jupyter_mlops.interfaces.cli import COMMANDS

    modules = {path.stem for path in tracked("jupyter_mlops/interfaces/cli/*.py")}
    assert set(COMMANDS) <= modules


def test_example_notebooks_hold_no_outputs():
    for path in tracked("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        assert [cell["outputs"] for cell in cells if cell.get("outputs")] == [], path.name


def test_every_code_is_explained():
    used = {
        code
        for path in tracked("jupyter_mlops/*.py")
        for code in re.findall(r'"(MLO\d{3})"', path.read_text())
    }
    explained = set(re.findall(r"MLO\d{3}", (ROOT / "docs/errors.md").read_text()))
    assert used - explained == {"MLO000"}, "the base class is never raised"
    assert explained <= used
