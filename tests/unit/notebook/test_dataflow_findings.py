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
