"""``jupyter mlops reproduce``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.interfaces.cli._common import console, emit, json_option

if TYPE_CHECKING:
    from types import FrameType


@click.command("reproduce")
@click.argument("model", metavar="MODEL/VERSION")
@click.option(
    "--environment",
    "kind",
    type=click.Choice(["fresh", "current"]),
    default="fresh",
    help="A new one with the recorded packages (default), or the one you are in.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Build here, and keep it.",
)
@click.option(
    "--input", "given", multiple=True, metavar="PATH=FILE", help="Use FILE for what a stage reads as PATH."
)
@click.option("--all-packages", "everything", is_flag=True, help="Install every recorded package.")
@click.option("--rtol", type=float, default=1e-6, metavar="X", help="What floats may differ by (1e-6).")
@click.option("--atol", type=float, default=0.0, metavar="X", help="What floats may differ by besides.")
@click.option("--jobs", type=click.IntRange(min=1), help="Stages at a time (default: the number of cores).")
@json_option
def command(model: str, *, given: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Build a model version again from the record alone, and compare.

    In an empty folder, from the ledger and the object store: says for each figure and each array of the model whether
    it is identical, and where the first difference enters. Exits with 1 where anything is different.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _reproduce_view as view
    from jupyter_mlops.interfaces.cli._verify_view import progress
    from jupyter_mlops.workflows.reproduce import reproduce

    files = dict(_pair(text) for text in given)
    signal.signal(signal.SIGTERM, _interrupt)
    with progress(console(stderr=True)) as on_step:
        found = reproduce(settings.load(), model, given=files, on_step=on_step, **options)
    if as_json:
        emit(found)
    else:
        view.summary(console(), found)
    return 0 if found.status in ("identical", "within tolerance") else 1


def _pair(text: str) -> tuple[str, Path]:
    path, equals, file = text.partition("=")
    if not (path and equals and file):
        raise click.UsageError(f"--input {text} is not PATH=FILE; write --input data.csv=/tmp/other.csv")
    return path, Path(file)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A supervisor's way to say Ctrl-C: what was started is ended, and what was made for the occasion goes.
    raise KeyboardInterrupt
