from __future__ import annotations

import os
import subprocess
import sys
import types
from typing import TYPE_CHECKING

from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import provenance

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def test_the_commit_and_what_differs_from_it(tmp_path: Path) -> None:
    objects = open_store(Settings(root=tmp_path)).objects
    (tmp_path / ".gitignore").write_text(".mlops\n")
    assert provenance.commit_of(tmp_path, objects) is None
    git(tmp_path, "init", "-q")
    assert provenance.commit_of(tmp_path, objects) is None
    (tmp_path / "code.py").write_text("a = 1\n")
    git(tmp_path, "add", "."), git(tmp_path, "commit", "-qm", "first")
    clean = provenance.commit_of(tmp_path, objects)
    assert clean is not None
    assert (clean.sha, clean.dirty, clean.diff) == (git(tmp_path, "rev-parse", "HEAD").strip(), False, "")
    (tmp_path / "code.py").write_text("a = 2\n")
    (tmp_path / "picture").write_bytes(bytes(range(256)))
    git(tmp_path, "add", "picture")
    dirty = provenance.commit_of(tmp_path, objects)
    assert dirty is not None
    assert dirty.dirty
    git(tmp_path, "checkout", "-q", "-f", "HEAD"), git(tmp_path, "apply", str(objects.path(dirty.diff)))
    assert (tmp_path / "code.py").read_text() == "a = 2\n"
    assert (tmp_path / "picture").read_bytes() == bytes(range(256))
    told = provenance.commit_of(tmp_path)
    assert told is not None
    assert (told.dirty, told.diff) == (True, "")


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit_of(tmp_path) is None


def test_the_machine(tmp_path: Path) -> None:
    found = provenance.hardware()
    assert found.processor
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.memory > 1 << 28
    card = tmp_path / "information"
    card.write_text("Model: \t\t NVIDIA H100\nIRQ: 7\n")
    assert provenance._gpus([card, tmp_path / "gone"]) == ["NVIDIA H100"]


def test_the_seeds_of_a_kernel_are_those_of_its_cells_and_of_a_script_those_of_its_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert provenance.seeds_by_hand() == {}
    script = tmp_path / "script.py"
    script.write_text("import numpy as np\nrng = np.random.default_rng(3)\n")
    main.__file__ = str(script)
    assert provenance.seeds_by_hand() == {"np.random.default_rng": (3,)}
    # As a kernel has them: what a name is now counts, whatever the cell said that bound it first.
    vars(main).update(get_ipython=print, SEED=8)
    vars(main)["In"] = ["", "SEED = 7", "split(X, random_state=SEED)", "this is no code"]
    assert provenance.seeds_by_hand() == {"split(random_state)": (8,)}
