"""Cells that change places though one sees what the other does out of sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.notebook import dataflow
from jupyter_mlops.notebook.cells import parse
from tests import notebooks

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Diagnostic


def findings(first: str, between: str, last: str) -> list[Diagnostic]:
    """Return what is said of a stage ``a`` whose cells lie around one of stage ``b``."""
    cells = ("%%mlops setup\nimport os, warnings\nimport numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt",
             f"%%mlops stage a\n{first}", f"%%mlops stage b\n{between}", f"%%mlops stage a\n{last}")  # fmt: skip
    return dataflow.examine(parse(notebooks.text(*cells), "case.ipynb"))[1]


@pytest.mark.parametrize(
    "between, last",
    [
        ("np.set_printoptions(precision=1)", "print(1)"),
        ("pd.options.display.max_rows = 3", "pd.DataFrame()"),
        ("%precision 2", "1 / 3"),
        ("os.chdir('x')", "open('y')"),
        ("%cd x", "pd.read_csv('y.csv')"),
        ("os.environ['A'] = 'b'", "print(os.getenv('A'))"),
        ("os.environ.update(A='b')", "x = os.environ['A']"),
        ("plt.rcParams['figure.dpi'] = 50", "plt.plot([1])"),
        ("plt.style.use('ggplot')", "plt.plot([1])"),
        ("np.seterr(all='raise')", "y = np.ones(1) / 0"),
        ("print(np.ones(1))", "np.set_printoptions(precision=1)"),
        ("warnings.simplefilter('error')", "warnings.simplefilter('ignore')"),
        ("exec(code)", "print(x)"),
        ("globals()['x'] = 2", "print(x)"),
        ("get_ipython().run_cell('x = 2')", "print(x)"),
        ("%run other.py", "print(x)"),
        ("print(x)", "exec('x' + ' = 3')"),
    ],
)
def test_what_is_refused(between: str, last: str) -> None:
    (found,) = findings("x, code = 1, 'x = 2'", between, last)
    assert (found.rule, found.cell, found.merge) == ("MLO122", 3, ("a", "b"))
    assert "merge stages" in found.mend


@pytest.mark.parametrize(
    "between, last",
    [
        ("y = 1\nprint(y)", "print(x)"),
        ("np.set_printoptions(precision=1)", "z = x + 1"),
        ("os.chdir('x')", "print(x)"),
        ("os.environ['A'] = 'b'", "print(x)"),
        ("plt.plot([1])", "plt.plot([2])"),
        ("warnings.simplefilter('ignore')", "warnings.simplefilter('ignore')"),
        ("exec('y = 1')", "print(x)"),
        ("exec(code, {})", "print(x)"),
        ("exec(code)", "import sys"),
    ],
)
def test_what_is_not(between: str, last: str) -> None:
    assert findings("x, code = 1, 'x = 2'", between.replace("code", "'y = 2'.lower()"), last) == []


def test_words_as_code_are_read_as_the_code_they_are() -> None:
    (found,) = findings("log = ['a']", "exec(\"log.append('b')\")", "eval(\"log.append('a')\")")
    assert found.rule in ("MLO120", "MLO122")
