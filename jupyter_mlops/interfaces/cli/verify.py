"""``jupyter mlops verify``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jupyter_mlops.interfaces.cli._common import console, emit, json_option

if TYPE_CHECKING:
    from types import FrameType


@click.command("verify")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter.")
@click.option("--rtol", type=float, default=0.0, metavar="X", help="What floats may differ by, relatively.")
@click.option("--atol", type=float, default=0.0, metavar="X", help="What floats may differ by besides.")
@click.option("--jobs", type=click.IntRange(min=1), help="Stages at a time (default: the number of cores).")
@json_option
def command(
    notebook: Path, params: tuple[str, ...], *, rtol: float, atol: float, jobs: int | None, as_json: bool
) -> int:
    """Prove that the pipeline gives the notebook's results.

    Runs the notebook top to bottom and as a pipeline, and compares. Exits with 1 where anything differs.
    """
    from jupyter_mlops.interfaces.cli import _verify_view as view
    from jupyter_mlops.pipeline.parameters import from_options
    from jupyter_mlops.workflows.verify import verify

    given = from_options(params)
    signal.signal(signal.SIGTERM, _interrupt)
    with view.progress(console(stderr=True)) as on_step:
        found = verify(notebook, params=given, rtol=rtol, atol=atol, jobs=jobs, on_step=on_step)
    if as_json:
        emit(found)
    else:
        view.summary(console(), found)
    return 0 if found.status == "same" else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A supervisor's way to say Ctrl-C: kernels are ended, and what was made for the occasion goes.
    raise KeyboardInterrupt
