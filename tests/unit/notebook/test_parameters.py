from __future__ import annotations

import pytest

from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from jupyter_mlops.notebook.parameters import split
from tests.notebooks import text


@pytest.mark.parametrize(
    "source, values, rest",
    [
        ("seed = 7\nlr: float = 0.1", {"seed": 7, "lr": 0.1}, ""),
        ("# why\n'doc'\nseed = 7", {"seed": 7}, ""),
        ("seed = 7\nn = seed * 2", {"seed": 7}, "pass\nn = seed * 2"),
        ("import os\nseed = 7", {"seed": 7}, "import os\npass"),
        ("a = [1,\n  2]; b = a + [3]\nc = 'é'; d = c", {"a": [1, 2], "c": "é"}, "pass; b = a + [3]\n\npass; d = c"),
        ("%%mlops params\nx = -1\ny = x", {"x": -1}, "# %%mlops params\npass\ny = x"),
        ("x = (1, 2)", {}, "x = (1, 2)"),
        ("x = 1\nx = x + 1", {"x": 1}, "pass\nx = x + 1"),
        ("x = 1\n!ls\ny = x", {"x": 1}, "pass\n!ls\ny = x"),
    ],
)  # fmt: skip
def test_literals_are_parameters_and_the_rest_is_code(
    source: str, values: dict[str, object], rest: str
) -> None:
    found = split(source)
    assert (found.values, found.rest) == (values, rest)


def test_what_a_params_cell_computes_every_stage_has() -> None:
    found = analyse(
        parse(
            text(
                "%%mlops params\nimport math\nseed = 7\nn = seed * 2\ndef f():\n    return n",
                "%%mlops stage a\nx = n + seed + f()",
                "%%mlops stage b\nprint(math.pi, n, x)",
            ),
            "a.ipynb",
        )
    )
    assert found.params == {"seed": 7}
    assert found.stage("b").inputs == ("x",)
