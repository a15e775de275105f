from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.errors import DataflowError
from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from tests.notebooks import text

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Pipeline

IMPORTS = (
    "import json, random\nimport numpy as np\nimport pandas as pd\nfrom pathlib import Path\nimport torch\n"
)


def pipeline(*stages: str) -> Pipeline:
    cells = [f"%%mlops setup\n{IMPORTS}"]
    cells += [f"%%mlops stage {name}\n{source}" for name, source in zip("abcdef", stages, strict=False)]
    return analyse(parse(text(*cells), "case.ipynb"))


FILES = [  # stage a, stage b, whether b waits for a
    ("pd.DataFrame().to_csv('x.csv')", "pd.read_csv('x.csv')", True),
    ("pd.DataFrame().to_csv('x.csv')", "pd.read_csv('y.csv')", False),
    ("pd.read_csv('x.csv')", "pd.read_csv('x.csv')", False),
    ("pd.read_csv('x.csv')", "pd.DataFrame().to_csv('x.csv')", True),
    ("open('x', 'w').write('1')", "open('./x').read()", True),
    ("with open('x.txt', mode='w') as f:\n    f.write('1')", "with open('x.txt') as f:\n    print(f.read())", True),
    ("open('x')", "open('x')", False),
    ("Path('x.txt').write_text('1')", "Path('x.txt').read_text()", True),
    ("(Path('out') / 'x.txt').write_text('1')", "open('out/x.txt').read()", True),
    ("Path('out').mkdir()", "pd.DataFrame().to_csv('out/x.csv')", True),
    ("P = 'x.csv'\npd.DataFrame().to_csv(P)", "pd.read_csv('x.csv')", True),
    ("np.save('x', np.zeros(3))", "np.load('x.npy')", True),
    ("torch.save({}, 'm.pt')", "torch.load('m.pt')", True),
    ("import joblib\njoblib.dump({}, 'm.joblib')", "import joblib\njoblib.load('m.joblib')", True),
    ("%%writefile conf.json\n{}", "json.load(open('conf.json'))", True),
    ("%%writefile helper.py\nx = 1", "import helper", True),
    ("!echo 1 > x.txt", "!cat x.txt", True),
    ("!echo 1 > x.txt", "open('x.txt')", True),
    ("def save(d):\n    d.to_csv('x.csv')\nsave(pd.DataFrame())", "pd.read_csv('x.csv')", True),
    ("def save(d):\n    d.to_csv('x.csv')", "pd.read_csv('x.csv')", False),
    ("pd.DataFrame().to_numpy('x.csv')", "pd.read_csv('x.csv')", False),
    ("pd.read_csv('https://e.org/x.csv')", "pd.read_csv('https://e.org/x.csv')", False),
]  # fmt: skip


@pytest.mark.parametrize("a, b, waits", FILES)
def test_files_order_stages(a: str, b: str, waits: bool) -> None:
    found = pipeline(a, b)
    assert found.stage("b").upstream == (("a",) if waits else ())
    assert not any(name.startswith("<") for stage in found.stages for name in (*stage.inputs, *stage.outputs))


RANDOM = [
    ("np.random.seed(0)", "np.random.rand()", True),
    ("np.random.seed(0)\nnp.random.rand()", "np.random.seed(1)\nnp.random.rand()", False),
    ("np.random.seed(0)", "random.random()", False),
    ("random.seed(0)", "x = [1]\nrandom.shuffle(x)", True),
    ("torch.manual_seed(0)", "torch.randn(3)", True),
    ("torch.manual_seed(0)", "import torch.nn as nn\nm = nn.Linear(1, 1)", True),
    ("np.random.seed(0)", "from sklearn.model_selection import train_test_split\ntrain_test_split([1])", True),
    ("np.random.seed(0)", "from sklearn.model_selection import train_test_split\ntrain_test_split([1], random_state=1)", False),
    ("np.random.seed(0)", "def f():\n    return np.random.rand()\nf()", True),
    ("np.random.seed(0)", "def f():\n    return np.random.rand()", False),
    ("np.random.seed(0)", "rng = np.random.default_rng(1)\nrng.normal()", False),
    ("np.random.rand()", "np.random.rand()", True),
    ("x = 1", "np.random.rand()", False),
]  # fmt: skip


@pytest.mark.parametrize("a, b, waits", RANDOM)
def test_random_state_orders_stages(a: str, b: str, waits: bool) -> None:
    assert pipeline(a, b).stage("b").upstream == (("a",) if waits else ())


def test_a_seed_in_setup_lets_draws_follow_each_other() -> None:
    cells = ["%%mlops setup\nimport numpy as np\nnp.random.seed(0)"]
    cells += [f"%%mlops stage {name}\nx{name} = np.random.rand()" for name in "abc"]
    found = analyse(parse(text(*cells), "case.ipynb"))
    assert [stage.upstream for stage in found.stages] == [(), ("a",), ("b",)]


def test_readers_of_a_file_do_not_wait_for_each_other() -> None:
    found = pipeline("open('x', 'w')", "open('x')", "open('x')", "open('x', 'w')")
    assert [stage.upstream for stage in found.stages] == [(), ("a",), ("a",), ("a", "b", "c")]


@pytest.mark.parametrize(
    "first, between, last, said",
    [
        ("open('x.txt', 'w')", "open('x.txt')", "open('x.txt', 'w')", "the file x.txt"),
        ("np.random.seed(0)", "np.random.rand()", "np.random.rand()", "numpy's random state"),
    ],
)
def test_interleaved_stages_that_share_one(first: str, between: str, last: str, said: str) -> None:
    cells = [f"%%mlops setup\n{IMPORTS}", f"%%mlops stage a\n{first}", f"%%mlops stage b\n{between}", f"%%mlops stage a\n{last}"]  # fmt: skip
    with pytest.raises(DataflowError) as caught:
        analyse(parse(text(*cells), "case.ipynb"))
    (found,) = caught.value.details["diagnostics"]
    assert (found.rule, found.merge) == ("MLO120", ("a", "b"))
    assert said in found.message
    assert "merge stages a and b: tag cell 2 `%%mlops stage a`" in found.mend


def test_interleaved_draws_that_nothing_seeds_are_let_be() -> None:
    cells = [f"%%mlops setup\n{IMPORTS}", "%%mlops stage a\nnp.random.rand()", "%%mlops stage b\nnp.random.rand()", "%%mlops stage a\nnp.random.rand()"]  # fmt: skip
    analyse(parse(text(*cells), "case.ipynb"))
