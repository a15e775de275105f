from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from tests.notebooks import CellSpec, text

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Pipeline


def pipeline(*cells: CellSpec) -> Pipeline:
    return analyse(parse(text(*cells), "case.ipynb"))


def staged(**sources: str) -> Pipeline:
    """A setup cell with the usual imports, then a stage a keyword."""
    cells = [f"%%mlops stage {name}\n{source}" for name, source in sources.items() if name != "setup"]
    setup = f"%%mlops setup\nimport numpy as np\nimport pandas as pd\n{sources.get('setup', '')}"
    return pipeline(setup, *cells)


def edges(found: Pipeline) -> set[str]:
    """Each crossing as ``writer.variable>reader``."""
    return {
        f"{producer}.{name}>{stage.name}"
        for stage in found.stages
        for name, producer in stage.producers.items()
    }


TWO = [  # stage a, stage b, the variables of a that b gets
    ("x = 1", "print(x)", "x"),
    ("x = 1", "y = 2", ""),
    ("x, y = 1, 2", "print(y)", "y"),
    ("x = y = []", "print(y)", "y"),
    ("(x, [y, *z]) = 1, [2, 3]", "print(z)", "z"),
    ("x: int = 1", "print(x)", "x"),
    ("x = 1\nx += 1", "print(x)", "x"),
    ("x = 1", "x += 1", "x"),
    ("x = 1", "x = 2\nprint(x)", ""),
    ("x = 1", "print(x)\nx = 2", "x"),
    ("x = 1", "if True:\n    x = 2\nprint(x)", "x"),
    ("x = 1", "if y := 1:\n    x = 2\nelse:\n    x = 3\nprint(x)", ""),
    ("x = 1", "if 1:\n    x = 2\nelse:\n    raise ValueError\nprint(x)", ""),
    ("x = 1", "for x in range(3):\n    print(x)", ""),
    ("for x in range(3):\n    pass", "print(x)", "x"),
    ("while (x := 1) > 2:\n    pass", "print(x)", "x"),
    ("import json", "json.dumps(1)", "json"),
    ("import os.path", "os.getcwd()", "os"),
    ("import os.path as p", "p.join('a')", "p"),
    ("from json import dumps as d", "d(1)", "d"),
    ("def f():\n    return 1", "f()", "f"),
    ("class A:\n    pass", "A()", "A"),
    ("n = 2\ndef f():\n    return n", "f()", "f n"),
    ("n = 2\nf = lambda: n", "print(f())", "f n"),
    ("n = 2\ndef g():\n    return n\ndef f():\n    return g()", "f()", "f g n"),
    ("n = 2\nclass A:\n    def go(self):\n        return n\na = A()", "a.go()", "a n"),
    ("n = 2", "def f():\n    return n", "n"),
    ("n = 2", "def f(n):\n    return n\nf(1)", ""),
    ("n = 2", "def f(a=n):\n    return a", "n"),
    ("n = 2", "def f():\n    n = 1\n    return n", ""),
    ("n = 2", "def f():\n    global n\n    n = 1\nf()\nprint(n)", "n"),
    ("n = 2", "f = lambda n: n", ""),
    ("n = 2", "f = lambda k=n: k", "n"),
    ("n = 2", "[n for n in range(3)]", ""),
    ("n = 2", "[k for k in range(n)]", "n"),
    ("n = 2", "{k: n for k in range(3)}", "n"),
    ("n = 2", "sum(n * k for k in range(3))", "n"),
    ("n = 2", "[[n for m in range(k)] for k in range(3)]", "n"),
    ("n = 2", "[y := k for k in range(3)]\nprint(y)", ""),
    ("n = 2", "class A:\n    n = n\n    def f(self):\n        return 1", "n"),
    ("n = 2", "class A:\n    n = 3\n    m = n", ""),
    ("n = 2", "class A:\n    def f(self):\n        return n", "n"),
    ("n = 2", "@n\ndef f():\n    pass", "n"),
    ("n = 2", "class A(n):\n    pass", "n"),
    ("n = 2", "def f(x: n) -> int:\n    return x", "n"),
    ("n = 2", "print(f'{n:>{n}}')", "n"),
    ("n = 2", "print(f'{n!r}' '{m}')", "n"),
    ("n = 2", "del n", ""),
    ("d = {}", "del d['k']\nprint(d)", "d"),
    ("n = 2", "try:\n    n = 3\nexcept ValueError as e:\n    print(e)\nprint(n)", "n"),
    ("n = 2", "with open('f') as n:\n    print(n)", ""),
    ("n = 2", "match n:\n    case 1:\n        pass", "n"),
    ("n = 2", "match 1:\n    case n:\n        print(n)", ""),
    ("n = 2", "def f():\n    def g():\n        return n\n    return g\nf()()", "n"),
    ("n = 2", "def f():\n    n = 1\n    def g():\n        nonlocal n\n        n = 2\n        return n\n    return g", ""),
    ("t = 3\ndf = pd.DataFrame()", "df.query('x > @t')", "df t"),
    ("t = 3\ndf = pd.DataFrame()", "df.query(f'x > {t}')", "df t"),
    ("a = 3", "eval('a + 1')", "a"),
    ("x = !ls", "print(x)", "x"),
    ("x = 'a'", "!echo {x}", "x"),
    ("x = 'a'", "!echo $x $HOME", "x"),
    ("%time x = sum([1])", "print(x)", "x"),
    ("%%time\nx = 1", "print(x)", "x"),
    ("x = 1", "%time print(x)", "x"),
    ("x = 1", "%matplotlib inline\n%timeit -n 3 x + 1", "x"),
    ("x = 1", "print(x);", "x"),
    ("x = 1", "x?", ""),
    ("async def f():\n    return 1", "await f()", "f"),
]  # fmt: skip


