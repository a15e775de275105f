"""What the commands share: the ``--json`` option and the one document it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def emit(document: Any) -> None:
    """Print ``document`` (records, dicts, lists) as indented JSON on stdout."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def console(*, stderr: bool = False) -> Console:
    """Return a rich console; on stderr for progress, so that stdout stays for results."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)
