"""Every change of state goes through here: authorize, record the intent, act, record the outcome."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DeniedError, MlopsError
from jupyter_mlops.records.access import DENIED
from jupyter_mlops.store import access, stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.recording import as_plain, as_text, named, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store
    from jupyter_mlops.store.recording import Act


@contextmanager
def acting(
    settings: Settings, action: str, subject: str, *, reason: str = "", **details: Any
) -> Iterator[Act]:
    """Let the block change state, if whoever runs this may; what was meant and what came of it are on record.

    The outcome names each record that the block brought to the ledger, with its digest.

    Raises:
        DeniedError: when a rule says no; nothing was done then, and that it was tried is on record.
        AuditError: when the intent can't be put on record, so that nothing was done; or, after the act, the outcome.
        IntegrityError: when the audit log was tampered with; nothing was done then.
    """
    store = open_store(settings)
    with store.audit.rows.kept_open():
        actor = _allow(store, action, subject, reason, details)
        with recorded(store.audit, actor, action, subject, reason=reason, details=details) as act:
            yield act


def allow(settings: Settings, action: str, subject: str = "", *, reason: str = "", **details: Any) -> str:
    """Return who acts, if they may; what changes nothing (reading) asks for no more than this.

    Raises:
        DeniedError: when they may not; that it was tried is on record.
    """
    return _allow(open_store(settings), action, subject, reason, details)


def readable(settings: Settings) -> Callable[[str], bool]:
    """Return what says of a model or data set (``kind/name``) whether whoever runs this may read it, to list those.

    Raises:
        DeniedError: when the access token in the environment isn't in force.
    """
    store = open_store(settings)
    user, policy = access.identify(store.ledger), access.policy(store.ledger)
    return lambda subject: policy.may(user, "read", subject).verdict != DENIED


def refuse(store: Store, error: MlopsError, **said: Any) -> None:
    """Put on record that somebody tried what they may not."""
    details = {**said.pop("details", {}), "error": named(error)}
    try:
        store.audit.append("denied", **said, details=details)
    except MlopsError as unrecorded:
        error.add_note(f"that it was tried isn't on record: {unrecorded}")


def _allow(store: Store, action: str, subject: str, reason: str, details: dict[str, Any]) -> str:
    said: dict[str, Any] = {"action": action, "subject": as_text(subject), "details": as_plain(details)}
    try:
        actor = access.identify(store.ledger)
    except DeniedError as error:
        refuse(store, error, actor=stamp.owner(), **said)
        raise
    decision = access.policy(store.ledger).may(actor, action, subject)
    if decision.verdict == DENIED:
        denied = DeniedError(
            "; ".join(decision.reasons), hint="ask an admin: jupyter mlops access list shows them"
        )
        refuse(store, denied, actor=actor, reason=as_text(reason), **said)
        raise denied
    return actor
