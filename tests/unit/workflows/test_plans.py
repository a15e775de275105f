from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops import settings as project
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import build
from jupyter_mlops.workflows.plans import Plans
from tests import notebooks

if TYPE_CHECKING:
    from pathlib import Path


def plans_of(root: Path, *cells: str) -> Plans:
    notebook, pipeline = build.parse(notebooks.text(*cells), "n.ipynb")
    store = open_store(project.load(root))
    return Plans(notebook, pipeline, name="n", folder=root, params={}, store=store)


def test_a_path_counts_where_a_name_for_it_is_used(workspace: Path) -> None:
    plans = plans_of(
        workspace,
        "%%mlops setup\nimport pandas as pd\nOUT = 'out.csv'",
        "%%mlops stage a\nsource = {'rows': 'in.csv'}\ntable = pd.read_csv('table.csv')",
        "%%mlops stage b\nrows = pd.read_csv(source['rows'])\nprint(table)",
        "%%mlops stage c\nrows.to_csv(OUT)",
    )
    meant = {name: {each for each in plans.plan(name).meant if each.endswith(".csv")} for name in "abc"}
    assert meant == {"a": {"in.csv", "table.csv"}, "b": {"in.csv"}, "c": {"out.csv"}}
    assert "in.csv" in plans.plan("b").paths
    assert "table.csv" not in plans.plan("b").paths
