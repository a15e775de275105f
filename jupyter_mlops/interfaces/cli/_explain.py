"""``jupyter mlops models explain``: what a version decides by, and how it came to one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jupyter_mlops.interfaces.cli._common import emit, escape, json_option, table

if TYPE_CHECKING:
    from jupyter_mlops.records.explanation import Explanation
    from jupyter_mlops.serving.explaining import Explained


@click.command("explain")
@click.argument("model")
@click.option("--prediction", metavar="ID", help="Explain this answered prediction instead.")
@click.option("--afresh", is_flag=True, help="Measure again what is on record already.")
@json_option
def command(model: str, prediction: str | None, afresh: bool, as_json: bool) -> None:
    """Say what a version decides by: what it loses without each column, and how far each moves its answers.

    It is measured once on the version's test rows and stays on record, for its card and for the serving process. With
    --prediction: what each input added to one answer.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import explain

    project = settings.load()
    if prediction is not None:
        answer = explain.explain_prediction(project, model, prediction)
        if as_json:
            emit(answer)
        else:
            _show_rows(answer)
        return
    found = explain.explain(project, model, afresh=afresh, on_step=_say)
    if as_json:
        emit(found)
    else:
        _show(found)


def shown_in_a_notebook(arguments: list[str]) -> tuple[str, str] | None:
    """Explain, and return it for a notebook cell as HTML and as text; None where it isn't for reading."""
    if {"--json", "--help", "-h"} & set(arguments):
        return None
    from jupyter_mlops import settings
    from jupyter_mlops.explanation import picture
    from jupyter_mlops.workflows import explain

    with command.make_context("%mlops models explain", list(arguments)) as context:
        options = context.params
    project, model, prediction = settings.load(), options["model"], options["prediction"]
    if prediction is not None:
        answer = explain.explain_prediction(project, model, prediction)
        return picture.rows_html(answer.explanations, answer.method, answer.scale), answer.method
    found = explain.explain(project, model, afresh=options["afresh"])
    return picture.html(found), picture.summary(found)


def _say(step: str) -> None:
    click.echo(step, err=True)


def _show(found: Explanation) -> None:
    from jupyter_mlops.explanation import picture

    click.echo(picture.summary(found))
    lost = f"{found.metric} lost" if found.metric else "lost"
    moved = f"moves the {found.scale} by" if found.scale else "moves the answer by"
    table(
        ("column", lost, "", moved, "", "direction"),
        [
            (
                escape(each.feature)
                + (f" [bold](protected: {escape(each.protected)})[/]" if each.protected else ""),
                picture.number(each.loss),
                picture.interval(each.loss_ci),
                picture.number(each.attribution),
                picture.interval(each.attribution_ci),
                picture.direction(each.direction),
            )
            for each in found.importance
        ],
    )
    for note in found.notes:
        click.echo(f"note: {note}")


def _show_rows(found: Explained) -> None:
    from jupyter_mlops.explanation import picture

    for number, row in enumerate(found.explanations):
        about = f" of {row.output}" if row.output is not None else ""
        click.echo(
            f"row {number}: {found.scale}{about} {row.value:.4g}, {row.base:.4g} without any column ({found.method})"
        )
        listed = sorted(row.attributions.items(), key=lambda pair: -abs(pair[1]))
        table(
            ("column", "adds", "standard error"),
            [(escape(name), f"{added:+.4g}", picture.number(row.errors.get(name))) for name, added in listed],
        )
