"""``jupyter mlops graph``: show a notebook's stages and the variables between them."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("text", "json", "mermaid", "svg")


@click.command("graph")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def command(notebook: Path, form: str, output: Path | None) -> None:
    """Show a notebook's stages and the variables between them."""
    from jupyter_mlops.pipeline.render import document, mermaid, svg, text
    from jupyter_mlops.workflows import build

    _, pipeline = build.load(notebook)
    render = {"text": text, "json": document, "mermaid": mermaid, "svg": svg}[form].render
    shown = render(pipeline)
    if output is None:
        click.echo(shown, nl=False)
    else:
        build.write(output, shown.encode())
