from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import MlopsError, NotebookError
from jupyter_mlops.notebook.cells import parse, read
from jupyter_mlops.notebook.dataflow import examine
from jupyter_mlops.notebook.lint import check
from jupyter_mlops.notebook.suggest import suggest
from tests.notebooks import notebook, text, write

if TYPE_CHECKING:
    from pathlib import Path

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)
cells = st.fixed_dictionaries(
    {
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | values,
        "source": st.text() | st.lists(st.text()) | values,
    },
    optional={
        "metadata": values | st.fixed_dictionaries({"mlops": values}),
        "execution_count": values,
        "id": values,
    },
)
documents = st.fixed_dictionaries(
    {"cells": st.lists(cells, min_size=1, max_size=4) | values},
    optional={"nbformat": values, "metadata": values},
)


@given(st.text() | st.binary())
def test_whatever_the_text_only_our_errors_come_out(document: str | bytes) -> None:
    with pytest.raises(NotebookError) as caught:
        parse(document, "x.ipynb")
    assert caught.value.hint


@settings(deadline=None)  # the first odd cell imports IPython
@given(documents)
def test_whatever_the_json_only_our_errors_come_out(document: dict[str, Any]) -> None:
    try:
        made = parse(json.dumps(document), "x.ipynb")
    except MlopsError:
        return
    examine(made)
    check(made)
    examine(suggest(made))


python = st.lists(
    st.sampled_from(
        ["x = 1", "y = x", "def f(a):", "  return a", "class A:", "  x = f", "for i in x:", "  y.append(i)", "if x:", "else:", "%time y = 1",
         "!ls {x}", "x[0] = y", "del x", "try:", "except A as e:", "  raise", "global x", "with x as y:", "lambda: x", "match x:", "  case [a, *b]:",
         "    pass", "import os", "from os import *", "f(x, *y, **z)", "[a for a in x if a]", "x: int = 3", "@f", "await x", "yield x", "%%time", "%%bash", "x?"]
    ),
    max_size=6,
).map("\n".join)  # fmt: skip


@settings(deadline=None)
@given(st.lists(python, min_size=1, max_size=5))
def test_whatever_the_code_the_analysis_ends(sources: list[str]) -> None:
    made = parse(text(*sources), "x.ipynb")
    examine(suggest(made))
    check(made)
    stages = parse(
        text(*(f"%%mlops stage s{number % 2}\n{source}" for number, source in enumerate(sources))), "x.ipynb"
    )
    pipeline, _ = examine(stages)
    names = [stage.name for stage in pipeline.stages]
    for stage in pipeline.stages:
        assert set(stage.upstream) <= set(names)
        for variable, producer in stage.producers.items():
            assert variable in pipeline.stage(producer).outputs


def test_a_notebook_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "x = 1\ny = 2", ("md", "# T"), ("z", {"tags": ["parameters"]}))
    made = read(path)
    assert made.name == "a.ipynb"
    assert [cell.cell_type for cell in made.cells] == ["code", "markdown", "code"]
    assert made.cells[0].source == "x = 1\ny = 2"
    assert made.cells[2].tag is not None
    assert made.cells[0].cell_id == "cell-0"
    assert (made.language, made.kernel) == ("python", "python3")


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse(b"\xef\xbb\xbf" + text("x = 1").encode(), "a.ipynb").cells[0].source == "x = 1"


@pytest.mark.parametrize(
    "change, said",
    [
        ({"cells": []}, "no cells"),
        ({"cells": None}, "no list of cells"),
        ({"cells": [1]}, "cell 0 is not a cell"),
        ({"cells": [{"cell_type": "heading", "source": ""}]}, "'heading'"),
        ({"nbformat": 3}, "old notebook format"),
        ({"worksheets": []}, "old notebook format"),
        (
            {"cells": [{"cell_type": "code", "source": "%%mlops stag x"}]},
            "cell 0: no %%mlops kind 'stag'; did you mean stage",
        ),
    ],
)
def test_what_is_no_notebook_says_why(change: dict[str, Any], said: str) -> None:
    with pytest.raises(NotebookError) as caught:
        parse(json.dumps({**notebook("x"), **change}), "a.ipynb")
    assert said in str(caught.value)
    assert "a.ipynb" in str(caught.value)


def test_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path / "churn.ipynb", "x = 1")
    with pytest.raises(NotebookError, match=r"churn\.ipynb"):
        read(tmp_path / "chrun.ipynb")
    with pytest.raises(NotebookError, match="no folder"):
        read(tmp_path / "no" / "x.ipynb")
    with pytest.raises(NotebookError, match="folder"):
        read(tmp_path)
