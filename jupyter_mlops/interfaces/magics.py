"""``%mlops`` and ``%%mlops``: tags that change nothing about how a cell runs, and the command line in a cell."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython
from IPython.display import SVG, Markdown, display

from jupyter_mlops.errors import MlopsError

CELL_MAGIC = "%%mlops"
# Commands whose first argument is a notebook; in a notebook it may be left out.
ON_THIS_NOTEBOOK = frozenset({"graph", "check", "suggest", "compile", "run"})


def register(shell: Any) -> None:
    """Give an IPython shell ``%mlops`` and ``%%mlops``; doing it twice changes nothing."""
    if untag not in shell.input_transformers_cleanup:
        # Last of the clean-ups, so that empty lines above the tag are gone.
        shell.input_transformers_cleanup.append(untag)
    shell.register_magic_function(_mlops, magic_kind="line_cell", magic_name="mlops")


def untag(lines: list[str]) -> list[str]:
    """Turn a tag in the first line into a comment, so that the cell runs as it would untagged.

    A gate, a card, expectations, or a tag with a mistake in it, are left for the cell magic: none of it is Python.
    """
    if not lines or not lines[0].startswith(CELL_MAGIC):
        return lines
    from jupyter_mlops.notebook import tags

    try:
        tag = tags.parse_arguments(lines[0].removeprefix(CELL_MAGIC))
    except MlopsError:
        return lines
    if tag.kind == "expect" and not "".join(lines[1:]).strip():
        # An empty cell is to be filled, and IPython would refuse it.
        return [f"{lines[0].rstrip()}\n", "#\n"]
    if tag.kind in tags.ABOUT:
        return lines
    return tags.untagged("".join(lines)).splitlines(keepends=True)


def _mlops(line: str, cell: str | None = None) -> None:
    """Tag a cell (``%%mlops stage NAME``), evaluate a gate, show a card's text, or call a command (``%mlops``)."""
    try:
        if cell is None:
            _command(shlex.split(line))
        else:
            _about(line, cell)
    except MlopsError as error:
        raise UsageError(f"{error} [{error.code}]") from None
    except ValueError as error:
        raise UsageError(f"%mlops {line}: {error}") from None


def _about(line: str, cell: str) -> None:
    from jupyter_mlops.notebook import tags

    tag = tags.parse_arguments(line)  # only a gate, a card, expectations, or a mistake, come this way
    if tag.kind == "card":
        _card(tag.name, cell)
    elif tag.kind == "expect":
        from jupyter_mlops.interfaces.expecting import run_cell

        run_cell(tag.name, cell, line)
    else:
        _gate(tag.name, tags.conditions(cell))


def _card(model: str, cell: str) -> None:
    from jupyter_mlops import settings
    from jupyter_mlops.errors import DeniedError
    from jupyter_mlops.notebook import card_text
    from jupyter_mlops.workflows.card import describe

    display(Markdown(card_text.shown(cell)))
    # Whoever may only read may read the card as well.
    with suppress(DeniedError):
        describe(settings.load(), model, cell)


def _gate(model: str, conditions: tuple[str, ...]) -> None:
    from jupyter_mlops import settings
    from jupyter_mlops.evaluation.pictures import picture
    from jupyter_mlops.records.pipeline import Gate
    from jupyter_mlops.workflows.evaluate import evaluate_gate

    gate = Gate(model=model, conditions=conditions, cell=-1)
    tell, show = _progress(f"gate {model}: ")
    judged = evaluate_gate(settings.load(), gate, on_step=tell)
    # The text is for a terminal, and for a page that shows no HTML of a notebook it doesn't trust.
    show({"text/html": picture.html(judged), "text/plain": picture.text(judged)})


def _progress(what: str) -> tuple[Callable[[str], None] | None, Callable[[dict[str, str]], None]]:
    """Return what shows a step in the place where the result will be, and what shows the result."""
    if not hasattr(get_ipython(), "kernel"):
        # A terminal can't take back what it has shown.
        return None, lambda result: display(result, raw=True)
    place = display({"text/plain": f"{what}…"}, raw=True, display_id=True)
    return (
        lambda step: place.update({"text/plain": f"{what}{step}"}, raw=True),
        lambda result: place.update(result, raw=True),
    )


def _command(arguments: list[str]) -> None:
    import click

    from jupyter_mlops.interfaces.cli import group

    if not arguments:
        arguments = ["--help"]
    name = arguments[0]
    if name in ON_THIS_NOTEBOOK and not any(part.endswith(".ipynb") for part in arguments):
        arguments = [name, _this_notebook(), *arguments[1:]]
    if name == "graph" and "--format" not in arguments:
        display(SVG(_graph(arguments[1])))
        return
    try:
        if (shown := _picture(arguments)) is not None:
            display({"text/html": shown[0], "text/plain": shown[1]}, raw=True)
            return
        group.main(args=arguments, prog_name="%mlops", standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(error.format_message()) from None


def _picture(arguments: list[str]) -> tuple[str, str] | None:
    """Return what a command shows in a notebook, as HTML and as text; None where it prints, as in a terminal."""
    if arguments[0] == "drift":
        from jupyter_mlops.interfaces.cli import drift

        return drift.shown_in_a_notebook(arguments[1:])
    if arguments[:2] == ["models", "explain"]:
        from jupyter_mlops.interfaces.cli import _explain

        return _explain.shown_in_a_notebook(arguments[2:])
    return None


def _graph(notebook: str) -> str:
    from jupyter_mlops.pipeline.render import svg
    from jupyter_mlops.workflows import build

    _, pipeline = build.load(Path(notebook))
    return svg.render(pipeline)


def _this_notebook() -> str:
    # Jupyter Server tells a kernel which notebook it was started for; other front ends don't.
    name = Path(os.environ.get("JPY_SESSION_NAME", "")).name
    if not name.endswith(".ipynb"):
        raise UsageError("this front end doesn't say which notebook this is; name it: %mlops check my.ipynb")
    return name
