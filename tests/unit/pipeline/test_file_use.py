from __future__ import annotations

import pytest

from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from jupyter_mlops.pipeline import file_use
from tests import notebooks


def order_kept(first: str, second: str, setup: str = "import pandas as pd, os, json") -> bool:
    cells = (
        "%%mlops params\nout = 'given.csv'",
        f"%%mlops setup\nfrom pathlib import Path\n{setup}",
        f"%%mlops stage a\ndf = pd.DataFrame()\n{first}",
        ("md", "words"),
        f"{second}",
    )
    tagged = {"mlops": {"kind": "stage", "name": "b"}}
    notebook = parse(notebooks.text(*cells[:4], (cells[4], tagged)), "n.ipynb")
    pipeline = analyse(notebook)
    found = file_use.edges(notebook, pipeline, ["a", "b"], pipeline.params)
    assert found["a"] == ()
    return found["b"] == ("a",)


@pytest.mark.parametrize(
    "first, second",
    [
        ("df.to_csv('x.csv')", "pd.read_csv('x.csv')"),
        ("pd.read_csv('x.csv')", "pd.DataFrame().to_csv('x.csv')"),
        ("df.to_csv('./x.csv')", "pd.read_csv('x.csv')"),
        ("df.to_csv('out/x.csv')", "os.listdir('out/')"),
        ("open('x.txt', 'w').write('1')", "open('x.txt').read()"),
        ("open('x.txt', mode='a').write('1')", "open('x.txt', 'a').write('2')"),
        ("Path('x.txt').write_text('1')", "Path('x.txt').read_text()"),
        ("p = Path('x.txt')\np.write_text('1')", "q = Path('x.txt').read_text()"),
        ("df.to_csv(out)", "pd.read_csv('given.csv')"),
        ("df.to_csv(os.path.join('d', 'x.csv'))\nP = os.path.join('d', 'x.csv')\nos.remove(P)", "pd.read_csv('d/x.csv')"),
        ("D = Path('d/')\nF = D / 'x.csv'\ndf.to_csv(Path('d/') / 'x.csv'); helper = F; F.touch()", "pd.read_csv('d/x.csv')"),
        ("df.to_csv('x.csv')", "%%writefile x.csv\na"),
        ("!cp a.csv x.csv", "pd.read_csv('x.csv')"),
    ],
)  # fmt: skip
def test_a_file_that_one_may_write_keeps_the_order(first: str, second: str) -> None:
    assert order_kept(first, second)


@pytest.mark.parametrize(
    "first, second",
    [
        ("pd.read_csv('x.csv')", "pd.read_csv('x.csv')"),
        ("open('x.csv').read()", "json.load(open('x.csv', 'rb'))"),
        ("df.to_csv('x.csv')", "pd.read_csv('y.csv')"),
        ("df.to_csv('x.csv')", "pd.read_csv('x.csv.gz')"),
        ("print('the sum is 1. so')", "print('the sum is 1. so')"),
        ("Path('x.csv').read_text()", "Path('x.csv').exists()"),
        ("pd.read_csv(DATA)", "pd.read_csv(DATA)"),
    ],
)
def test_files_that_are_only_read_do_not(first: str, second: str) -> None:
    assert not order_kept(first, second, setup="import pandas as pd, os, json\nDATA = 'x.csv'")
