"""``jupyter mlops lineage``: what stands behind a record."""

from __future__ import annotations

import click

from jupyter_mlops.interfaces.cli._common import emit, json_option


@click.command("lineage")
@click.argument("record", metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "openlineage", "mermaid", "svg"]),
    default="text",
    show_default=True,
)
@json_option
@click.option("--downstream", is_flag=True, help="What was made from it, instead.")
def command(record: str, form: str, as_json: bool, downstream: bool) -> None:
    """Print the whole chain behind a prediction, model version, run or dataset version.

    ID is a prediction's or run's id, MODEL/VERSION, MODEL@ALIAS, DATASET@VERSION, or a full reference such as
    prediction/ID.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import history

    found = settings.load()
    chain = history.lineage(found, record, downstream=downstream)
    if as_json or form == "json":
        emit(chain)
    elif form == "openlineage":
        emit(history.open_lineage(found, chain))
    else:
        click.echo(history.shown(chain, form))
