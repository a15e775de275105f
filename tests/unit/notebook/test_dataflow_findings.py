from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.errors import DataflowError
from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from tests.notebooks import CellSpec, text

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Diagnostic, Pipeline


def pipeline(*cells: CellSpec) -> Pipeline:
    return analyse(parse(text(*cells), "case.ipynb"))


def staged(**sources: str) -> Pipeline:
    """A setup cell with the usual imports, then a stage a keyword."""
    cells = [f"%%mlops stage {name}\n{source}" for name, source in sources.items() if name != "setup"]
    setup = f"%%mlops setup\nimport numpy as np\nimport pandas as pd\n{sources.get('setup', '')}"
    return pipeline(setup, *cells)


def findings(*cells: CellSpec) -> list[Diagnostic]:
    with pytest.raises(DataflowError) as caught:
        pipeline(*cells)
    found: list[Diagnostic] = caught.value.details["diagnostics"]
    assert "\n" not in str(caught.value)
    return found


@pytest.mark.parametrize(
    "source, name, line",
    [
        ("y = 1\nprint(x)", "x", 2),
        ("y = 1\ndel y\nprint(y)", "y", 3),
        ("def f():\n    return zz\nf()", "zz", 3),
        ("[q for k in range(3)]", "q", 1),
        ("n += 1", "n", 1),
    ],
)
def test_use_before_definition(source: str, name: str, line: int) -> None:
    found = findings("%%mlops stage a\npass", "%%mlops stage b\n" + source)
    assert [(f.rule, f.cell, f.line) for f in found] == [("MLO102", 1, line + 1)]
    assert found[0].message.startswith(f"{name} is used")


@pytest.mark.parametrize(
    "source",
    [
        "from os.path import *\nprint(join)",
        "try:\n    zz\nexcept NameError:\n    zz = 1",
        "print(__name__, _, Out, display, get_ipython())",
        "exec('zz = 1')\nprint(zz)",
        "%run other.py\nprint(zz)",
        "def f():\n    return later",
        "def f():\n    return later\nlater = 1\nf()",
        "if 0:\n    zz = 1\nprint(zz)",
        "import warnings\nwarnings.warn('x')",
        r"s = '\d'",
    ],
)
def test_names_that_may_be_there(source: str) -> None:
    pipeline("%%mlops stage a\n" + source)


def test_used_above_its_definition_names_the_cell() -> None:
    (found,) = findings("%%mlops stage a\nprint(x)", "x = 1")
    assert "before cell 1 defines it" in found.message


def test_defined_only_in_a_skipped_cell() -> None:
    (found,) = findings("%%mlops skip\nx = 1", "%%mlops stage a\nprint(x)")
    assert "skip" in found.message


def test_all_findings_are_reported() -> None:
    found = findings("%%mlops stage a\nprint(x)", "print(", "print(y)")
    assert [(f.rule, f.cell) for f in found] == [("MLO102", 0), ("MLO101", 1), ("MLO102", 2)]


def test_stages_that_wait_for_each_other() -> None:
    found = findings("%%mlops stage a\nx = 1", "%%mlops stage b\ny = x", "%%mlops stage a\nprint(y)")
    assert [f.rule for f in found] == ["MLO120"]
    assert "a and b" in found[0].message
    assert "reads x of a" in found[0].message
    assert "reads y of b" in found[0].message
    assert "merge" in found[0].mend


def test_writing_again_what_another_stage_has_read() -> None:
    found = findings(
        "%%mlops stage a\nx = 1",
        "%%mlops stage b\ny = x",
        "%%mlops stage a\nx = 2",
        "%%mlops stage c\nprint(x)",
    )
    assert [(f.rule, f.cell) for f in found] == [("MLO122", 2)]


def test_two_versions_of_one_variable() -> None:
    found = findings(
        "%%mlops stage a\nx = 1",
        "%%mlops stage c\nprint(x)",
        "%%mlops stage b\nx = 2",
        "%%mlops stage c\nprint(x)",
    )
    assert [(f.rule, f.cell) for f in found] == [("MLO122", 3)]


def test_setup_must_not_read_a_stages_variable() -> None:
    found = findings("%%mlops stage a\nx = 1", "%%mlops setup\ny = x")
    assert [(f.rule, f.cell) for f in found] == [("MLO121", 1)]


