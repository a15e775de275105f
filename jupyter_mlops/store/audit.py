"""The audit log: lines that are only ever added, chained by hash, signed, with a signed checkpoint beside them.

Nobody can write a line, or rewrite one and all after it, without the key: each line is signed over the hash of the
one before. Nobody can cut lines off the end without the checkpoint saying so. Before a line is added the one it
hangs on is checked, so that nobody's rewriting is ever signed for.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import AuditError, IntegrityError
from jupyter_mlops.records import audit
from jupyter_mlops.records.audit import GENESIS, AuditEvent, Checkpoint
from jupyter_mlops.records.base import canonical_json, from_json
from jupyter_mlops.store import stamp
from jupyter_mlops.store.audit_rows import AuditRows
from jupyter_mlops.store.files import file_lock, replacing
from jupyter_mlops.store.keys import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.keys import Keys

ACCEPT = "audit.accept"
_LINE = "SELECT seq, prev, hash, body FROM audit WHERE seq = :seq"
_LAST = "SELECT seq, prev, hash, body FROM audit ORDER BY seq DESC LIMIT 1"
_ADD = (
    "INSERT INTO audit (seq, at, actor, action, subject, phase, prev, hash, body)"
    " VALUES (:seq, :at, :actor, :action, :subject, :phase, :prev, :hash, :body)"
)
_BEGAN = "SELECT count(*), coalesce(max(id), 0) FROM records"
_MEND = (
    "`jupyter mlops audit verify` says what; restore the database, or let an admin go on with `audit accept`"
)


class AuditLog:
    """Add lines to a project's audit log, and read them.

    Args:
        settings: the project.
        keys: what it signs with and whom it believes.
        clock: the time, as text.
    """

    def __init__(self, settings: Settings, keys: Keys, clock: Callable[[], str] = stamp.now) -> None:
        self.keys = keys
        self.checkpoint_file: Path = settings.root / settings.audit_checkpoints
        self.rows = AuditRows(settings.database_url("store"))
        self._lock = settings.state / "audit" / "lock"
        self._clock = clock
        self._mine = ""

    def append(
        self,
        phase: audit.Phase,
        *,
        actor: str,
        action: str,
        subject: str,
        reason: str = "",
        details: dict[str, Any] | None = None,
        intent: int | None = None,
    ) -> int:
        """Add a line, durably, with its checkpoint; return its number.

        Raises:
            AuditError: when the database or the checkpoint can't be written.
            IntegrityError: when the log was tampered with, as far as its end and its checkpoint show.
        """
        line = AuditEvent(
            seq=0,
            at=self._clock(),
            actor=actor,
            action=action,
            subject=subject,
            phase=phase,
            reason=reason,
            details=msgspec.json.decode(msgspec.json.encode(details or {})),
            intent=intent,
            key=self.keys.fingerprint,
        )
        try:
            # One at a time, so that checkpoints are written in the order of the lines they speak of.
            with file_lock(self._lock):
                event, digest = self._add(line)
                self._write_checkpoint(event, digest)
        except (sqlite3.Error, OSError) as error:
            raise AuditError(
                f"{action} {subject}".rstrip() + f" can't be put on record: {error}",
                hint="what can't be put on record isn't done; make room, or the folder writable",
            ) from error
        self._mine = digest
        return event.seq

    def events(self, sql: str = "", values: dict[str, Any] | None = None) -> Iterator[AuditEvent]:
        """Yield the lines that a condition of SQL over the columns, with an order, selects.

        Raises:
            IntegrityError: when a line can't be read.
        """
        with self.reading() as execute:
            if execute is None:
                return
            for (body,) in execute(f"SELECT body FROM audit {sql}", values or {}):  # noqa: S608 - ours
                try:
                    yield from_json(body, AuditEvent)
                except (msgspec.MsgspecError, TypeError, UnicodeDecodeError):
                    raise IntegrityError("a line of the audit log is damaged", hint=_MEND) from None

    @contextmanager
    def reading(self) -> Iterator[Callable[..., Iterator[tuple[Any, ...]]] | None]:
        """Open the table to read, as bytes; None where there is none yet.

        Raises:
            IntegrityError: when the database file is damaged.
        """
        try:
            with self.rows.reading() as execute:
                yield execute
        except sqlite3.Error as error:
            raise IntegrityError(
                f"the audit log can't be read: {error}", hint="restore the database from a copy"
            ) from None

    def checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint, None where there is none.

        Raises:
            IntegrityError: when the file holds something else.
        """
        return read_checkpoint(self.checkpoint_file) if self.checkpoint_file.exists() else None

    def believes(self, key: str, data: bytes, signature: str) -> bool:
        """Say whether the owner of one of the trusted keys signed exactly this."""
        return signed_by(self.keys.trusted(), key, data, signature)

    def _add(self, line: AuditEvent) -> tuple[AuditEvent, str]:
        with self.rows.writing() as execute:
            last = next(execute(_LAST), None)
            if line.action != ACCEPT:
                self._check_end(execute, last)
            prev = str(last[2]) if last is not None else GENESIS
            event = msgspec.structs.replace(line, seq=last[0] + 1 if last is not None else 1)
            if event.seq == 1:
                records, newest = next(execute(_BEGAN))
                began = {"began": {"records": records, "newest": newest}}
                event = msgspec.structs.replace(event, details={**event.details, **began})
            body = audit.sealed(event, prev, self.keys.sign)
            digest = audit.link(prev, body)
            names = ("seq", "at", "actor", "action", "subject", "phase")
            values = dict(zip(names, audit.columns(event), strict=True))
            execute(_ADD, {**values, "prev": prev, "hash": digest, "body": body.decode()})
        return event, digest

    def _check_end(
        self, execute: Callable[..., Iterator[tuple[Any, ...]]], last: tuple[Any, ...] | None
    ) -> None:
        """Refuse to hang a line on what isn't the log's own end.

        Raises:
            IntegrityError: when the last line isn't signed by a key that is believed, or the checkpoint isn't met.
        """
        checkpoint = self.checkpoint()
        if checkpoint is not None:
            found = next(execute(_LINE, {"seq": checkpoint.seq}), None)
            if found is None or found[2] != checkpoint.hash or not _holds(self.believes, checkpoint):
                raise IntegrityError("the audit log isn't the one its checkpoint speaks of", hint=_MEND)
        if last is None or last[2] == self._mine:
            return
        prev, digest, body = (str(value) for value in last[1:])
        if audit.link(prev, body.encode()) != digest:
            raise IntegrityError(f"line {last[0]} of the audit log was changed", hint=_MEND)
        event = from_json(body, AuditEvent)
        if not self.believes(event.key, audit.signed_part(body.encode(), prev), event.signature):
            raise IntegrityError(
                f"line {last[0]} of the audit log isn't signed by a key that is believed here ({event.key or 'none'})",
                hint=f"if that key is a colleague's or another machine's, put its .pub into {self.keys.folder}",
            )

    def _write_checkpoint(self, event: AuditEvent, digest: str) -> None:
        checkpoint = Checkpoint(seq=event.seq, hash=digest, at=event.at, key=event.key)
        signature = self.keys.sign(audit.checkpoint_part(checkpoint)).hex()
        signed = msgspec.structs.replace(checkpoint, signature=signature)
        with replacing(self.checkpoint_file, durable=False) as target:
            target.write(canonical_json(signed) + b"\n")
            # Its content only: should power fail before its name is there, the one before it fits as well.
            target.flush()
            os.fsync(target.fileno())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        IntegrityError: when the file can't be read or holds something else.
    """
    try:
        return from_json(path.read_bytes(), Checkpoint)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path} is no checkpoint of the audit log: {error}", hint=_MEND) from None


def signed_by(trusted: dict[str, bytes], key: str, data: bytes, signature: str) -> bool:
    """Say whether the owner of the trusted key of that name signed exactly this."""
    try:
        return key in trusted and verify(data, bytes.fromhex(signature), trusted[key])
    except ValueError:
        return False


def _holds(believes: Callable[[str, bytes, str], bool], checkpoint: Checkpoint) -> bool:
    return believes(checkpoint.key, audit.checkpoint_part(checkpoint), checkpoint.signature)
