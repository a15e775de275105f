"""``jupyter mlops audit``: who did what, and whether the log of it is whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.interfaces.cli._common import emit, escape, json_option, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyter_mlops.records.audit import AuditEvent, AuditReport
    from jupyter_mlops.workflows.audit import Filter

_FILE = click.Path(dir_okay=False, path_type=Path)
_GIVEN = click.Path(exists=True, dir_okay=False, path_type=Path)
_WORTH_TELLING = 10_000
_FIELDS = (
    "seq",
    "at",
    "actor",
    "action",
    "subject",
    "phase",
    "reason",
    "intent",
    "details",
    "key",
    "signature",
)


@click.group("audit")
def command() -> None:
    """Show, check and export the log that every change of state is in."""


@command.command("log")
@click.option("--actor", default="", help="Only what this user did.")
@click.option("--action", default="", help="Only this action, model.promote say.")
@click.option("--subject", default="", help="Only what concerns this: part of a reference.")
@click.option("--phase", type=click.Choice(["intent", "done", "failed", "denied"]), help="Only these lines.")
@click.option("--since", default="", metavar="TIME", help="From this time (UTC, ISO 8601; 2026-11-21 say).")
@click.option("--until", default="", metavar="TIME", help="Before this time.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
@click.option("--export", "form", type=click.Choice(["jsonl", "csv"]), help="All of them, oldest first.")
@click.option("-o", "--output", type=_FILE, help="Where to export to (default: stdout).")
@json_option
def log(limit: int, form: str | None, output: Path | None, as_json: bool, **given: str | None) -> None:
    """List lines of the log, the newest last."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import audit

    wanted = audit.Filter(**{name: value or "" for name, value in given.items()})
    if form is not None:
        _export(wanted, form, output)
        return
    found = audit.events(settings.load(), wanted, limit)
    if as_json:
        emit(found)
    elif not found:
        click.echo("nothing in the log fits")
    else:
        _show(found)


@command.command("verify")
@click.option(
    "--checkpoint", "checkpoints", type=_GIVEN, multiple=True, help="A copy that was kept elsewhere."
)
@click.option("--public-key", "keys", type=_GIVEN, multiple=True, help="Believe this key, not the project's.")
@json_option
def verify(checkpoints: tuple[Path, ...], keys: tuple[Path, ...], as_json: bool) -> int:
    """Check that nothing in the log was changed, removed or put in; name the first line that was.

    It checks the chain of hashes, the signatures, that the log leads through its checkpoint, and that the records
    it names are there with the content they had. Exits with 1 where anything is wrong.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import audit

    with _progress() as tick:
        report = audit.verify(settings.load(), checkpoints, keys, tick=tick)
    if as_json:
        emit(report)
    else:
        _show_report(report)
    return 0 if report.intact else 1


@command.command("checkpoint")
@click.option("-o", "--output", type=_FILE, help="Write it here (default: stdout).")
def checkpoint(output: Path | None) -> None:
    """Give out the newest signed checkpoint, to be kept where nobody who can change the database can change it."""
    from jupyter_mlops import settings
    from jupyter_mlops.records.base import canonical_json
    from jupyter_mlops.store.files import write_atomic
    from jupyter_mlops.workflows import audit

    data = canonical_json(audit.checkpoint(settings.load())) + b"\n"
    if output is None:
        click.echo(data.decode(), nl=False)
    else:
        write_atomic(output, data)


@command.command("accept")
@click.option("--reason", required=True, help="Why; it is on record for good.")
@json_option
def accept(reason: str, as_json: bool) -> None:
    """Go on with the log as it is, after it was tampered with or restored from a copy; it takes an admin.

    It settles acts that were cut short too: let none be in progress.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import audit

    report = audit.accept(settings.load(), reason)
    if as_json:
        emit(report)
    else:
        click.echo(
            f"went on with {len(report.findings)} finding(s) on record, settled {len(report.unfinished)} act(s)"
        )


def _export(wanted: Filter, form: str, output: Path | None) -> None:
    from jupyter_mlops import settings
    from jupyter_mlops.errors import UsageError
    from jupyter_mlops.workflows import audit

    found = audit.export(settings.load(), wanted)
    write = _write_jsonl if form == "jsonl" else _write_csv
    if output is None:
        write(found, sys.stdout)
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as stream:
            write(found, stream)
    except OSError as error:
        raise UsageError(f"{output} can't be written: {error.strerror}", hint="choose another -o") from None


def _write_jsonl(events: Iterable[AuditEvent], stream: Any) -> None:
    from jupyter_mlops.records.base import canonical_json

    for event in events:
        stream.write(canonical_json(event).decode() + "\n")


def _write_csv(events: Iterable[AuditEvent], stream: Any) -> None:
    import csv

    from jupyter_mlops.records.base import canonical_json, to_builtins

    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_FIELDS)
    for event in events:
        row = {**to_builtins(event), "details": canonical_json(event.details).decode()}
        # A spreadsheet would compute what begins so.
        writer.writerow(
            [
                f"'{cell}" if str(cell)[:1] in "=+-@\t\r" and str(cell) else cell
                for cell in map(row.get, _FIELDS)
            ]
        )


def _show(found: list[AuditEvent]) -> None:
    from jupyter_mlops.interfaces.cli._common import Plain

    titles = ("line", "when", "who", "what", "of", "", "why")
    rows = [
        (
            str(event.seq),
            event.at[:19].replace("T", " "),
            *(escape(text) for text in (event.actor, event.action, event.subject, event.phase)),
            escape(event.reason or str(event.details.get("error", ""))),
        )
        for event in found
    ]
    Plain().table(titles, rows, right=("line",))


def _show_report(report: AuditReport) -> None:
    out = lines()
    for found in report.findings:
        where = found.ref or (f"line {found.seq}" if found.seq else "the log")
        out.print(f"[red]{escape(where)}[/red]: {escape(found.problem)}", soft_wrap=True)
    for event in report.unfinished:
        began = f"{event.at[:19].replace('T', ' ')} {event.actor} {event.action} {event.subject}"
        out.print(
            f"line {event.seq} has no outcome, in progress or cut short: {escape(began)}", soft_wrap=True
        )
    for ref in report.unsettled:
        out.print(f"{escape(ref)} may have come from an act without an outcome", soft_wrap=True)
    for note in report.notes:
        out.print(f"note: {escape(note)}", soft_wrap=True)
    if report.intact:
        until = f", signed at {report.checkpoint.at[:19].replace('T', ' ')}" if report.checkpoint else ""
        out.print(f"{report.lines} lines, whole{until}", soft_wrap=True)


class _progress:  # noqa: N801 - reads as the function it could be
    """Show on a terminal's stderr how many lines were checked, once it takes a while."""

    def __enter__(self) -> Callable[[int], None]:
        return self._tick

    def __exit__(self, *_: object) -> None:
        if sys.stderr.isatty():
            click.echo("\r\033[K", err=True, nl=False)

    @staticmethod
    def _tick(checked: int) -> None:
        if checked >= _WORTH_TELLING and sys.stderr.isatty():
            click.echo(f"\r{checked:,} lines checked", err=True, nl=False)