@pytest.mark.parametrize("a, b, crossing", TWO)
def test_what_crosses_from_one_stage_to_the_next(a: str, b: str, crossing: str) -> None:
    found = staged(a=a, b=b)
    first, second = found.stages
    assert set(second.inputs) == set(crossing.split())
    assert first.outputs == second.inputs
    assert second.upstream == (("a",) if crossing else ())


THREE = [  # a, b, c, the edges into c
    ("x = []", "x.append(1)", "print(x)", {"b.x>c"}),
    ("x = []", "print(x)", "print(x)", {"a.x>c"}),
    ("x = {}", "x['k'] = 1", "print(x)", {"b.x>c"}),
    ("x = pd.DataFrame()", "x.loc[0, 'a'] = 1", "print(x)", {"b.x>c"}),
    ("x = pd.DataFrame()", "x.a = 1", "print(x)", {"b.x>c"}),
    ("x = pd.DataFrame()", "x.drop(columns='a')", "print(x)", {"a.x>c"}),
    ("x = pd.DataFrame()", "x.drop(columns='a', inplace=True)", "print(x)", {"b.x>c"}),
    ("x = pd.DataFrame()", "x.drop(columns='a', inplace=False)", "print(x)", {"a.x>c"}),
    ("x = np.zeros(3)", "x += 1", "print(x)", {"b.x>c"}),
    ("x = np.zeros(3)", "np.fill_diagonal(x, 1)", "print(x)", {"b.x>c"}),
    ("x = np.zeros(3)", "np.add(x, 1, out=x)", "print(x)", {"b.x>c"}),
    ("x = np.zeros(3)", "v = x[1:]\nv[0] = 1", "print(x)", {"b.x>c"}),
    ("x = np.zeros(3)", "v = x + 1\nv[0] = 1", "print(x)", {"a.x>c"}),
    ("x = pd.DataFrame()", "v = x.copy()\nv['a'] = 1", "print(x)", {"a.x>c"}),
    ("x = []", "y = x\ny.append(1)", "print(x)", {"b.x>c"}),
    ("x = []\ny = x", "y.append(1)", "print(x)", {"b.x>c"}),
    ("x = []\ny = [x]", "y[0].append(1)", "print(x)", {"b.x>c"}),
    ("x = []\ny = [x]", "y.append(1)", "print(x)", {"a.x>c"}),
    ("x = []\ny = {}\ny['x'] = x", "y['x'].append(1)", "print(x)", {"b.x>c"}),
    ("x = []\ny = []\ny.append(x)", "x.append(1)", "print(y)", {"b.y>c"}),
    ("x = []", "def f(a):\n    a.append(1)\nf(x)", "print(x)", {"b.x>c"}),
    ("x = []", "def f(a):\n    g(a)\ndef g(a):\n    a.append(1)\nf(x)", "print(x)", {"b.x>c"}),
    ("x = []", "def f(a):\n    return len(a)\nf(x)", "print(x)", {"a.x>c"}),
    ("x = []", "def f(a):\n    a = list(a)\n    a.append(1)\nf(x)", "print(x)", {"a.x>c"}),
    ("x = []", "def f():\n    x.append(1)\nf()", "print(x)", {"b.x>c"}),
    ("x = []", "def f(*, a):\n    a.append(1)\nf(a=x)", "print(x)", {"b.x>c"}),
    ("x = []", "def f(a):\n    return a\ny = f(x)\ny.append(1)", "print(x)", {"b.x>c"}),
    ("x = 0", "def f():\n    global x\n    x += 1\nf()", "print(x)", {"b.x>c"}),
    ("x = []", "for i in [1]:\n    x.append(i)", "print(x)", {"b.x>c"}),
    ("x = [[]]", "for i in x:\n    i.append(1)", "print(x)", {"b.x>c"}),
    ("x = {'a': []}", "for k, v in x.items():\n    v.append(1)", "print(x)", {"b.x>c"}),
    ("x = [[]]", "[i.append(1) for i in x]", "print(x)", {"b.x>c"}),
    ("x = [[]]", "list(map(lambda i: i.append(1), x))", "print(x)", {"b.x>c"}),
    ("x = 1", "if x:\n    x = 2", "print(x)", {"b.x>c"}),
    ("m = Model()", "m.fit([1])", "print(m)", {"b.m>c"}),
    ("m = Model()", "m.predict([1])", "print(m)", {"a.m>c"}),
    ("m = Model()\nopt = SGD(m.parameters())", "opt.step()", "print(m)", {"b.m>c"}),
    ("m = Model()", "p = Pipeline([('m', m)])\np.fit(1)", "print(m)", {"b.m>c"}),
    ("m = Model()", "fitted = m.fit(1)", "print(fitted)", {"b.fitted>c"}),
    ("def x(a):\n    return a", "m = Pipeline([x])\nm.fit(1)", "print(x)", {"a.x>c"}),
    ("x = ['a', 'b']", "m = Pipeline([('p', x)])\nm.fit(1)", "print(x)", {"a.x>c"}),
    ("x = ['a']\nx.append(Model())", "m = Pipeline(x)\nm.fit(1)", "print(x)", {"b.x>c"}),
    ("def x(a):\n    return a", "x.limit = 3", "print(x)", {"b.x>c"}),
    ("m = Model()", "m.weight.add_(1)", "print(m)", {"b.m>c"}),
    ("rng = np.random.default_rng(0)", "rng.normal()", "rng.normal()", {"b.rng>c"}),
    ("rng = np.random.default_rng(0)", "pd.Series().sample(random_state=rng)", "rng.normal()", {"b.rng>c"}),
    ("x = [1]", "import random\nrandom.shuffle(x)", "print(x)", {"b.x>c"}),
    ("fig, ax = plt.subplots()", "ax.plot([1])", "fig.savefig('f')", {"b.fig>c"}),
    ("x = 1", "y = x", "print(x, y)", {"a.x>c", "b.y>c"}),
    ("n = 1\ndef f():\n    return n", "n = 2", "f()", {"a.f>c", "b.n>c"}),
    ("x = []", "setattr(x, 'a', 1)", "print(x)", {"b.x>c"}),
]  # fmt: skip


