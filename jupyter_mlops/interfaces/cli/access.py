"""``jupyter mlops access``: who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jupyter_mlops.interfaces.cli._common import Plain, emit, escape, json_option

if TYPE_CHECKING:
    from jupyter_mlops.records.access import Rule
    from jupyter_mlops.workflows.access import Standing

_reason = click.option("--reason", default="", help="Why; it is recorded.")
_names = click.option(
    "--names", default="*", show_default=True, help="Only models and data sets so called; churn*, say."
)


@click.group("access")
def command() -> None:
    """Say who may do what: roles, rules, tokens.

    As long as nothing is granted the project is one person's, and everything is allowed. Whoever grants the first
    role becomes admin; from there on what isn't granted is denied.
    """


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show the roles that users have, the rules, and the tokens."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import access

    found = access.show(settings.load())
    if as_json:
        emit(found)
    else:
        _show(found)


@command.command("roles")
@json_option
def roles(as_json: bool) -> None:
    """Show what each role may do."""
    from jupyter_mlops.records.access import ACTIONS, ADMIN, ROLES

    table = {action: [role for role in ROLES if role in (*able, ADMIN)] for action, able in ACTIONS.items()}
    if as_json:
        emit(table)
    else:
        rows = [
            (action, *("yes" if role in able else "" for role in ROLES)) for action, able in table.items()
        ]
        Plain().table(("", *ROLES), rows, right=())


@command.command("grant")
@click.argument("user")
@click.argument("role")
@_names
@_reason
@json_option
def grant(user: str, role: str, names: str, reason: str, as_json: bool) -> None:
    """Give a user a role: viewer, data-scientist, ml-engineer, approver or admin."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import access

    made = access.grant(settings.load(), user, role, names, reason)
    if as_json:
        emit(made)
    else:
        click.echo(f"{made.user} is {made.role} now" + ("" if names == "*" else f", on {names}"))


@command.command("revoke")
@click.argument("user")
@click.argument("role")
@_names
@_reason
@json_option
def revoke(user: str, role: str, names: str, reason: str, as_json: bool) -> None:
    """Take a role back; what was done with it stays."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import access

    made = access.revoke(settings.load(), user, role, names, reason)
    if as_json:
        emit(made)
    else:
        click.echo(f"{made.user} is no longer {made.role}" + ("" if names == "*" else f" on {names}"))


@command.command("rule")
@click.argument("names")
@click.option("--action", default="model.promote", show_default=True, help="What the rule is about.")
@click.option(
    "--approvals", type=int, default=0, help="How many others than its author must approve a version."
)
@click.option("--gate", is_flag=True, help="A gate must have evaluated the version.")
@click.option("--no-override", is_flag=True, help="No reason may stand in for what is missing.")
@click.option("--only", "only", multiple=True, metavar="ROLE", help="Only these roles may take the action.")
@_reason
@json_option
def rule(only: tuple[str, ...], no_override: bool, as_json: bool, **asks: Any) -> None:
    """Ask more before a version of the models NAMES (churn*, say) becomes champion.

    A rule takes the place of the one before on the same NAMES and action; without options it asks for nothing.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.records.access import Rule
    from jupyter_mlops.workflows import access

    asked = Rule(rule_id="", override=not no_override, roles=only or None, **asks)
    made = access.rule(settings.load(), asked)
    if as_json:
        emit(made)
    else:
        click.echo(f"{made.action} of {made.names}: {_said(made)}")


@command.command("token")
@click.argument("user")
@click.option("--purpose", default="", help="What for.")
@click.option("--expires", "lasts", default="", metavar="TIME", help="How long it lasts: 12h, 30d, 8w.")
@json_option
def token(user: str, purpose: str, lasts: str, as_json: bool) -> None:
    """Issue an access token and print it; it is kept nowhere, so that it can't be shown again.

    The command line takes it from JUPYTER_MLOPS_ACCESS_TOKEN, a server from `Authorization: Bearer TOKEN`.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import access

    made, text = access.issue(settings.load(), user, purpose, lasts)
    if as_json:
        emit({"token": text, "token_id": made.token_id, "user": made.user, "expires_at": made.expires_at})
    else:
        click.echo(text)
        until = f" until {made.expires_at[:16].replace('T', ' ')}" if made.expires_at else ""
        click.echo(f"token {made.token_id} of {made.user}{until}", err=True)


@command.command("withdraw")
@click.argument("token_id", metavar="TOKEN_ID")
@_reason
@json_option
def withdraw(token_id: str, reason: str, as_json: bool) -> None:
    """Revoke an access token by its id; a server that is running heeds it within seconds."""
    from jupyter_mlops import settings
    from jupyter_mlops.workflows import access

    gone = access.withdraw(settings.load(), token_id, reason)
    if as_json:
        emit({"token_id": gone.token_id, "user": gone.user, "revoked": True})
    else:
        click.echo(f"token {gone.token_id} of {gone.user} is revoked")


def _show(found: Standing) -> None:
    click.echo(f"you are {found.user}" + (f": {', '.join(found.roles)}" if found.roles else ""))
    if found.open:
        click.echo("nothing is granted yet: everybody who can use the project's files may do everything")
    out = Plain()
    if found.grants:
        rows = [(escape(each.user), each.role, escape(each.names), each.author) for each in found.grants]
        out.table(("user", "role", "on", "granted by"), rows, right=())
    for rule_ in found.rules:
        click.echo(f"rule: {rule_.action} of {rule_.names}: {_said(rule_)}")
    for each in found.tokens:
        until = f" until {each.expires_at[:16].replace('T', ' ')}" if each.expires_at else ""
        click.echo(
            f"token {each.token_id}: {each.user}{until}" + (f", {each.purpose}" if each.purpose else "")
        )


def _said(rule_: Rule) -> str:
    asks = []
    if rule_.approvals:
        asks.append(f"{rule_.approvals} approval{'s' if rule_.approvals > 1 else ''}")
    if rule_.gate:
        asks.append("a gate")
    if rule_.roles is not None:
        asks.append(f"only {', '.join(rule_.roles)}")
    if not rule_.override:
        asks.append("no override")
    return ", ".join(asks) or "nothing more is asked"
