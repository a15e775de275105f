"""What all tests share."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["tests.nvml", "tests.postgresql", "tests.s3"]
CHROMIUM = shutil.which("chromium")
# No test leaves a process behind: MLflow is brought up to date, and a version explained, where a test asks for it.
SYNC, EXPLAIN = "JUPYTER_MLOPS_MLFLOW_SYNC", "JUPYTER_MLOPS_EXPLAIN"
os.environ[SYNC] = os.environ[EXPLAIN] = "off"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM or os.environ.get("CI") == "true":
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason="no chromium on the PATH (apt-get install chromium)"))


@pytest.fixture(autouse=True)
def no_outer_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's own settings out of the tests."""
    kept = {SYNC, EXPLAIN}
    for name in [name for name in os.environ if name.startswith("JUPYTER_MLOPS_") and name not in kept]:
        monkeypatch.delenv(name)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty project folder, and work in it."""
    (tmp_path / "mlops.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path
