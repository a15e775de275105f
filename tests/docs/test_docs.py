"""What README and docs tell people to type works as told.

The README's Python blocks are the cells of `tumours.ipynb`. In README and docs, `bash` blocks are run line by line in
one project per page, in which that notebook has been run once (the README's own project starts empty); `python` blocks
of docs are run as scripts there. `console` blocks are illustrations and aren't run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOTEBOOK = "tumours.ipynb"
FAILS = "# exits with "

pytestmark = pytest.mark.slow


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


def notebook_of_the_readme() -> str:
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "source": text.rstrip(), "metadata": {}, "outputs": [], "execution_count": None}
        for text in blocks(ROOT / "README.md", "python")
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4})


def shell(line: str, folder: Path) -> None:
    command, _, rest = line.partition(FAILS)
    expected = int(rest.split()[0]) if rest else 0
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == expected, f"$ {line}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"$ {line}\n{done.stderr}"


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the README's notebook has been run and its model promoted."""
    folder = tmp_path_factory.mktemp("docs") / "project"
    folder.mkdir()
    (folder / "mlops.toml").touch()
    (folder / NOTEBOOK).write_text(notebook_of_the_readme())
    shell(f"jupyter mlops run {NOTEBOOK}", folder)
    shell("jupyter mlops models promote tumours", folder)
    return folder


def test_five_minutes_of_the_readme(tmp_path: Path):
    (tmp_path / NOTEBOOK).write_text(notebook_of_the_readme())
    (typed,) = [text for text in blocks(ROOT / "README.md", "bash") if NOTEBOOK in text]
    for line in typed.splitlines():
        shell(line, tmp_path)


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.stem)
def test_page(page: Path, finished_project: Path, tmp_path: Path):
    folder = tmp_path / "project"
    shutil.copytree(finished_project, folder)
    typed = [line for text in blocks(page, "bash") for line in text.splitlines() if line and line[0] != "#"]
    for line in typed:
        shell(line, folder)
    for number, script in enumerate(blocks(page, "python")):
        if script.startswith("%"):
            continue  # a cell with a magic, shown for its form
        (folder / f"block{number}.py").write_text(script)
        shell(f"{sys.executable} block{number}.py", folder)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))], ids=lambda page: page.stem
)
def test_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
