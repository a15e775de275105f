from __future__ import annotations

import json

import pytest

from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from jupyter_mlops.notebook.suggest import slug, suggest
from jupyter_mlops.notebook.tags import to_magic
from jupyter_mlops.notebook.writing import with_tags
from tests.notebooks import CellSpec, notebook, text


def proposed(*cells: CellSpec) -> list[str]:
    tagged = suggest(parse(text(*cells), "a.ipynb"))
    analyse(tagged)
    return [to_magic(cell.tag).removeprefix("%%mlops ") if cell.tag else "" for cell in tagged.cells]


def test_headings_become_stages() -> None:
    assert proposed(
        ("md", "# My notebook\nAbout."),
        "import pandas as pd",
        "SEED = 7\ndef clean(df):\n    return df.dropna()",
        ("md", "## 1. Load the *data*"),
        "df = pd.read_csv('a.csv')",
        "df.head()",
        ("md", "text only"),
        ("md", "### Train"),
        "import json",
        "m = clean(df).mean() + SEED",
    ) == [
        "",
        "setup",
        "setup",
        "",
        "stage load-the-data",
        "stage load-the-data",
        "",
        "",
        "setup",
        "stage train",
    ]


def test_a_title_alone_still_gives_a_stage() -> None:
    assert proposed(("md", "# Churn"), "x = [1]", "print(x)\ny = sorted(x)") == ["", "setup", "stage churn"]


def test_same_heading_twice_gives_two_stages() -> None:
    assert proposed(("md", "# A"), "x = sum([1])", ("md", "# A"), "y = sum([x])", ("md", "# !!"), "z = sum([y])") == [
        "", "stage a", "", "stage a-2", "", "stage work",
    ]  # fmt: skip


def test_without_headings_the_work_decides() -> None:
    assert proposed(
        "import pandas as pd\nfrom sklearn.svm import SVC",
        "df = pd.read_csv('a')",
        "df.head()",
        "df = df.dropna()",
        "m = SVC().fit(df, df)",
        "print(m.score(df, df))",
    ) == ["setup", "stage load", "stage load", "stage features", "stage train", "stage evaluate"]


def test_what_cannot_be_passed_on_stays_in_one_stage() -> None:
    assert proposed(("md", "# A"), "f = open('a')", ("md", "# B"), "print(f.read())", ("md", "# C"), "print(sum([1]))") == [
        "", "stage a", "", "stage a", "", "stage c",
    ]  # fmt: skip


def test_setup_never_moves_a_variable_that_is_set_twice() -> None:
    made = proposed(
        "x = 1", ("md", "# A"), "y = sum([x])", ("md", "# B"), "x = 2\nprint(x + y)", "def f():\n    return x"
    )
    assert made == ["setup", "", "stage a", "", "stage b", "setup"]


def test_there_is_always_a_stage() -> None:
    assert proposed("import os", "x = 1", "print(x)") == ["setup", "stage main", "stage main"]
    assert proposed("import os", "def f():\n    return 1") == ["setup", "stage main"]


def test_a_tagged_notebook_is_left_alone() -> None:
    tagged = parse(text("%%mlops stage a\nx = 1", ("md", "# B"), "y = x"), "a.ipynb")
    assert suggest(tagged) is tagged


@pytest.mark.parametrize(
    "heading, name",
    [
        ("Load", "load"),
        ("3.1) Train & evaluate", "train-evaluate"),
        ("Step 2: **Features**", "features"),
        ("[Link](http://x.org/a)", "link"),
        ("Données brutes", "données-brutes"),
        ("---", ""),
        ("a very long heading that goes on and on for ever", "a-very-long-heading-that-goes-on"),
    ],
)
def test_slug(heading: str, name: str) -> None:
    assert slug(heading) == name


@pytest.mark.parametrize(
    "indent, ascii_only, end", [(1, False, "\n"), (1, True, ""), (2, False, "\n"), (None, True, "\n")]
)
def test_writing_tags_changes_nothing_else(indent: int | None, ascii_only: bool, end: str) -> None:
    document = notebook(
        ("md", "# é"), "x = sum([1])", ("y = x", {"tags": ["keep"], "a": 1.5e-7}), zed=1, alpha=[]
    )
    before = json.dumps(document, indent=indent, ensure_ascii=ascii_only) + end
    tagged = suggest(parse(before, "a.ipynb"))
    tags = {cell.index: cell.tag for cell in tagged.cells if cell.tag}
    after = with_tags(before.encode(), "a.ipynb", tags).decode()
    assert [cell.tag for cell in parse(after, "a.ipynb").cells] == [cell.tag for cell in tagged.cells]
    document["cells"][1]["metadata"] = {"mlops": {"kind": "stage", "name": "é"}}
    document["cells"][2]["metadata"] = {
        "tags": ["keep"],
        "a": 1.5e-7,
        "mlops": {"kind": "stage", "name": "é"},
    }
    assert after == json.dumps(document, indent=indent, ensure_ascii=ascii_only) + end


def names(*cells: CellSpec) -> list[str]:
    tagged = suggest(parse(text(*cells), "a.ipynb"))
    found = analyse(tagged)
    return [stage.name for stage in found.stages]


def test_many_headings_make_a_dozen_stages_by_the_headings_above() -> None:
    cells: list[CellSpec] = [("md", "# All of it")]
    for part in range(6):
        cells.append(("md", f"## Part number {'abcdef'[part]}"))
        for step in range(4):
            cells += [
                ("md", f"### step {'wxyz'[step]}{part}"),
                f"v{part}{step} = sum([{step}])",
                f"print(v{part}{step})",
            ]
    found = names(*cells)
    assert 2 <= len(found) <= 12
    assert len(set(found)) == len(found)
    assert "part-number-a" in found


def test_a_long_notebook_without_headings_is_cut_where_little_crosses() -> None:
    cells = ["import math"]
    for part in "abc":
        cells += [f"{part} = sorted([3, 1])"] + [f"{part}.append(math.pi)\nprint({part})"] * 7
    tagged = suggest(parse(text(*cells), "a.ipynb"))
    found = analyse(tagged)
    assert [stage.cells[0] for stage in found.stages] == [1, 9, 17]
    assert all(stage.inputs == () for stage in found.stages)


def test_a_figure_drawn_over_several_cells_stays_in_one_stage() -> None:
    assert names(
        "import matplotlib.pyplot as plt", ("md", "# A"), "fig, ax = plt.subplots()", ("md", "# B"), "ax.plot([1])", ("md", "# C"), "print(sum([1]))"
    ) == ["a", "c"]  # fmt: skip


def test_a_definition_that_hides_a_builtin_stays_where_it_is() -> None:
    assert proposed("x = max([1])", ("md", "# B"), "def max(a):\n    return 0", "print(max([1]))") == [
        "stage load", "", "stage b", "stage b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "late",
    [
        "@registry.add\ndef f():\n    return 1",
        "def f(a=print()):\n    return 1",
        "class A:\n    n = sum([1])",
    ],
)
def test_a_definition_that_runs_code_stays_where_it_is(late: str) -> None:
    assert proposed("registry = set()", "x = sum([1])", ("md", "# B"), late, "print(x)")[3] == "stage b"


def test_what_we_propose_we_do_not_refuse() -> None:
    assert proposed(
        "from os import path", "x = sum([1])", ("md", "# B"), "from os import path", "class A(path.__class__):\n    pass", "print(A)"
    ) == ["setup", "stage load", "", "stage b", "stage b", "stage b"]  # fmt: skip
