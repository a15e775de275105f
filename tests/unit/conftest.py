"""MLflow's database, made once for all tests: each gets a copy in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def mlflow_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def registry_workspace(workspace: Path, mlflow_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder whose MLflow database, where a test makes one, is a copy; and the working folder in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(mlflow_cache))
    return workspace