def test_setup_must_not_change_under_a_stage() -> None:
    found = findings("%%mlops setup\nn = 1", "%%mlops stage a\nprint(n)", "%%mlops setup\nn = 2")
    assert [(f.rule, f.cell) for f in found] == [("MLO123", 2)]


@pytest.mark.parametrize(
    "source, word",
    [
        ("f = open('a')", "open file"),
        ("import sqlite3\nf = sqlite3.connect('a')", "connection"),
        ("f = (i for i in range(3))", "generator"),
        ("import sqlite3\nc = sqlite3.connect('a')\nf = c.cursor()", "connection"),
        ("import sqlite3\nc = sqlite3.connect('a')\nf = c.execute('select 1')", "connection"),
        ("from sqlalchemy import create_engine\nf = create_engine('sqlite://')", "connection"),
        ("import threading\nf = threading.Lock()", "lock"),
        ("from threading import Thread\nf = Thread(target=print)", "thread"),
        ("import subprocess as sp\nf = sp.Popen('ls')", "process"),
        ("from concurrent.futures import ThreadPoolExecutor\nf = ThreadPoolExecutor(2)", "worker pool"),
        ("import csv\nf = csv.reader(open('a'))", "reader"),
        ("import pandas as pd\nf = pd.read_csv('a', chunksize=10)", "reader"),
        ("import h5py\nf = h5py.File('a')", "open file"),
        ("import re\nf = re.finditer('a', 'b')", "generator"),
        ("import socket\nf = socket.socket()", "connection"),
        ("import tempfile\nf = tempfile.TemporaryDirectory()", "temporary folder"),
        ("def g():\n    yield 1\nf = g()", "generator"),
    ],
)
def test_what_cannot_be_passed_on(source: str, word: str) -> None:
    found = findings("%%mlops stage a\n" + source, "%%mlops stage b\nprint(f)")
    assert [(f.rule, f.cell) for f in found] == [("MLO107", 0)]
    assert word in found[0].message
    assert found[0].mend
    pipeline("%%mlops stage a\n" + source, "%%mlops stage b\nprint(1)")


@pytest.mark.parametrize(
    "cells, rule",
    [
        (("%%mlops stage a --after zz\nx = 1",), "MLO113"),
        (("%%mlops stage a --after a\nx = 1",), "MLO113"),
        (("%%mlops params\nx = 1\ny = x + 1\nx = 2", "%%mlops stage a\npass"), "MLO111"),
        (("%%mlops gate m\n# nothing", "%%mlops stage a\npass"), "MLO110"),
        ((("md", "# only text"),), "MLO112"),
        (("%%mlops stage a\nif True print(1)",), "MLO101"),
        (("%%mlops stage a\nreturn 1",), "MLO101"),
    ],
)
def test_other_findings(cells: tuple[CellSpec, ...], rule: str) -> None:
    assert rule in [f.rule for f in findings(*cells)]


def test_another_language_is_said_so() -> None:
    document = text("%%mlops stage a\nx <- 1", kernelspec={"name": "ir", "language": "R"})
    with pytest.raises(DataflowError, match="language is r"):
        analyse(parse(document, "r.ipynb"))


@pytest.mark.parametrize(
    "source",
    [
        "globals()['zz'] = 1\nprint(zz)",
        "globals().update(zz=1)\nprint(zz)",
        "get_ipython().user_ns['zz'] = 1\nprint(zz)",
        "import __main__\n__main__.zz = 1\nprint(zz)",
        "print(zz if 'zz' in globals() else 0)",
        "for zz in range(3):\n    pass\nprint(zz)",
        "match 1:\n    case zz:\n        pass\nprint(zz)",
        "[(zz := i) for i in range(3)]\nprint(zz)",
        "class A:\n    zz = 1\n    yy = zz",
        "import sys\nif sys.version_info < (3, 0):\n    print(unicode('a'))",
        "try:\n    print(1)\nexcept HTTPError:\n    pass",
        "x = 1\nif x > 2:\n    del x\nprint(x)",
    ],
)
def test_names_that_code_makes_out_of_sight(source: str) -> None:
    pipeline("%%mlops stage a\n" + source)


