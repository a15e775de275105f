"""Attributes of modules that a notebook's code sets."""

from __future__ import annotations

import pytest

from jupyter_mlops.notebook.patches import patched

IMPORTS = (
    "import numpy as np, pandas as pd, matplotlib.pyplot as plt, sys, os\nfrom pandas import Series as S"
)


@pytest.mark.parametrize(
    "code, names",
    [
        ("np.foo = 3", {"numpy.foo"}),
        ("plt.show = lambda: None", {"matplotlib.pyplot.show"}),
        ("pd.DataFrame.shout: object = len", {"pandas.DataFrame.shout"}),
        ("del S.shout", {"pandas.Series.shout"}),
        ("np.names.append(1)", {"numpy.names"}),
        ("np.table['a'] = 1", {"numpy.table"}),
        (
            "setattr(pd.DataFrame, 'shout', len)\ndelattr(S, 'x')",
            {"pandas.DataFrame.shout", "pandas.Series.x"},
        ),
        ("__builtins__.shout = len", {"builtins.shout"}),
        ("sys.argv = ['a']", {"sys.argv"}),
        ("def patch():\n    np.foo = 3", {"numpy.foo"}),
        (
            "@pd.api.extensions.register_series_accessor('twice')\nclass Twice: pass",
            {"pandas.Series.twice"},
        ),
        ("plt.rcParams['figure.dpi'] = 100\npd.options.display.max_rows = 5", set()),
        ("sys.path.append('x')\nos.environ['A'] = 'b'\nsys.stdout = None", set()),
        ("df = pd.DataFrame()\ndf.foo = 3\nnp.append(df, 1)", set()),
        ("setattr(pd.DataFrame, name, len)\nsetattr(object(), 'x', 1)", set()),
        ("this is no Python", set()),
    ],
)
def test_names_of_what_is_set(code: str, names: set[str]) -> None:
    assert patched([IMPORTS, code]) == names


def test_what_tqdm_adds_to_pandas() -> None:
    assert "pandas.Series.progress_apply" in patched(["from tqdm import tqdm\ntqdm.pandas()"])
