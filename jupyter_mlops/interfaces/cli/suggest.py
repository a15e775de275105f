"""``jupyter mlops suggest``: propose stages for an untagged notebook."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("suggest")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--write", is_flag=True, help="Put the tags into the notebook's cell metadata.")
def command(notebook: Path, *, write: bool) -> None:
    """Propose stages for an untagged notebook, from its headings or from what its cells do."""
    from jupyter_mlops.workflows import build

    proposal = build.propose(notebook)
    if not proposal:
        click.echo(f"{notebook.name} has stages already; nothing to propose")
        return
    for index, line, first in proposal:
        click.echo(f"cell {index:>3}  {line:<32}  {first}".rstrip())
    if write:
        build.write_tags(notebook)
        click.echo(f"tagged {len(proposal)} cells of {notebook.name}")
    else:
        click.echo("write these tags into the notebook: add --write")