@pytest.mark.parametrize(
    "a, b",
    [
        ("from contextlib import contextmanager\n@contextmanager\ndef f():\n    yield 1\nwith f() as g:\n    pass", "print(g)"),
        ("def f():\n    yield 1\nfor g in f():\n    pass", "print(g)"),
        ("g = (i for i in range(3))\ndeep = False", "if deep:\n    print(list(g))"),
        ("g = (i for i in range(3))\nfor h in g:\n    pass", "print(h)"),
        ("g = open('x')", "def f():\n    return g"),
        ("g = open('x')\ng = g.read()", "print(g)"),
        ("with open('x') as g:\n    h = g.read()", "print(h)"),
        ("import sqlite3\nwith sqlite3.connect('x') as g:\n    h = g.execute('select 1').fetchall()", "print(h)"),
    ],
)  # fmt: skip
def test_what_looks_as_if_it_could_not_be_passed_on(a: str, b: str) -> None:
    pipeline("%%mlops stage a\n" + a, "%%mlops stage b\n" + b)


@pytest.mark.parametrize(
    "reads", ["print(list(f))", "for x in [1]:\n    next(f)", "def go():\n    return list(f)\ngo()", "try:\n    list(f)\nexcept ValueError:\n    pass"]
)  # fmt: skip
def test_what_cannot_be_passed_on_is_refused_where_it_is_surely_read(reads: str) -> None:
    (found,) = findings("%%mlops stage a\nf = (i for i in [1])", "%%mlops stage b\n" + reads)
    assert (found.rule, found.merge) == ("MLO107", ("a", "b"))
    assert "merge stages a and b: tag cell 1 `%%mlops stage a`" in found.mend


def test_stages_that_set_one_name_in_turns() -> None:
    (found,) = findings(
        "%%mlops stage a\nt = 'a'", "%%mlops stage b\nt = 'b'", "%%mlops stage a\nprint(t)", "%%mlops stage c\nprint(1)"
    )  # fmt: skip
    assert (found.rule, found.cell, found.merge) == ("MLO122", 2, ("a", "b"))
    pipeline("%%mlops stage a\nt = 'a'", "%%mlops stage b\nt = 'b'", "%%mlops stage a\nt = 'c'\nprint(t)")
    pipeline(
        "%%mlops stage a\nfor i in range(3):\n    print(i)", "%%mlops stage b\nfor i in range(3):\n    print(i)",
        "%%mlops stage a\nfor i in range(3):\n    print(i)", "%%mlops stage b\nfor i in range(3):\n    print(i)",
    )  # fmt: skip


@pytest.mark.parametrize("name, refused", [("_", True), ("__", True), ("_3", True), ("Out[1]", True)])
def test_the_history_of_another_stage(name: str, refused: bool) -> None:
    (found,) = findings("%%mlops stage a\n1 + 1", f"%%mlops stage b\nx = {name}")
    assert (found.rule, found.cell) == ("MLO108", 1)
    if name == "_":
        pipeline("%%mlops stage a\nx = 2", "%%mlops stage b\n1 + 1", "y = _")
        pipeline("%%mlops stage a\nfor _ in range(3):\n    print(_)", "%%mlops stage b\nprint(_)")


def test_a_stage_that_sets_anew_what_another_read_as_it_was() -> None:
    (found,) = findings(
        "%%mlops stage a\nx = 1", "%%mlops stage s\ny = 1", "%%mlops stage b\nprint(x, y)", "%%mlops stage s\nx = 2"
    )  # fmt: skip
    assert (found.rule, found.merge) == ("MLO120", ("s", "b"))
    assert "sets x, which b reads as it was before" in found.message
    made = pipeline(
        "%%mlops stage a\nx = 1", "%%mlops stage s\ny = 1", "%%mlops stage b\nprint(x)", "%%mlops stage s\nx = 2"
    )  # fmt: skip
    assert [stage.name for stage in made.stages] == ["a", "b", "s"]
    (found,) = findings(
        "%%mlops stage a\nx = 1", "%%mlops stage b --after c\nprint(x)", "%%mlops stage c\nx = 2"
    )
    assert found.merge == ("b", "c")


def test_a_file_that_with_has_closed_is_no_finding() -> None:
    assert staged(a="with open('x') as f:\n    t = f.read()", b="print(f.name, t)").stages
    (found,) = findings(
        "%%mlops stage a\nwith open('x') as f:\n    pass\nf = open('x')", "%%mlops stage b\nf.read()"
    )
    assert found.rule == "MLO107"
