"""A project whose contents lie on an S3 protocol server, and a second machine that has only the ledger."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.model import ModelVersion
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import data
from jupyter_mlops.workflows.run import run
from tests import notebooks

pytestmark = pytest.mark.slow

CELLS = (
    """%%mlops stage load
import jupyter_mlops as mlops
import pandas as pd
frame = pd.read_csv(mlops.dataset('points', 'points.csv'))""",
    """%%mlops stage train
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit(frame[['x']], frame['y'])
mlops.log_model(model, 'line', example=frame[['x']])""",
)


def test_all_that_a_run_leaves_is_on_the_server(workspace: Path, s3_url: str) -> None:
    (workspace / "mlops.toml").write_text(f'objects = "{s3_url}"\n')
    (workspace / "points.csv").write_text("x,y\n1,2\n2,4\n3,6\n")
    notebook = notebooks.write(workspace / "n.ipynb", *CELLS)
    done = run(notebook)
    assert [stage.status for stage in done.stages] == ["executed", "executed"]

    # Another machine: the ledger and the keys, and none of the copies.
    for name in ("objects", "bundles", "datasets", "runs"):
        shutil.rmtree(workspace / ".mlops" / name, ignore_errors=True)
    store = open_store(project.load())
    (version,) = store.ledger.find("dataset")
    assert isinstance(version, DatasetVersion)
    assert data.checkout(project.load(), "points").read_text() == (workspace / "points.csv").read_text()
    (model,) = store.ledger.find("model")
    assert isinstance(model, ModelVersion)
    bundle = store.bundles.load(model.bundle)
    assert bundle.manifest.signed_by == store.keys.fingerprint
    assert bundle.model.coef_ == pytest.approx([2.0])

    again = run(notebook)
    assert [stage.status for stage in again.stages] == ["cached", "cached"]
    for digest in store.objects.digests():
        store.objects.verify(digest)
