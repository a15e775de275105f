"""``jupyter mlops models card``: what is on record of a version, for people and for tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.interfaces.cli._common import emit, json_option

if TYPE_CHECKING:
    from jupyter_mlops.governance.model_card.record import Card
    from jupyter_mlops.workflows.card import Form

_SUFFIXES: dict[str, Form] = {".md": "md", ".html": "html", ".htm": "html", ".json": "cyclonedx"}


@click.command("card")
@click.argument("model")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "html", "cyclonedx"]),
    help="Markdown, an HTML page, or a bill of materials; default: by the file's name, else md.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file."
)
@json_option
def command(model: str, form: Form | None, output: Path | None, as_json: bool) -> None:
    """Write a version's card: verdict, uses and limits, figures, gates, approvals, data, how to make it again.

    It is filled from the record; what is missing there is said to be missing. What the model is for comes from the
    notebook: a cell that begins with %%mlops card NAME.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import card
    from jupyter_mlops.workflows.build import write

    found = card.card(settings.load(), model)
    form = form or _SUFFIXES.get(output.suffix.lower() if output else "", "md")
    if output is not None:
        write(output, card.write(found, form).encode())
    if as_json:
        emit({**_document(found), **({"output": str(output)} if output is not None else {})})
    elif output is None:
        click.echo(card.write(found, form), nl=False)
    else:
        click.echo(f"{found.title}: {output}")


def _document(found: Card) -> dict[str, Any]:
    """Return the card's content with its verdict at the front."""
    from jupyter_mlops.governance.model_card import verdict
    from jupyter_mlops.records.base import to_builtins

    return {"verdict": to_builtins(verdict.judge(found)), **to_builtins(found)}
