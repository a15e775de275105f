"""What stages record of folders, databases and frames: linked, cached, and run again when it changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.run import StageExecution
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.run import run
from tests import notebooks

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.run import Run

pytestmark = pytest.mark.slow

CELLS = (
    "%%mlops setup\nimport pandas as pd\nimport jupyter_mlops as mlops",
    """%%mlops stage files
folder = 'im' + 'ages'
path = mlops.dataset('images', folder)
lengths = sorted(len(each.read_bytes()) for each in path.rglob('*.png'))""",
    """%%mlops stage orders
orders = pd.read_parquet(mlops.dataset('orders', 'sqlite:///shop.db', query='SELECT n FROM orders ORDER BY n'))""",
    """%%mlops stage table
table = pd.DataFrame({'total': [sum(lengths) + int(orders['n'].sum())]})
mlops.dataset('totals', table)
mlops.log_metrics({'total': int(table['total'][0])})""",
)


def statuses(done: Run) -> dict[str, str]:
    return {stage.name: stage.status for stage in done.stages}


def test_folders_queries_and_frames_are_linked_and_run_again_when_they_change(workspace: Path) -> None:
    (workspace / "images" / "sub").mkdir(parents=True)
    (workspace / "images" / "sub" / "a.png").write_bytes(b"aaa")
    with closing(sqlite3.connect(workspace / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE orders AS SELECT 5 AS n")
    notebook = notebooks.write(workspace / "n.ipynb", *CELLS)
    first = run(notebook)
    assert (first.status, first.metrics) == ("succeeded", {"total": 8})
    ledger = open_store(project.load()).ledger
    images, orders, totals = (ledger.get(f"dataset/{name}") for name in ("images", "orders", "totals"))
    assert isinstance(totals, DatasetVersion)
    assert set(totals.parents) == {str(images.ref), str(orders.ref)}
    execution = ledger.get("stage/n.files")
    assert isinstance(execution, StageExecution)
    assert str(images.ref) in execution.parents

    # The database may hold something else by now, so it is asked; what came of the same answer stands.
    assert statuses(run(notebook)) == {"files": "cached", "orders": "executed", "table": "cached"}

    (workspace / "images" / "sub" / "a.png").write_bytes(b"aaaa")
    changed = run(notebook)
    assert statuses(changed) == dict.fromkeys(("files", "orders", "table"), "executed")
    assert changed.metrics == {"total": 9}
    assert ledger.get("dataset/images") != images

    (workspace / "images" / "b.png").write_bytes(b"b")
    assert run(notebook).metrics == {"total": 10}
