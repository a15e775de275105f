"""A written audit log, and how somebody with write access to its database changes it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.records import audit as chain
from jupyter_mlops.records.access import Grant
from jupyter_mlops.records.audit import AuditEvent
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.audit_check import check
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.store.audit import AuditLog
    from jupyter_mlops.store.keys import Keys

LINES = 40
COLUMNS = ("seq", "at", "actor", "action", "subject", "phase", "prev", "hash", "body")


def open_log(root: Path) -> AuditLog:
    return open_store(Settings(root=root)).audit


def write(log: AuditLog, lines: int = LINES) -> None:
    """Write acts, each of intent and outcome; every other one leaves a record that its outcome names."""
    ledger = open_store(Settings(root=log.checkpoint_file.parents[2])).ledger
    for number in range(lines // 2):
        about: dict[str, Any] = {
            "actor": f"user{number % 3}",
            "action": "access.change",
            "subject": f"u/{number}",
        }
        intent = log.append("intent", **about, details={"number": number})
        grant = Grant(grant_id=f"{number}", user="ann", role="viewer", created_at=f"9999-{number:03}")
        ledger.append(grant)
        log.append("done", **about, intent=intent, details={"records": {str(grant.ref): grant.digest()}})


def database(root: Path) -> Path:
    return root / ".mlops" / "mlops.db"


def change(root: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    with closing(sqlite3.connect(database(root))) as connection:
        for statement in statements:
            connection.execute(statement, values)
        connection.commit()


def first(root: Path) -> tuple[int, str]:
    """Return number and problem of the first finding."""
    report = check(open_log(root))
    assert not report.intact
    return report.findings[0].seq, report.findings[0].problem


def rewritten(root: Path, seq: int, keys: Keys | None = None) -> None:
    """Let ``seq`` say something else, and write all lines from there on anew, so that the hashes fit."""
    with closing(sqlite3.connect(database(root))) as connection:
        head = connection.execute("SELECT prev FROM audit WHERE seq = ?", (seq,)).fetchone()[0]
        rows = connection.execute(
            "SELECT seq, body FROM audit WHERE seq >= ? ORDER BY seq", (seq,)
        ).fetchall()
        for number, body in rows:
            event = msgspec.json.decode(body, type=AuditEvent)
            if number == seq:
                event = msgspec.structs.replace(event, actor="nobody")
            data = canonical_json(event)
            if keys is not None:
                unsigned = msgspec.structs.replace(event, key=keys.fingerprint, signature="")
                data = chain.sealed(unsigned, head, keys.sign)
            digest = chain.link(head, data)
            connection.execute(
                "UPDATE audit SET prev = ?, hash = ?, body = ?, actor = ? WHERE seq = ?",
                (head, digest, data.decode(), event.actor, number),
            )
            head = digest
        connection.commit()
