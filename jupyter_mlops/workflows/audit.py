"""Read, check and carry on the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import IntegrityError, NotFoundError, UsageError
from jupyter_mlops.records.audit import AuditReport, Finding
from jupyter_mlops.store import audit_check, stamp
from jupyter_mlops.store.audit import ACCEPT, read_checkpoint
from jupyter_mlops.store.keys import fingerprint, read_public
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import acting, allow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_mlops.records.audit import AuditEvent, Checkpoint
    from jupyter_mlops.settings import Settings


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Narrow the log down: exact ``actor``, ``action`` and ``phase``, part of a ``subject``, times as ISO 8601."""

    actor: str = ""
    action: str = ""
    phase: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""


_CONDITIONS = {
    "actor": "actor = :actor",
    "action": "action = :action",
    "phase": "phase = :phase",
    "subject": r"subject LIKE :subject ESCAPE '\'",
    "since": "at >= :since",
    "until": "at < :until",
}


def events(settings: Settings, wanted: Filter | None = None, limit: int | None = None) -> list[AuditEvent]:
    """Return lines of the log, oldest first; of more than ``limit`` the newest.

    Raises:
        DeniedError: when the user may not read it.
        IntegrityError: when a line can't be read.
    """
    allow(settings, "audit.read")
    condition, values = _where(wanted or Filter())
    found = open_store(settings).audit.events(
        f"{condition} ORDER BY seq DESC" + (" LIMIT :limit" if limit is not None else ""),
        {**values, **({"limit": limit} if limit is not None else {})},
    )
    return list(found)[::-1]


def export(settings: Settings, wanted: Filter) -> Iterator[AuditEvent]:
    """Yield the lines of the log, oldest first, as they are read.

    Raises:
        DeniedError: when the user may not read it.
    """
    allow(settings, "audit.read")
    condition, values = _where(wanted)
    return open_store(settings).audit.events(f"{condition} ORDER BY seq", values)


def verify(
    settings: Settings,
    checkpoints: tuple[Path, ...] = (),
    public_keys: tuple[Path, ...] = (),
    *,
    tick: Callable[[int], None] = lambda _: None,
) -> AuditReport:
    """Check the whole log: chain, signatures, checkpoints, and the records that it names.

    Args:
        settings: the project.
        checkpoints: copies kept elsewhere, held against the log beside the project's own.
        public_keys: the keys to believe; without any, those of the project.
        tick: told how many lines were checked, now and then.

    Raises:
        DeniedError: when the user may not read the log.
        IntegrityError: when a checkpoint or the database can't be read.
    """
    allow(settings, "audit.read")
    given = [read_public(path) for path in public_keys]
    trusted = {fingerprint(key): key for key in given} if given else None
    others = [read_checkpoint(path) for path in checkpoints]
    return audit_check.check(open_store(settings).audit, trusted, others, tick=tick)


def checkpoint(settings: Settings) -> Checkpoint:
    """Return the newest checkpoint, to be kept elsewhere.

    Raises:
        NotFoundError: when nothing was done in the project yet.
    """
    allow(settings, "audit.read")
    found = open_store(settings).audit.checkpoint()
    if found is None:
        raise NotFoundError("there is no checkpoint yet", hint="the first change of state makes one")
    return found


def accept(settings: Settings, reason: str) -> AuditReport:
    """Go on with the log as it is, after it was tampered with or restored from a copy; that is on record for good.

    Acts without an outcome are settled: that they ended unknown, and which records they may have left, is on record.

    Raises:
        UsageError: when there is no reason, or nothing is wrong.
        DeniedError: when the user isn't an admin.
    """
    if not reason.strip():
        raise UsageError("going on with a log that isn't whole needs a reason", hint="say why in --reason")
    allow(settings, ACCEPT)
    try:
        report = verify(settings)
    except IntegrityError as error:
        report = AuditReport(
            intact=False, lines=0, head="", findings=(Finding(seq=0, problem=error.message),)
        )
    if report.intact and not report.unfinished:
        raise UsageError("the audit log is whole", hint="there is nothing to accept")
    found: dict[str, Any] = {"findings": [msgspec.to_builtins(each) for each in report.findings]}
    with acting(settings, ACCEPT, "audit", reason=reason, **found, checkpoint=report.checkpoint) as act:
        _settle(settings, report, reason)
        act.note(settled=[event.seq for event in report.unfinished])
    return report


def _settle(settings: Settings, report: AuditReport, reason: str) -> None:
    log = open_store(settings).audit
    for number, event in enumerate(report.unfinished):
        said: dict[str, Any] = {"error": f"it has no outcome; settled: {reason}"}
        if number == 0 and report.unsettled:
            said["records"] = report.unsettled
        log.append(
            "failed",
            actor=stamp.author(),
            action=event.action,
            subject=event.subject,
            intent=event.seq,
            details=said,
        )


def _where(wanted: Filter) -> tuple[str, dict[str, str]]:
    values = {name: value for name in _CONDITIONS if (value := getattr(wanted, name))}
    if "subject" in values:
        escaped = values["subject"].replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        values["subject"] = f"%{escaped}%"
    conditions = " AND ".join(_CONDITIONS[name] for name in values)
    return (f"WHERE {conditions}" if conditions else ""), values
