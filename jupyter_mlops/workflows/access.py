"""Grant roles, set rules, issue tokens; each is a record, and nothing is ever taken off the record."""

from __future__ import annotations

import os
import re
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.records.access import ACTIONS, ADMIN, EVERYTHING, ROLES, Grant, Policy, Rule, Token
from jupyter_mlops.records.base import Value
from jupyter_mlops.store import access, stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.recording import recorded
from jupyter_mlops.workflows.acting import acting, allow

if TYPE_CHECKING:
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

CHANGE = "access.change"
_LONGEST = 200
_UNITS = {"h": 1, "d": 24, "w": 24 * 7}


class Standing(Value, frozen=True, kw_only=True):
    """Show what is in force, and who asks; ``open``: nothing was ever granted, so everybody may do everything."""

    user: str
    roles: tuple[str, ...]
    open: bool
    grants: tuple[Grant, ...]
    rules: tuple[Rule, ...]
    tokens: tuple[Token, ...]


def show(settings: Settings) -> Standing:
    """Return what is in force.

    Raises:
        DeniedError: when the user has no role.
    """
    user = allow(settings, "read")
    store = open_store(settings)
    policy = access.policy(store.ledger)
    tokens = [record for record in store.ledger.find("token") if isinstance(record, Token)]
    gone = {token.token_id for token in tokens if token.revoked}
    return Standing(
        user=user,
        roles=policy.roles(user, anywhere=True),
        open=policy.open,
        grants=tuple(grant for grant in policy.grants if not grant.revoked),
        rules=policy.rules,
        tokens=tuple(token for token in tokens if token.token_id not in gone),
    )


def grant(settings: Settings, user: str, role: str, names: str = EVERYTHING, reason: str = "") -> Grant:
    """Give a user a role; whoever grants the first one becomes admin with it.

    Args:
        settings: the project.
        user: whom; a login name, or the name a token or Jupyter knows them by.
        role: one of the five.
        names: a pattern (``churn*``) of the models and data sets that it reaches.
        reason: why.

    Raises:
        NotFoundError: when there is no such role.
        DeniedError: when the user isn't an admin.
    """
    return _grant(settings, user, role, names, reason, revoked=False)


def revoke(settings: Settings, user: str, role: str, names: str = EVERYTHING, reason: str = "") -> Grant:
    """Take a role back that was granted just so.

    Raises:
        NotFoundError: when it wasn't granted.
        UsageError: when nobody would be left who may change who may do what.
        DeniedError: when the user isn't an admin.
    """
    return _grant(settings, user, role, names, reason, revoked=True)


def rule(settings: Settings, asked: Rule) -> Rule:
    """Set a rule; it takes the place of the one before on the same names and action.

    Raises:
        UsageError: when it asks for less than nothing, or for what it can't ask.
        NotFoundError: when there is no such action or role.
        DeniedError: when the user isn't an admin.
    """
    if asked.approvals < 0:
        raise UsageError(f"a rule can't ask for {asked.approvals} approvals")
    if asked.action not in ACTIONS:
        raise NotFoundError.of("action", asked.action, ACTIONS)
    for role in asked.roles or ():
        if role not in ROLES:
            raise NotFoundError.of("role", role, ROLES)
    if asked.roles is not None and asked.action in (CHANGE, "audit.accept"):
        raise UsageError(f"who may {asked.action} is no matter of rules", hint="it is the admins; grant them")
    if asked.action != "model.promote" and (asked.approvals or asked.gate or not asked.override):
        raise UsageError(f"approvals and gates are asked of model.promote, not of {asked.action}")
    with acting(settings, CHANGE, f"rule/{asked.names}", reason=asked.reason):
        store = open_store(settings)
        _shared(store)
        made = msgspec.structs.replace(
            asked, rule_id=uuid.uuid4().hex, created_at=stamp.now(), author=stamp.author()
        )
        store.ledger.append(made)
    return made


def issue(settings: Settings, user: str, purpose: str = "", lasts: str = "") -> tuple[Token, str]:
    """Issue an access token; return its record and the token itself, which is kept nowhere.

    Args:
        settings: the project.
        user: who acts with it.
        purpose: what for.
        lasts: how long, ``12h``, ``30d`` or ``8w``; for ever where it is empty.

    Raises:
        UsageError: when the time can't be understood, or the user has no role.
        DeniedError: when the user isn't an admin.
    """
    check_user(user)
    expires = _expiry(lasts)
    with acting(settings, CHANGE, f"user/{user}", purpose=purpose, expires=expires) as act:
        store = open_store(settings)
        _shared(store)
        token, text = _token(user, purpose, expires)
        store.ledger.append(token)
        act.note(token=token.token_id)
    return token, text


