"""``jupyter mlops check``: lint a notebook for what breaks a pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlops.interfaces.cli._common import emit, json_option


@click.command("check")
@click.argument("notebook", type=click.Path(path_type=Path))
@json_option
def command(notebook: Path, *, as_json: bool) -> int:
    """Lint a notebook for what breaks a pipeline: each finding with cell, line, rule and the mend."""
    from jupyter_mlops.workflows import build

    findings = build.check(notebook)
    errors = [finding for finding in findings if finding.severity == "error"]
    if as_json:
        emit({"notebook": notebook.name, "findings": findings})
        return int(bool(errors))
    for finding in findings:
        where = build.place(finding)
        click.echo(f"{where}{finding.rule} {finding.message}; {finding.mend}")
    if not findings:
        click.echo(f"{notebook.name}: nothing found")
    return int(bool(errors))