@pytest.mark.parametrize("a, b, c, into_c", THREE)
def test_who_wrote_it_last(a: str, b: str, c: str, into_c: set[str]) -> None:
    setup = "import matplotlib.pyplot as plt\nfrom models import Model, SGD, Pipeline"
    found = edges(staged(setup=setup, a=a, b=b, c=c))
    assert {edge for edge in found if edge.endswith(">c")} == into_c


def test_own_class_changes_itself() -> None:
    source = "class C:\n    def __init__(self):\n        self.n = 0\n    def go(self):\n        self.n += 1\nx = C()"
    assert "b.x>c" in edges(staged(a=source, b="x.go()", c="print(x.n)"))


def test_a_change_through_an_alias_makes_the_stage_take_the_variable() -> None:
    found = staged(a="x = []\ny = x", b="y.append(1)", c="print(x)")
    assert found.stage("b").inputs == ("x", "y")
    assert found.stage("b").outputs == ("x",)


def test_setup_and_params_cross_no_border() -> None:
    found = pipeline(
        "import numpy as np\nN = 3\ndef f():\n    return N",
        ("seed = 7\nlayers = [1, -2.5]", {"tags": ["parameters"]}),
        "%%mlops stage a\nx = f() + seed",
        "%%mlops stage b\nprint(x, np.pi, layers)",
    )
    assert found.setup == (0,)
    assert found.params == {"seed": 7, "layers": [1, -2.5]}
    assert edges(found) == {"a.x>b"}


