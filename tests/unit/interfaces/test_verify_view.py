"""How a verification reads in a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from jupyter_mlops.interfaces.cli import _verify_view as view
from jupyter_mlops.records.run import StageError
from jupyter_mlops.records.verification import Compared, Difference, Draw, Failure, Verification


def read(**changes):
    stream = io.StringIO()
    values: dict[str, Any] = {"notebook": "n.ipynb", "status": "same", "stages": ("a", "b"), **changes}
    view.summary(Console(file=stream, width=200), Verification(**values))
    return stream.getvalue()


def test_the_same():
    text = read(
        compared=Compared(variables=1, cells=2, metrics=0, nothing_to_compare=("a: g",)), suggested=True
    )
    assert "1 variable that cross" in text
    assert "2 cells, 0 figures" in text
    assert "not compared: a: g" in text
    assert "proposed by suggest" in text
    assert text.endswith("same: the pipeline gives the notebook's results\n")


def test_differences_in_page_order_and_no_flood():
    many = tuple(Difference(kind="output", stage="a", cell=i, what="[x]") for i in range(12))
    first = Difference(kind="variable", stage="a", cell=0, name="df", place="['c']", what="2 values differ")
    text = read(status="differs", differences=(first, *many))
    assert text.index("stage a, variable df['c']: 2 values differ") < text.index("stage a, cell 0: [x]")
    assert "and 3 more" in text


def test_a_metric_has_no_stage():
    assert view.line(Difference(kind="metric", name="auc", what="1 and 2")) == "metric auc: 1 and 2"


def test_not_deterministic():
    own = Difference(kind="output", stage="a", cell=3, what="differs")
    text = read(
        status="not deterministic", own_differences=(own,), draws=(Draw(cell=2, line=1, message="m"),)
    )
    assert "run twice, the notebook itself differs first in stage a, cell 3: differs" in text
    assert "cell 2, line 1: m" in text


@pytest.mark.parametrize("of, words", [("notebook", "the notebook"), ("pipeline", "only the pipeline")])
def test_a_failure(of, words):
    error = StageError(type="ValueError", message="bad\nmore", cell=4)
    text = read(status="failed", failure=Failure(of=of, error=error, stage="a"))
    assert f"failed   {words}: stage a, cell 4: ValueError: bad" in text
    assert "compared" not in text.partition("verdict")[0]


def test_progress_is_a_line_for_each_step_where_nobody_looks():
    stream = io.StringIO()
    with view.progress(Console(file=stream)) as on_step:
        for label in ("pipeline: a", "pipeline: b", "notebook", "notebook"):
            on_step(label, 1, 2)
    assert stream.getvalue() == "pipeline\nnotebook\n"


def test_progress_is_a_bar_in_a_terminal():
    stream = io.StringIO()
    with view.progress(Console(file=stream, force_terminal=True, width=80)) as on_step:
        on_step("pipeline: [a]", 1, 2)
    assert "pipeline: [a]" in stream.getvalue()
