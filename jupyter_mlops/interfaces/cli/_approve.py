"""``jupyter mlops models approve`` and ``reject``: somebody else's word on a model version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jupyter_mlops.interfaces.cli._common import emit, json_option

if TYPE_CHECKING:
    from jupyter_mlops.records.access import Approval


@click.command("approve")
@click.argument("model")
@click.option("--reason", default="", help="Why; it is recorded.")
@json_option
def approve(model: str, reason: str, as_json: bool) -> None:
    """Approve a version that somebody else made."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import approvals

    _report(approvals.approve(settings.load(), model, reason), as_json)


@click.command("reject")
@click.argument("model")
@click.option("--reason", required=True, help="Why; it is recorded.")
@json_option
def reject(model: str, reason: str, as_json: bool) -> None:
    """Reject a version: it can't become champion until the same user approves it."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import approvals

    _report(approvals.reject(settings.load(), model, reason), as_json)


def _report(said: Approval, as_json: bool) -> None:
    if as_json:
        emit(said)
    else:
        click.echo(f"{said.author} {said.verdict} {said.name}/{said.version}")
