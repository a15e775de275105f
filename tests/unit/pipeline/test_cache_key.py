from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from jupyter_mlops.pipeline import cache_key
from tests import notebooks

BASE = (
    "%%mlops params\nseed = 7\nlr = 0.1",
    "%%mlops setup\nimport math",
    "%%mlops stage load\nrows = [seed, 2]\ndef scaled(x):\n    return x * lr",
    "%%mlops stage train\nmodel = [scaled(r) for r in rows]",
    "%%mlops stage report\nprint(model)",
)


def parts(stage: str, *cells: str, params: dict[str, Any] | None = None, **changes: Any) -> dict[str, str]:
    notebook = parse(notebooks.text(*cells), "n.ipynb")
    pipeline = analyse(notebook)
    source = cache_key.source_of(notebook, pipeline, pipeline.stage(stage))
    given_parts = {"environment": "e", "modules": {}, **changes}
    return cache_key.parts(source, params={**pipeline.params, **(params or {})}, **given_parts)


def edited(place: int, source: str) -> tuple[str, ...]:
    return (*BASE[:place], source, *BASE[place + 1 :])


@pytest.mark.parametrize(
    "cells",
    [
        edited(3, "%%mlops stage train\n# a comment\n\nmodel = [scaled(r)   for r in rows]  # more\n"),
        edited(3, "%%mlops stage train --retries 3\nmodel = [scaled(r) for r in rows]"),
        edited(4, "%%mlops stage report\nprint(model, 1)"),
        edited(1, "%%mlops setup\n# numbers\nimport math"),
        (*BASE[:3], "# only words", *BASE[3:]),
        edited(0, "%%mlops params\nlr = 0.1  # speed\nseed = 7"),
    ],
)
def test_what_does_not_change_the_meaning_does_not_change_the_key(cells: tuple[str, ...]) -> None:
    assert cache_key.key_of(parts("train", *cells)) == cache_key.key_of(parts("train", *BASE))


@pytest.mark.parametrize(
    "cells, reason",
    [
        (edited(3, "%%mlops stage train\nmodel = [scaled(r) + 1 for r in rows]"), "code changed"),
        (
            edited(3, "%%mlops stage train\nmodel = [scaled(r) for r in rows]\n%matplotlib inline"),
            "code changed",
        ),
        (edited(1, "%%mlops setup\nimport math, os"), "setup changed"),
        (edited(0, "%%mlops params\nseed = 7\nlr = 0.2"), "parameter lr 0.1 -> 0.2"),
    ],
)
def test_what_changes_the_meaning_is_told(cells: tuple[str, ...], reason: str) -> None:
    assert cache_key.explain(parts("train", *BASE), parts("train", *cells)) == (reason,)


def test_only_parameters_that_the_stage_can_see_count() -> None:
    base = parts("train", *BASE)
    assert parts("train", *BASE, params={"seed": 8}) == base
    # scaled() comes from above and reads lr here.
    assert parts("train", *BASE, params={"lr": 0.5}) != base
    assert parts("load", *BASE, params={"seed": 8}) != parts("load", *BASE)


def test_a_parameter_in_a_string_or_magic_counts() -> None:
    cells = edited(3, "%%mlops stage train\n!echo {seed}\nmodel = rows")
    assert "parameter seed" in parts("train", *cells)
    cells = edited(3, "%%mlops stage train\nmodel = eval('seed') + len(rows)")
    assert "parameter seed" in parts("train", *cells)


def test_modules_and_environment_are_told_by_name() -> None:
    base = parts("train", *BASE)
    with_module = parts("train", *BASE, modules={"helpers.py": "1"})
    assert cache_key.explain(base, parts("train", *BASE, environment="x")) == ("environment changed",)
    assert cache_key.explain(base, with_module) == ("module helpers.py is new",)
    assert cache_key.explain(with_module, base) == ("module helpers.py is gone",)


def test_a_record_in_another_form_says_nothing_else() -> None:
    base = parts("train", *BASE)
    before = {"code": "other", "wiring": "1"}
    assert cache_key.explain(before, base) == ("jupyter-mlops keeps a stage's outputs in another form now",)


def test_functions_of_the_stages_that_it_takes_from_show_it_their_parameters() -> None:
    notebook = parse(notebooks.text(*BASE), "n.ipynb")
    pipeline = analyse(notebook)
    stage = pipeline.stage("report")
    alone = cache_key.source_of(notebook, pipeline, stage, ())
    assert cache_key.visible_params(alone, pipeline.params) == ()
    taken = cache_key.source_of(notebook, pipeline, stage, ("load",))
    assert cache_key.visible_params(taken, pipeline.params) == ("lr",)


def test_words_of_a_shell_command_may_be_paths() -> None:
    assert {"a.csv", "b.csv", "wc"} <= set(cache_key.named_paths(["!cat a.csv | wc > b.csv"], {}))


def test_every_character_of_a_magic_s_body_counts() -> None:
    one = cache_key.normalised(["%%writefile a.py\nx = 1  # one\n"])
    assert one != cache_key.normalised(["%%writefile a.py\nx = 1  # two\n"])
    assert cache_key.normalised(["%%time\nx = 1  # one"]) == cache_key.normalised(["%%time\nx = 1"])
    assert cache_key.normalised(["%%time\nx = 1"]) != cache_key.normalised(["x = 1"])


def test_what_does_not_parse_counts_as_it_stands() -> None:
    assert cache_key.normalised(["x = = 1"]) == ("x = = 1",)


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_equal_parts_have_equal_keys_and_nothing_to_explain(one: dict[str, str], two: dict[str, str]) -> None:
    assert (cache_key.key_of(one) == cache_key.key_of(two)) == (one == two)
    assert bool(cache_key.explain(one, two)) == (one != two)


def test_paths_are_strings_that_may_be_paths() -> None:
    found = cache_key.named_paths(
        ["x = open('data/a.csv'); y = f'out/{z}.txt'; 'http://x.y'; 'a\\nb'"], {"p": ["b"]}
    )
    assert found == (".txt", "b", "data/a.csv", "out/")


def test_imports_are_found_with_their_dots() -> None:
    code = "import a.b, c\nfrom d import e\nfrom . import f\nfrom ..g import h\nfrom i import *"
    assert cache_key.imported_names([code]) == (".", "..g", "..g.h", ".f", "a.b", "c", "d", "d.e", "i")


def test_ancestors_stand_in_page_order() -> None:
    notebook = parse(notebooks.text(*BASE), "n.ipynb")
    pipeline = analyse(notebook)
    assert cache_key.ancestors(pipeline, pipeline.stage("report")) == ("load", "train")
    assert cache_key.ancestors(pipeline, pipeline.stage("load")) == ()
