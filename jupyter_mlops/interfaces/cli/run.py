"""``jupyter mlops run``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.interfaces.cli._common import emit, json_option, lines

if TYPE_CHECKING:
    from types import FrameType


@click.command("run")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter; NAME=A,B runs both.",
)
@click.option("--stage", "stages", multiple=True, metavar="NAME", help="Run this stage, and what it needs.")
@click.option("--force", is_flag=True, help="Run even what is unchanged.")
@click.option("--jobs", type=click.IntRange(min=1), help="Stages at a time (default: the number of cores).")
@click.option("--engine", default="", metavar="local|ploomber|ray", help="What runs the stages.")
@click.option("--run-id", default="", hidden=True)
@json_option
def command(
    notebook: Path,
    params: tuple[str, ...],
    *,
    as_json: bool,
    stages: tuple[str, ...],
    run_id: str,
    **options: Any,
) -> int:
    """Run a notebook's stages; what is unchanged is not run again.

    Several values of a parameter (-p lr=0.1,0.01) make a run for each; a value with a comma stands in quotes
    (-p 'name="a,b"'). Exits with 1 where a stage failed or a gate blocked.
    """
    from jupyter_mlops.interfaces.cli import _run_view as view
    from jupyter_mlops.pipeline.parameters import from_options
    from jupyter_mlops.workflows.run import blocked, run_grid

    given = from_options(params)
    signal.signal(signal.SIGTERM, _interrupt)
    with view.progress(lines(stderr=True)) as on_change:
        runs = run_grid(notebook, params=given, stages=stages, on_change=on_change, run_id=run_id, **options)
    if as_json:
        emit(view.document(runs))
    elif len(runs) == 1:
        view.summary(lines(), runs[0])
    else:
        view.table(lines(), runs, given)
    for finished in runs:
        view.failures(lines(stderr=True), finished)
    return 1 if any(finished.status == "failed" or blocked(finished) for finished in runs) else 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A supervisor's way to say Ctrl-C: kernels are ended and the run is recorded as interrupted.
    raise KeyboardInterrupt
