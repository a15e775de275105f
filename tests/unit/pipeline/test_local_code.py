from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from jupyter_mlops.pipeline.local_code import loaded_beside

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_only_modules_beside_the_notebook_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path.resolve()
    for name in ("beside_one.py", "beside_pack/__init__.py", "venv/site-packages/beside_installed.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("K = 1\n")
    for place in ("venv/site-packages", ""):
        monkeypatch.syspath_prepend(str(folder / place))
    for name in ("beside_one", "beside_pack", "beside_installed"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    assert loaded_beside(str(folder)) == ("beside_one.py", "beside_pack/__init__.py")


def test_modules_of_the_project_count_where_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path.resolve() / "project"
    for name in ("project/src/of_project.py", "project/notebooks/beside_two.py", "outside.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("K = 1\n")
    for place in ("project/src", "project/notebooks", ""):
        monkeypatch.syspath_prepend(str(tmp_path / place))
    for name in ("of_project", "beside_two", "outside"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    notebooks = str(project / "notebooks")
    assert loaded_beside(notebooks) == ("beside_two.py",)
    assert loaded_beside(notebooks, str(project)) == ("../src/of_project.py", "beside_two.py")