def lend(settings: Settings, lasts: str = "7d") -> str:
    """Return an access token of whom a server speaks for, so that a process which it starts acts as them.

    Empty where that process acts as the right one by itself: nothing is granted, or nobody else is spoken for. The
    server has checked who they are; that the token was issued is on record, as theirs.
    """
    user, store = stamp.spoken_for(), open_store(settings)
    itself = user == stamp.owner() and not os.environ.get(stamp.TOKEN_VARIABLE)
    if not user or itself or access.policy(store.ledger).open:
        return ""
    token, text = _token(user, "lent to a process that a server started", _expiry(lasts))
    said = {"purpose": token.purpose, "expires": token.expires_at, "token": token.token_id}
    with recorded(store.audit, user, CHANGE, f"user/{user}", details=said):
        store.ledger.append(token)
    return text


def withdraw(settings: Settings, token_id: str, reason: str = "") -> Token:
    """Revoke an access token.

    Raises:
        NotFoundError: when there is none of that id.
        DeniedError: when the user isn't an admin.
    """
    store = open_store(settings)
    allow(settings, CHANGE, f"token/{token_id}")
    tokens = [record for record in store.ledger.find("token") if isinstance(record, Token)]
    found = next((token for token in tokens if token.token_id == token_id), None)
    if found is None:
        raise NotFoundError.of("token", token_id, [token.token_id for token in tokens])
    with acting(settings, CHANGE, f"user/{found.user}", reason=reason, token=token_id):
        gone = msgspec.structs.replace(found, revoked=True, created_at=stamp.now(), author=stamp.author())
        store.ledger.append_new(gone)
    return gone


def _token(user: str, purpose: str, expires: str) -> tuple[Token, str]:
    text = access.write_token(user, secrets.token_urlsafe(32))
    token = Token(
        token_id=uuid.uuid4().hex[:12],
        user=user,
        digest_of_secret=access.digest_of_token(text),
        purpose=purpose,
        expires_at=expires,
        created_at=stamp.now(),
        author=stamp.author(),
    )
    return token, text


def check_user(user: str) -> None:
    """Refuse what can't be a user's name.

    Raises:
        UsageError: when it is empty, too long or holds what can't be seen.
    """
    if not user.strip() or len(user) > _LONGEST or not user.isprintable() or user != user.strip():
        raise UsageError(f"{user!r} can't be a user's name", hint="a login name, or the one Jupyter shows")


def _grant(settings: Settings, user: str, role: str, names: str, reason: str, *, revoked: bool) -> Grant:
    check_user(user)
    if role not in ROLES:
        raise NotFoundError.of("role", role, ROLES)
    if not names or len(names) > _LONGEST:
        raise UsageError(f"{names!r} is no pattern of names", hint="churn*, say")
    with acting(settings, CHANGE, f"user/{user}", reason=reason, role=role, names=names, revoked=revoked):
        store = open_store(settings)
        if revoked:
            _check_revocable(access.policy(store.ledger), user, role, names)
        else:
            _shared(store)
        made = _granted(user, role, names, reason, revoked=revoked)
        store.ledger.append(made)
    return made


def _granted(user: str, role: str, names: str, reason: str, *, revoked: bool = False) -> Grant:
    return Grant(
        grant_id=uuid.uuid4().hex,
        user=user,
        role=role,
        names=names,
        revoked=revoked,
        reason=reason,
        created_at=stamp.now(),
        author=stamp.author(),
    )


def _shared(store: Store) -> None:
    """Make whoever shares a project with others its admin: from here on what isn't granted is denied."""
    if access.policy(store.ledger).open:
        store.ledger.append(_granted(stamp.author(), ADMIN, EVERYTHING, "the first to grant anything"))


def _check_revocable(policy: Policy, user: str, role: str, names: str) -> None:
    held = [each for each in policy.grants if not each.revoked]
    if not any((each.user, each.role, each.names) == (user, role, names) for each in held):
        known = [f"{each.user} {each.role} on {each.names}" for each in held]
        raise NotFoundError.of("grant", f"{user} {role} on {names}", known)
    admins = [each for each in held if each.role == ADMIN and each.names == EVERYTHING]
    if [(each.user, each.role, each.names) for each in admins] == [(user, role, names)]:
        raise UsageError(
            f"{user} is the last admin", hint="grant somebody else admin first: jupyter mlops access grant"
        )


def _expiry(lasts: str) -> str:
    if not lasts:
        return ""
    found = re.fullmatch(r"(\d{1,5})([hdw])", lasts)
    if found is None:
        raise UsageError(f"{lasts!r} is no length of time", hint="12h, 30d or 8w")
    until = datetime.now(UTC) + timedelta(hours=int(found[1]) * _UNITS[found[2]])
    return until.isoformat(timespec="microseconds").replace("+00:00", "Z")
