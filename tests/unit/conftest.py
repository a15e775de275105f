"""MLflow's database, migrated once for all tests: each gets a copy in milliseconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from jupyter_mlops.registry.tracking import Tracking
    from jupyter_mlops.settings import Settings

    folder = tmp_path_factory.mktemp("mlflow")
    tracking = Tracking(Settings(root=folder))
    assert tracking.client
    assert tracking.file is not None
    copy = folder / "template.db"
    with closing(sqlite3.connect(tracking.file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


@pytest.fixture
def registry_workspace(workspace: Path, mlflow_template: Path) -> Path:
    """A project folder with an empty, migrated MLflow database, and the working folder in it."""
    database = workspace / ".mlops" / "mlflow.db"
    database.parent.mkdir()
    database.write_bytes(mlflow_template.read_bytes())
    return workspace
