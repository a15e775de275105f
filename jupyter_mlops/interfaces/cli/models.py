"""``jupyter mlops models``: model versions and their life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.interfaces.cli import _approve, _card, _explain
from jupyter_mlops.interfaces.cli._common import emit, escape, json_option, table
from jupyter_mlops.interfaces.cli._compare_view import short

if TYPE_CHECKING:
    from jupyter_mlops.records.model import Promotion
    from jupyter_mlops.workflows.models import VersionView

SHORT = 12


@click.group("models")
def command() -> None:
    """List, show, compare, promote and roll back model versions; MODEL is NAME, NAME/NUMBER or NAME@ALIAS."""


command.add_command(_card.command)
command.add_command(_explain.command)
command.add_command(_approve.approve)
command.add_command(_approve.reject)


@command.command("list")
@click.argument("name", required=False)
@json_option
def list_(name: str | None, as_json: bool) -> None:
    """List model versions with their aliases and the result of their gates."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import models

    found = models.list_models(settings.load(), name)
    if as_json:
        emit([_document(view) for view in found])
    elif not found:
        click.echo("there is no model yet; register one with mlops.log_model(model, name) in a notebook")
    else:
        _show_list(found)


@command.command("show")
@click.argument("model")
@json_option
def show(model: str, as_json: bool) -> None:
    """Show a version: what it takes, what it was made from, how it was judged."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import models

    view = models.show(settings.load(), model)
    if as_json:
        emit(_document(view))
    else:
        _show_version(view)


@command.command("compare")
@click.argument("left")
@click.argument("right")
@json_option
def compare(left: str, right: str, as_json: bool) -> None:
    """Set two versions side by side: figures, parameters, data, commit, packages, code."""
    from jupyter_mlops import settings
    from jupyter_mlops.interfaces.cli import _compare_view
    from jupyter_mlops.workflows import comparing

    found = comparing.compare(settings.load(), left, right)
    if as_json:
        emit(found)
    else:
        _compare_view.show(found)


@command.command("promote")
@click.argument("model")
@click.option("--alias", default="champion", show_default=True, help="champion, challenger or shadow.")
@click.option("--override", metavar="REASON", help="Promote against a failed gate; the reason is recorded.")
@json_option
def promote(model: str, alias: str, override: str | None, as_json: bool) -> None:
    """Point an alias at a version; a version whose gate failed is refused."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import models

    _report(models.promote(settings.load(), model, alias, override), as_json)


@command.command("rollback")
@click.argument("name")
@click.option("--alias", default="champion", show_default=True, help="champion, challenger or shadow.")
@click.option("--reason", default="", help="Why; it is recorded.")
@json_option
def rollback(name: str, alias: str, reason: str, as_json: bool) -> None:
    """Point an alias back at the version that held it before."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import models

    _report(models.rollback(settings.load(), name, alias, reason), as_json)


@command.command("gc")
@click.argument("name", required=False)
@click.option("--keep", default=5, show_default=True, help="How many of the newest versions stay.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
def gc(name: str | None, keep: int, dry_run: bool, as_json: bool) -> None:
    """Take bundles away but those of the newest versions, of every alias, and of the last five served."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import model_gc

    found = model_gc.collect(settings.load(), name, keep=keep, dry_run=dry_run)
    if as_json:
        emit(found)
        return
    verb = "would be taken away" if dry_run else "taken away"
    listed = f": {', '.join(found.versions)}" if found.versions else ""
    click.echo(f"{len(found.versions)} versions {verb}, {found.size_bytes / 1e6:.1f} MB{listed}")


@command.command("sync")
@json_option
def sync(as_json: bool) -> None:
    """Bring MLflow up to date with what is on record now; it happens by itself after every change."""
    from jupyter_mlops import settings
    from jupyter_mlops.registry import syncing

    project = settings.load()
    if not project.state.is_dir():
        raise NotFoundError.of("model", "any", (), hint="log one first: mlops.log_model(model, name)")
    click.echo(f"bringing {project.tracking_uri.partition('://')[0]} MLflow up to date", err=True)
    report = syncing.sync(project, lambda ref: click.echo(f"  {ref}", err=True))
    if as_json:
        emit(report)
        return
    for finding in report.findings:
        click.echo(f"note: {finding}")
    click.echo(
        f"{report.runs} runs, {report.versions} versions, {report.aliases} aliases were missing in MLflow"
    )


def _report(moved: Promotion, as_json: bool) -> None:
    if as_json:
        emit(moved)
        return
    if moved.previous == moved.version:
        click.echo(f"{moved.name}/{moved.version} is {moved.alias} already")
        return
    before = f" (before: {moved.previous})" if moved.previous is not None else ""
    override = ", overriding its gates" if moved.override else ""
    click.echo(f"{moved.name}/{moved.version} is {moved.alias} now{before}{override}")


def _document(view: VersionView) -> dict[str, Any]:
    """Return one flat document: the record's fields, and beside them where the version stands."""
    from jupyter_mlops.records.base import to_builtins

    where = {"ref": str(view.model.ref), "aliases": list(view.aliases), "gate": view.gate}
    where["retired"] = view.retired
    return {**to_builtins(view.model), **where, "evaluations": to_builtins(view.evaluations)}


def _show_list(found: list[VersionView]) -> None:
    listed = [
        (
            f"{view.model.name}/{view.model.version}",
            ", ".join(view.aliases),
            view.retired or view.gate,
            escape(", ".join(f"{name} {value:.4g}" for name, value in list(view.figures.items())[:2])),
            view.model.created_at[:16].replace("T", " "),
        )
        for view in found
    ]
    table(("model", "aliases", "gate", "figures", "registered"), listed)


def _show_version(view: VersionView) -> None:
    model = view.model
    signature = ", ".join(f"{tensor.name} {tensor.datatype}" for tensor in model.signature.inputs)
    outputs = ", ".join(f"{tensor.name} {tensor.datatype}" for tensor in model.signature.outputs)
    lines = [
        f"{model.name}/{model.version}" + (f"  {', '.join(view.aliases)}" if view.aliases else ""),
        f"registered  {model.created_at[:19].replace('T', ' ')} by {model.author}",
        f"takes       {signature}",
        f"gives       {outputs}",
        f"bundle      {model.bundle[:SHORT]}",
    ]
    if model.run_id:
        lines.append(f"run         {model.run_id}, stage {model.stage}")
    lines += [f"data        {short(dataset)}" for dataset in model.datasets]
    if model.test is not None:
        lines.append(f"judged on   {short(model.test.dataset)}, target {model.test.target}")
    lines += [f"metric      {name} = {value:.6g}" for name, value in model.metrics.items()]
    if model.params:
        lines.append(f"parameters  {', '.join(f'{name} = {value}' for name, value in model.params.items())}")
    if model.hyperparameters:
        settings = (f"{name} = {value}" for name, value in model.hyperparameters.items())
        lines.append(f"settings    {', '.join(settings)}")
    for evaluation in view.evaluations:
        lines.append(
            f"gate        {'passed' if evaluation.passed else 'failed'} {evaluation.created_at[:16]}"
        )
        lines += [f"            {condition.text}: {condition.status}" for condition in evaluation.conditions]
    click.echo("\n".join(lines))
