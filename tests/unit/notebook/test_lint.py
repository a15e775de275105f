from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.lint import check
from tests.notebooks import CellSpec, notebook, text

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Diagnostic


def lint(*cells: CellSpec) -> list[Diagnostic]:
    return check(parse(text(*cells), "a.ipynb"))


def rules(*cells: CellSpec) -> list[tuple[str, int | None, int | None]]:
    return [(f.rule, f.cell, f.line) for f in lint(*cells)]


@pytest.mark.parametrize(
    "source, rule, line",
    [
        ("x = open('/home/me/data.csv').read()", "MLO104", 1),
        ("p = r'C:\\data\\x.csv'", "MLO104", 1),
        ("p = 'C:/data/x.csv'", "MLO104", 1),
        ("p = '~/x.csv'", "MLO104", 1),
        ("p = 'file:///home/x'", "MLO104", 1),
        ("x = 1\n!pip install pandas", "MLO105", 2),
        ("%pip install -q pandas", "MLO105", 1),
        ("!{sys.executable} -m pip install x\nimport sys", "MLO105", 1),
        ("!python -m pip install x", "MLO105", 1),
        ("%%bash\npip install x", "MLO105", 2),
        ("!conda install x", "MLO105", 1),
        ("import numpy as np\nx = np.random.rand(3)", "MLO106", 2),
        ("import numpy as np\nr = np.random.default_rng()", "MLO106", 2),
        ("import random\nx = random.random()", "MLO106", 2),
        ("from random import shuffle\nx = [1]\nshuffle(x)", "MLO106", 3),
        ("import torch\nx = torch.randn(3)", "MLO106", 2),
        ("from sklearn.model_selection import train_test_split\na = train_test_split([1])", "MLO106", 2),
        ("from sklearn.ensemble import RandomForestClassifier as R\nm = R()", "MLO106", 2),
        ("from scipy.stats import norm\nx = norm.rvs(size=3)", "MLO106", 2),
        ("import seaborn as sns\nsns.regplot(x=[1], y=[2])", "MLO106", 2),
        ("x = _", "MLO108", 1),
        ("x = Out[3]", "MLO108", 1),
        ("X_test = m = type('M', (), {})()\nm.fit(X_test)", "MLO109", 2),
        ("print(undefined_name)", "MLO102", 1),
        ("print(", "MLO101", 1),
    ],
)
def test_found(source: str, rule: str, line: int) -> None:
    assert (rule, 0, line) in rules(source)


@pytest.mark.parametrize(
    "source",
    [
        "x = open('data/x.csv').read()",
        "x = 'a / b'",
        "x = 'https://example.org/a.csv'",
        "x = '/'",
        "def f():\n    '''Read /home/me/x.csv.'''",
        "import numpy as np\nnp.random.seed(0)\nx = np.random.rand(3)",
        "import numpy as np\nr = np.random.default_rng(7)\nx = r.normal()",
        "from sklearn.model_selection import train_test_split\na = train_test_split([1], random_state=0)",
        "options = {}\nfrom sklearn.cluster import KMeans\nm = KMeans(**options)",
        "import random\nrandom.seed(1)\nrandom.random()",
        "for _ in range(3):\n    print(_)",
        "!ls\n%matplotlib inline",
        "import sklearn.svm\nm = sklearn.svm.SVC()\nm.fit([1], [2])\nX_test = 1\nm.predict(X_test)",
    ],
)
def test_nothing_found(source: str) -> None:
    assert rules(source) == []


def test_aside_cells_are_left_alone() -> None:
    assert rules("%%mlops skip\n!pip install x\np = '/home/me/x'", "x = 1") == []


def test_run_out_of_order() -> None:
    document = notebook("x = 1", "y = x", "z = y")
    for cell, count in zip(document["cells"], (3, 1, 2), strict=True):
        cell["execution_count"] = count
    found = check(parse(json.dumps(document), "a.ipynb"))
    assert [(f.rule, f.cell, f.severity) for f in found] == [("MLO103", 1, "warning")]
    assert "cell 0" in found[0].message


def test_every_finding_has_a_mend() -> None:
    found = lint("!pip install x\nimport numpy as np\nprint(np.random.rand(), _, zz)", "p = '/home/a'")
    assert {f.rule for f in found} == {"MLO102", "MLO104", "MLO105", "MLO106", "MLO108"}
    assert all(f.mend for f in found)


def test_an_extension_loaded_among_other_code() -> None:
    first, last = "%%mlops stage a\n%load_ext sql\nx = 1", "%%mlops stage b\nprint(x)"
    assert rules(first, last) == [("MLO125", 0, 2)]
    assert rules("%%mlops stage a\nx = 1", "%load_ext sql", last) == []


def test_a_finding_is_an_error_or_a_warning_not_both() -> None:
    found = lint("%%mlops stage a\n1 + 1", "%%mlops stage b\nx = _")
    assert [(f.rule, f.severity) for f in found] == [("MLO108", "error")]
