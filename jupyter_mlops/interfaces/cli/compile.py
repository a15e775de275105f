"""``jupyter mlops compile``."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlops.interfaces.cli._common import emit, json_option


@click.command("compile")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder to write (default: NAME_pipeline beside the notebook).",
)
@json_option
def command(notebook: Path, folder: Path | None, *, as_json: bool) -> None:
    """Write a folder that stock ploomber and papermill run."""
    from jupyter_mlops.workflows.compile import compile_notebook

    written = compile_notebook(notebook, folder)
    files = sorted(path.name for path in written.iterdir() if path.is_file())
    if as_json:
        emit({"folder": str(written), "files": files})
        return
    click.echo(f"compiled to {written}: {', '.join(name for name in files if not name.startswith('.'))}")
    click.echo(f"run it: cd {written} && ploomber build")
