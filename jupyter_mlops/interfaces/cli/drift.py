"""``jupyter mlops drift``: compare two samples of data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.interfaces.cli._common import console, emit, json_option

if TYPE_CHECKING:
    from jupyter_mlops.records.drift import ColumnDrift, DriftReport, WindowPerformance

_FULL_BAR = 10
_LARGE = 0.25
_FRAME = "width:100%;height:640px;border:0;border-radius:8px"
_STYLES = {"drifted": "bold red", "small change": "yellow", "same": "green", "not compared": "dim"}


@click.command(name="drift")
@click.argument("reference")
@click.argument("current")
@click.option("--columns", metavar="A,B", help="Compare these columns only.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write an HTML report.")
@click.option(
    "--time", default="", metavar="COLUMN", help="The column that says when; of live traffic: when it came."
)
@click.option("--reference-window", default="", metavar="WINDOW", help="Which rows of the reference count.")
@click.option("--current-window", default="", metavar="WINDOW", help="Which rows of what is current count.")
@click.option(
    "--by", default="", metavar="PERIOD", help="Compare each hour, day, week, month, quarter or year too."
)
@click.option(
    "--label", default="", metavar="COLUMN", help="What came true: compares the model's quality too."
)
@click.option("--prediction", default="", metavar="COLUMN", help="What the model said.")
@click.option(
    "--score", default="", metavar="COLUMN", help="How sure it was: the chance of the positive class."
)
@click.option("--margin", type=float, help="How much worse the model may be without an alarm; default 0.02.")
@click.option(
    "--binned/--exact", default=None, help="Count in bins, whatever the size; default: from 512 MB on."
)
@click.option(
    "--keep-profile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.profile",
    help="Keep what was counted of what is current, to compare with or to merge later.",
)
@click.option(
    "--keep-reference",
    is_flag=True,
    help="Keep the reference sorted on disk; what is compared with it later takes half the time and less memory.",
)
@click.option(
    "--fail-on-drift", is_flag=True, help="Exit with 1 where the data drifted, or the model became worse."
)
@json_option
def command(  # noqa: PLR0913, PLR0917 - click passes options by name
    reference: str,
    current: str,
    columns: str | None,
    output: Path | None,
    time: str,
    reference_window: str,
    current_window: str,
    by: str,
    label: str,
    prediction: str,
    score: str,
    *,
    margin: float | None,
    binned: bool | None,
    keep_profile: Path | None,
    keep_reference: bool,
    fail_on_drift: bool,
    as_json: bool,
) -> int:
    """Compare two samples of data, column by column.

    REFERENCE and CURRENT are each a CSV or Parquet file, a folder or pattern of them, a dataset (NAME or
    NAME@VERSION), the live traffic of a model (live:NAME), or a profile.

    A WINDOW is: last 7 days, 2026-01-01..2026-01-31, and of a reference also: same hour, same weekday, same weekday
    and hour.
    """
    report = compared(
        reference,
        current,
        columns,
        output,
        {
            "time": time,
            "reference_window": reference_window,
            "current_window": current_window,
            "by": by,
            "label": label,
            "prediction": prediction,
            "score": score,
            "margin": margin,
            "binned": binned,
            "profile": keep_profile,
            "keep_reference": keep_reference,
        },
    )
    if as_json:
        emit(report)
    else:
        _show(report, output)
    worse = any(measured.alarm for measured in report.performance)
    return 1 if fail_on_drift and (report.drifted or worse) else 0


def compared(
    reference: str, current: str, columns: str | None, output: Path | None, how: dict[str, Any]
) -> DriftReport:
    """Compare as the options say, with a bar for how much was read."""
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli._data_view import progress
    from jupyter_mlops.workflows import watch

    chosen = [name.strip() for name in columns.split(",") if name.strip()] if columns else None
    with progress("comparing", None) as tick:
        asked = watch.How(**how, progress=tick)
        return watch.drift(settings.load(), reference, current, columns=chosen, report=output, how=asked)


def shown_in_a_notebook(arguments: list[str]) -> tuple[str, str] | None:
    """Compare, and return the report for a notebook cell as HTML and as a sentence; None where it isn't for reading."""
    if {"--json", "--help"} & set(arguments):
        return None
    from html import escape

    from jupyter_mlops.monitoring.report import render

    with command.make_context("%mlops drift", list(arguments)) as context:
        options = dict(context.params)
    options.pop("as_json")
    options.pop("fail_on_drift")
    reference, current, columns, output = (
        options.pop(name) for name in ("reference", "current", "columns", "output")
    )
    report = compared(
        reference, current, columns, output, {"profile": options.pop("keep_profile"), **options}
    )
    # In a frame of its own, so that neither page's styles reach the other.
    frame = f'<iframe title="Drift report" srcdoc="{escape(render(report))}" style="{_FRAME}"></iframe>'
    return f'<div class="mlops-drift">{frame}</div>', report.summary


def _show(report: DriftReport, output: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from jupyter_mlops.monitoring import rule as rules
    from jupyter_mlops.monitoring.report import p_text, verdict

    level = rules.parse(report.rule or rules.DEFAULT).level
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("column", "kind", "verdict", "effect (PSI)", "corrected p", "note"):
        table.add_column(
            heading,
            justify="right" if heading == "corrected p" else "left",
            no_wrap=heading not in ("column", "note"),
        )
    for column in report.columns:
        words, _ = verdict(column, level)
        style = _STYLES[words]
        table.add_row(
            escape(column.name),
            column.kind,
            f"[{style}]{words}[/]",
            _effect(column),
            p_text(column.p_value),
            escape(column.note),
        )
    screen = console()
    screen.print(table)
    screen.print()
    screen.print(escape(report.summary), style="bold", soft_wrap=True)
    for period in report.over_time:
        words = f"drifted: {', '.join(period.columns)}" if period.drifted else "no drift"
        screen.print(escape(f"{period.start}  {period.rows:>9,} rows  {words}"), soft_wrap=True)
    for measured in report.performance:
        screen.print(f"{measured.metric}, reference {measured.reference:.4f}", soft_wrap=True)
        for window in measured.windows:
            screen.print(escape(_window(window)), style="bold red" if window.alarm else "", soft_wrap=True)
    if output is not None:
        screen.print(f"report: {escape(str(output))}", soft_wrap=True)


def _window(window: WindowPerformance) -> str:
    figures = []
    for words, value, interval in (
        ("", window.value, window.interval),
        ("estimated ", window.estimated, window.estimated_interval),
    ):
        if value is not None and interval is not None:
            figures.append(f"{words}{value:.4f} ({interval[0]:.4f} to {interval[1]:.4f})")
    alarm = "  worse than the reference" if window.alarm else ""
    return f"{window.start}  {window.rows:>9,} rows  {', '.join(figures) or 'too few rows'}{alarm}"


def _effect(column: ColumnDrift) -> str:
    if column.effect is None:
        return ""
    filled = min(_FULL_BAR, round(column.effect / _LARGE * _FULL_BAR))
    return f"{'█' * filled}{'·' * (_FULL_BAR - filled)} {column.effect:.3f}"
