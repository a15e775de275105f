"""Compiled functions are kept in the user's cache folder, or nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
from jupyter_mlops.stats import compiled_gaps
import numpy as np
x = np.arange(200.0)
assert compiled_gaps._below(x, 7.5, 0, 200) == 8
print(sum(compiled_gaps._below.stats.cache_hits.values()))
"""


def run(home: Path) -> list[str]:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR")
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**environment, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the folder is another one there")
def test_what_was_compiled_is_kept_for_the_next_process(tmp_path: Path) -> None:
    assert run(tmp_path) == ["0"]
    kept = tmp_path / ".cache" / "jupyter-mlops" / "numba"
    assert any(path.suffix == ".nbc" for path in kept.rglob("*"))
    assert run(tmp_path) == ["1"]


@pytest.mark.slow
def test_without_a_folder_it_is_compiled_all_the_same(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("a file where the folder should be")
    (tmp_path / "Library").write_text("likewise")
    assert run(tmp_path) == ["0"]
