from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import NotebookError
from jupyter_mlops.notebook import card_text, cells, dataflow, lint
from jupyter_mlops.notebook.card_text import Section
from tests import notebooks

CARD = """\
---
license: mit
---
Ranks customers for a call.

## Limits

- Not for prices.

```python
# no heading
```

### Old data

From 2019.
"""


def read(*parts: notebooks.CellSpec) -> cells.Notebook:
    return cells.parse(notebooks.text(*parts), "n.ipynb")


def test_a_card_is_cut_at_its_uppermost_headings():
    card = card_text.parse(CARD)
    assert card.front == {"license": "mit"}
    assert [section.title for section in card.sections] == ["Intended use", "Limits"]
    assert card.sections[0].text == "Ranks customers for a call."
    assert card.sections[1].text.endswith("### Old data\n\nFrom 2019.")
    assert [section.is_limits for section in card.sections] == [False, True]


def test_one_heading_over_all_others_is_the_title():
    card = card_text.parse("# Churn\nFor calls.\n## Caveats\nFew rows.")
    assert [(each.title, each.text) for each in card.sections] == [
        ("Intended use", "For calls."),
        ("Caveats", "Few rows."),
    ]


@pytest.mark.parametrize("text", ["---\n- a list\n---\nx", "---\na: [\n---\nx", "---\nnever closed"])
def test_what_is_no_front_matter_is_text(text: str):
    card = card_text.parse(text)
    assert card.front == {}
    assert card.sections == (Section(title="Intended use", text=text),)


@given(st.text(alphabet="#-`~: \nab", max_size=80))
def test_no_line_of_text_is_lost(text: str):
    card = card_text.parse(text)
    kept = " ".join(f"{each.title} {each.text}" for each in card.sections)
    letters = [letter for letter in "ab" if letter in text]
    if not card.front and not text.lstrip().startswith("#"):
        assert all(letter in kept for letter in letters)


def test_the_cards_of_one_model_are_joined_in_page_order():
    found = read(
        "%%mlops card churn\nFor calls.",
        ("md", "Not a card."),
        "%%mlops card other\nSomething else.",
        ("raw", "%%mlops card churn\n# Limits\nFew rows."),
        "x = 1",
    )
    card = card_text.of_notebook(found, "churn")
    assert card is not None
    assert [(each.title, each.text) for each in card.sections] == [
        ("Intended use", "For calls."),
        ("Limits", "Few rows."),
    ]
    assert card_text.of_notebook(found, "third") is None


def tagged_markdown(source: str, mlops: object) -> cells.Notebook:
    document = notebooks.notebook("%%mlops stage a\nx = 1", ("md", source))
    document["cells"][1]["metadata"] = {"mlops": mlops}
    return cells.parse(json.dumps(document), "n.ipynb")


def test_a_markdown_cell_is_a_card_by_its_metadata():
    found = tagged_markdown("# Limits\nFew rows.", {"kind": "card", "model": "churn"})
    card = card_text.of_notebook(found, "churn")
    assert card is not None
    assert card.sections == (Section(title="Limits", text="Few rows."),)
    # What else a Markdown cell's metadata says was never a tag.
    assert tagged_markdown("x", {"kind": "stage", "name": "b"}).cells[1].tag is None
    with pytest.raises(NotebookError, match="lacks the model"):
        tagged_markdown("x", {"kind": "card"})


def test_a_card_is_in_no_stage_and_no_finding():
    found = read(
        "%%mlops stage load\nx = 1",
        "%%mlops card churn\nThis isn't Python: y = undefined(",
        "%%mlops stage show\nprint(x)",
    )
    pipeline = dataflow.analyse(found)
    assert [(stage.name, stage.cells) for stage in pipeline.stages] == [("load", (0,)), ("show", (2,))]
    assert lint.check(found) == []
