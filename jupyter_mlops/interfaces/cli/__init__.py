"""``jupyter mlops``: one module a command, imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from jupyter_mlops.errors import MlopsError, NotFoundError

# Name -> one line of help, in the order of a model's life; a command's module has its name.
COMMANDS = {
    "graph": "Show a notebook's stages and the variables between them.",
    "check": "Lint a notebook for what breaks a pipeline.",
    "suggest": "Propose stages for an untagged notebook.",
    "compile": "Write a folder that stock ploomber and papermill run.",
    "run": "Run a notebook's stages; what is unchanged is not run again.",
    "verify": "Prove that the pipeline gives the notebook's results.",
    "data": "List, show and check out dataset versions.",
    "models": "List, show, compare, promote and roll back model versions.",
    "reproduce": "Build a model version again from the record alone.",
    "serve": "Serve a model version over HTTP.",
    "lineage": "Print what stands behind a prediction, model, run or dataset.",
    "access": "Say who may do what: roles, rules, tokens.",
    "audit": "Show, verify and export the log of who did what.",
    "drift": "Compare two samples of data, column by column.",
    "migrate": "Move to PostgreSQL, an object store, an MLflow server.",
}
PLANNED = {
    "deploy": "Roll a version out by canary, shadow or blue-green.",
    "rollback": "Take a deployment back to its last version.",
}
# What shows a project's records: it takes a role. What changes anything asks for one by itself.
READING = frozenset({"data", "drift", "lineage", "models", "reproduce"})
_HELP = f"{__name__}.help"


class _Lazy(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        ctx.meta[_HELP] = _asks_for_help(rest, ctx.help_option_names)
        return rest

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [*COMMANDS, *PLANNED]

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            command: click.Command = importlib.import_module(f"{__name__}.{name}").command
            return command
        return _planned(name) if name in PLANNED else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in (*COMMANDS, *PLANNED):
            raise NotFoundError.of("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Not available yet"):
            formatter.write_dl(list(PLANNED.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--project", metavar="DIR", help="The project's folder (default: found from where you are).")
@click.version_option(package_name="jupyter-mlops", message="%(version)s")
@click.pass_context
def group(ctx: click.Context, project: str | None) -> None:
    """From the notebook you have to a gated, registered, served and monitored model."""
    if project is not None:
        _choose(ctx, project)
    if ctx.invoked_subcommand in READING and not ctx.meta[_HELP]:
        from jupyter_mlops import settings
        from jupyter_mlops.workflows.acting import allow

        allow(settings.load(), "read")


def _choose(ctx: click.Context, project: str) -> None:
    """Name the project for this command and the processes it starts; a kernel that called it goes on as before."""
    from jupyter_mlops.settings import ROOT_VARIABLE

    before = os.environ.get(ROOT_VARIABLE)
    os.environ[ROOT_VARIABLE] = project

    def restore() -> None:
        if before is None:
            os.environ.pop(ROOT_VARIABLE, None)
        else:
            os.environ[ROOT_VARIABLE] = before

    ctx.call_on_close(restore)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 bad usage or bad input."""
    try:
        status = group.main(args=arguments, prog_name="jupyter mlops", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        _complain(error.format_message(), "MLO001")
        sys.exit(2)
    except MlopsError as error:
        _complain(str(error), error.code)
        sys.exit(error.exit_code)
    except UnicodeEncodeError as error:
        # Bytes of an argument that are no text: a file may be called so, nothing on record is.
        _complain(f"{error.object!r} is no text", "MLO001")
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output is gone (`| head`); nothing is left to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _asks_for_help(arguments: list[str], names: list[str]) -> bool:
    """Say whether help is all that will be shown: no value of an option, and no argument, is only called so."""
    if "--" in arguments:
        return False
    return any(
        word in names and not before.startswith("-")
        for before, word in zip(["", *arguments], arguments, strict=False)
    )


def _planned(name: str) -> click.Command:
    from jupyter_mlops.errors import NotAvailableYetError

    @click.command(name, help=PLANNED[name], context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(**_: Any) -> None:
        raise NotAvailableYetError(f"jupyter mlops {name}")

    return command


def _complain(message: str, code: str) -> None:
    line = " ".join(message.split())
    click.echo(f"error: {line} [{code}]", err=True)
