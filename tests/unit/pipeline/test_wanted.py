"""Which names and which state a notebook's code cares for."""

from __future__ import annotations

from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import examine
from jupyter_mlops.pipeline.wanted import Words, is_opaque
from tests import notebooks


def words_of(*cells: str) -> Words:
    notebook = parse(notebooks.text(*cells), "case.ipynb")
    pipeline, findings = examine(notebook)
    assert findings == []
    return Words(notebook, pipeline)


SETUP = "%%mlops setup\nimport pandas as pd\nimport os"


def test_names_that_no_later_stage_mentions() -> None:
    known = words_of(
        "%%mlops stage a\nx, y, z = 1, 2, 3", "%%mlops stage b\nprint(x)", "%%mlops stage c\nprint('y')"
    )
    a, b, c = known.pipeline.stages
    assert known.unwanted(a) == ["z"]
    assert known.unwanted(b) == ["x", "z"]
    assert known.below(c) == []


def test_words_of_state_come_from_setup_and_from_the_stages() -> None:
    known = words_of(SETUP, "%%mlops stage a\nos.chdir('x')", "%%mlops stage b\n%precision 3")
    a, b = known.pipeline.stages
    assert known.state_words() == ["chdir", "precision"]
    assert known.state_words([a]) == ["chdir"]
    assert "<shell options>" not in known.unsaid()
    assert {"<environment>", "<display formatters>"} <= set(known.unsaid())
    assert known.place(a) != known.place(b)


def test_attributes_that_are_set_are_words_too() -> None:
    known = words_of(
        SETUP, "%%mlops stage a\npd.DataFrame.shout = len", "%%mlops stage b\nprint(pd.DataFrame().shout())"
    )
    assert known.state_words() == ["pandas.DataFrame.shout"]
    assert known.state_words(known.pipeline.stages[1:]) == []


def test_a_notebook_that_touches_no_state_has_no_words() -> None:
    known = words_of(SETUP, "%%mlops stage a\ndf = pd.DataFrame({'a': [1]})", "%%mlops stage b\nprint(df)")
    assert known.state_words() == []


def test_code_that_may_mean_any_name() -> None:
    assert is_opaque("exec(code)")
    assert is_opaque("%run other.py")
    assert not is_opaque("df.query('a > 1')")