def test_a_stage_that_changes_a_setup_variable_is_its_writer() -> None:
    found = staged(setup="log = []", a="log.append(1)", b="print(log)")
    assert edges(found) == {"a.log>b"}


def test_untagged_cells_continue_the_stage_above() -> None:
    found = pipeline(
        ("md", "# Title"), "import os", "%%mlops stage a\nx = 1", ("md", "more"), "y = x", "%%mlops stage b\nz = y", "w = z",
    )  # fmt: skip
    assert [(stage.name, stage.cells) for stage in found.stages] == [("a", (2, 4)), ("b", (5, 6))]
    assert found.setup == (1,)


def test_work_above_the_first_stage_is_a_stage_of_its_own() -> None:
    found = pipeline("import pandas as pd", "df = pd.read_csv('a')", "N = 3", "%%mlops stage b\nprint(df, N)")
    assert found.stages[0].name == "load"
    assert found.stages[0].cells == (1,)
    assert found.setup == (0, 2)


def test_stages_of_several_cells_apart() -> None:
    found = pipeline(
        "%%mlops stage a\nx = 1",
        "%%mlops stage b\ny = 2",
        "%%mlops stage a\nz = x",
        "%%mlops stage c\nprint(z, y)",
    )
    assert found.stage("a").cells == (0, 2)
    assert found.stage("c").upstream == ("a", "b")


def test_gate_and_skip_cells_are_in_no_stage() -> None:
    found = pipeline(
        "%%mlops stage a\nx = 1",
        "%%mlops gate churn\naccuracy >= 0.8\n# why\n\nauc > 0.9",
        ("raw", "not tagged"),
        "%%mlops skip\nx.plot()\nnonsense here",
        "print(x)",
    )
    assert found.stages[0].cells == (0, 4)
    assert found.gates[0].conditions == ("accuracy >= 0.8", "auc > 0.9")
    assert found.gates[0].cell == 1


def test_after_orders_without_a_variable() -> None:
    found = pipeline("%%mlops stage a\nx = 1", "%%mlops stage b --after a\ny = 1")
    assert found.stage("b").upstream == ("a",)
    assert found.stage("b").inputs == ()


def test_stages_that_only_read_depend_on_the_writer_alone() -> None:
    found = staged(a="x = pd.DataFrame()", b="m = x.mean()", c="s = x.std()", d="print(m, s)")
    assert found.stage("b").upstream == found.stage("c").upstream == ("a",)
    assert found.stage("d").upstream == ("b", "c")


@pytest.mark.parametrize("magic", ["bash", "html", "writefile a.py", "sh --out o"])
def test_cell_magics_with_other_bodies(magic: str) -> None:
    found = pipeline(f"%%mlops stage a\n%%{magic}\nthis is not python\n", "x = 1")
    assert found.stages[0].cells == (0, 1)


def test_capture_binds_its_output() -> None:
    found = pipeline("%%mlops stage a\n%%capture cap\nx = 1", "%%mlops stage b\nprint(cap.stdout, x)")
    assert found.stage("b").inputs == ("cap", "x")


def test_same_notebook_same_pipeline() -> None:
    cells = ["%%mlops stage a\nx, y, z = 1, 2, 3", "%%mlops stage b\nprint(z, y, x)"]
    assert pipeline(*cells) == pipeline(*cells)


@pytest.mark.parametrize("magics", ["%load_ext autoreload\n%autoreload 2", "%matplotlib inline"])
def test_what_prepares_the_session_every_stage_gets(magics: str) -> None:
    found = pipeline("%%mlops stage a\nx = 1", magics, "%%mlops stage b\nprint(x)")
    assert found.setup == (1,)
    assert pipeline("%%mlops stage a\nx = 1", magics + "\ny = 1", "%%mlops stage b\nprint(x)").setup == ()


def test_a_magic_of_somebodys_own_may_run_the_code_behind_it() -> None:
    made = staged(a="x = 1", b="%alias_magic t time\n%t y = x", c="print(y)")
    assert edges(made) >= {"a.x>b", "b.y>c"}
