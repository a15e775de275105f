"""Every change of state goes through here: authorize, record the intent, act, record the outcome."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import AuditError, DeniedError, MlopsError
from jupyter_mlops.records.access import DENIED
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.store import access, anchors, stamp
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

_LONGEST_ERROR = 2000


@dataclass
class Act:
    """Collect what the outcome's record says beside the intent's."""

    details: dict[str, Any] = field(default_factory=dict)
    subject: str = ""

    def note(self, **details: Any) -> None:
        """Add to what the outcome's record says; ``subject`` names what came to be, where only the act could tell."""
        self.subject = str(details.pop("subject", self.subject))
        self.details.update(details)


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
    with store.audit.rows.kept_open(), _recorded(store, action, subject, reason, details) as act:
        yield act


@contextmanager
def _recorded(store: Store, action: str, subject: str, reason: str, details: dict[str, Any]) -> Iterator[Act]:
    actor = _allow(store, action, subject, reason, details)
    said: dict[str, Any] = {"actor": actor, "action": action, "reason": _text(reason)}
    intent = store.audit.append("intent", subject=_text(subject), details=_plain(details), **said)
    act = Act(subject=subject)
    with stamp.speaking_for(actor), anchors.collecting() as records:
        try:
            yield act
        except BaseException as error:
            act.note(error=_named(error))
            try:
                store.audit.append("failed", **said, **_outcome(act, records), intent=intent)
            except MlopsError as unrecorded:
                error.add_note(f"that it failed isn't on record: {unrecorded}")
            raise
    try:
        store.audit.append("done", **said, **_outcome(act, records), intent=intent)
    except AuditError as error:
        error.message = f"it is done, but its outcome isn't on record: {error.message}"
        error.hint = f"`jupyter mlops audit verify` will name line {intent} as one without an outcome"
        raise


def allow(settings: Settings, action: str, subject: str = "", *, reason: str = "", **details: Any) -> str:
    """Return who acts, if they may; what changes nothing (reading) asks for no more than this.

    Raises:
        DeniedError: when they may not; that it was tried is on record.
    """
    return _allow(open_store(settings), action, subject, reason, details)


def _allow(store: Store, action: str, subject: str, reason: str, details: dict[str, Any]) -> str:
    said: dict[str, Any] = {"action": action, "subject": _text(subject), "details": _plain(details)}
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
        refuse(store, denied, actor=actor, reason=_text(reason), **said)
        raise denied
    return actor


def refuse(store: Store, error: MlopsError, **said: Any) -> None:
    """Put on record that somebody tried what they may not."""
    details = {**said.pop("details", {}), "error": _named(error)}
    try:
        store.audit.append("denied", **said, details=details)
    except MlopsError as unrecorded:
        error.add_note(f"that it was tried isn't on record: {unrecorded}")


def _outcome(act: Act, records: dict[str, str]) -> dict[str, Any]:
    details = _plain(act.details)
    return {"subject": _text(act.subject), "details": {**details, "records": records} if records else details}


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")[:_LONGEST_ERROR]


def _plain(value: Any) -> Any:
    """Return what JSON and every database take: whatever else is in it becomes text."""
    try:
        canonical_json(value)
    except (TypeError, ValueError, OverflowError):
        pass
    else:
        return value
    if isinstance(value, dict):
        return {_text(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return _text(value)


def _text(value: object) -> str:
    # A file name that isn't UTF-8 comes as text that can't be written as UTF-8.
    return str(value).encode("utf-8", "backslashreplace").decode()
