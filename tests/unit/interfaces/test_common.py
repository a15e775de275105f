from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import markup
from rich.console import Console

from jupyter_mlops.interfaces.cli import _run_view as view
from jupyter_mlops.interfaces.cli._common import Plain, escape, lines
from jupyter_mlops.records.run import NamedVersion, Run, StageError, StageRun

RUN = Run(
    run_id="r1",
    status="failed",
    notebook="n.ipynb",
    stages=(
        StageRun(name="load", status="cached", reason="nothing changed"),
        StageRun(
            name="train",
            status="failed",
            seconds=1.25,
            reason="file [data] changed " * 8,
            error=StageError(type="E", message="no [/way]", cell=4, line=2),
        ),
    ),
    models=(NamedVersion(name="churn", version=3),),
    page="/there/run.html",
)
TEXTS = st.text(alphabet="[]\\a/#b @B=1")


@given(TEXTS)
def test_escaping_is_what_rich_understands(text: str) -> None:
    assert escape(text) == markup.escape(text)


@given(TEXTS.filter(lambda text: not text.endswith("\\")))
def test_what_was_escaped_is_printed_as_it_was(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("click.echo", lambda line, **_: said.append(line))
        Plain().print(f"[bold]{escape(text)}[/]")
    assert said == [text]


def test_without_a_terminal_the_same_words_stand_there_in_full_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    styled = Console(file=io.StringIO(), width=400, highlight=False)
    for console in (styled, lines()):
        view.summary(console, RUN)
        view.failures(console, RUN)
        with view.progress(console) as on_change:
            on_change(RUN)
    out = capsys.readouterr().out
    assert isinstance(styled.file, io.StringIO)
    assert [line.split() for line in out.splitlines()] == [
        line.split() for line in styled.file.getvalue().splitlines()
    ]
    assert any(line.count("[data]") == 8 for line in out.splitlines())
    assert "\x1b" not in out
