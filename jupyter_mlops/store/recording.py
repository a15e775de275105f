"""An act put on record: what was meant before it is done, and what came of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import AuditError, MlopsError
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.store import anchors, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.store.audit import AuditLog

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
def recorded(
    log: AuditLog, actor: str, action: str, subject: str, *, reason: str = "", details: dict[str, Any]
) -> Iterator[Act]:
    """Let the block act for ``actor``, who may; the outcome names each record that it brought to the ledger.

    Raises:
        AuditError: when the intent can't be put on record, so that nothing was done; or, after the act, the outcome.
        IntegrityError: when the log was tampered with; nothing was done then.
    """
    said: dict[str, Any] = {"actor": actor, "action": action, "reason": as_text(reason)}
    intent = log.append("intent", subject=as_text(subject), details=as_plain(details), **said)
    act = Act(subject=subject)
    with stamp.speaking_for(actor), anchors.collecting() as records:
        try:
            yield act
        except BaseException as error:
            act.note(error=named(error))
            try:
                log.append("failed", **said, **_outcome(act, records), intent=intent)
            except MlopsError as unrecorded:
                error.add_note(f"that it failed isn't on record: {unrecorded}")
            raise
    try:
        log.append("done", **said, **_outcome(act, records), intent=intent)
    except AuditError as error:
        error.message = f"it is done, but its outcome isn't on record: {error.message}"
        error.hint = f"`jupyter mlops audit verify` will name line {intent} as one without an outcome"
        raise


def named(error: BaseException) -> str:
    """Return an error in the log's words."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")[:_LONGEST_ERROR]


def as_plain(value: Any) -> Any:
    """Return what JSON and every database take: whatever else is in it becomes text."""
    try:
        canonical_json(value)
    except (TypeError, ValueError, OverflowError):
        pass
    else:
        return value
    if isinstance(value, dict):
        return {as_text(key): as_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(each) for each in value]
    return as_text(value)


def as_text(value: object) -> str:
    """Return text that can be written as UTF-8; a file name that isn't comes with marks that can't be."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _outcome(act: Act, records: dict[str, str]) -> dict[str, Any]:
    details = as_plain(act.details)
    subject = as_text(act.subject)
    return {"subject": subject, "details": {**details, "records": records} if records else details}
