"""How long the audit log takes: an act (intent and outcome, signed, on disk), and verifying a million lines.

    python benchmarks/audit.py [--lines 1000000] [--acts 200]

The peer is the plain hash chain: reading the same lines and hashing them, without signatures, columns or records.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_mlops.records import audit as chain
from jupyter_mlops.records.access import Grant
from jupyter_mlops.records.audit import GENESIS, AuditEvent, Checkpoint
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.settings import Settings
from jupyter_mlops.store import rows
from jupyter_mlops.store.audit_check import check
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import acting

if TYPE_CHECKING:
    from jupyter_mlops.store.keys import Keys

GOAL_ACT_MS = 10
BATCH = 10_000
Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--acts", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        act(Settings(root=Path(folder) / "acts"), options.acts)
        settings = Settings(root=Path(folder) / "many")
        made, _ = seconds(lambda: fill(settings, options.lines))
        print(f"made {options.lines:,} lines that name {options.lines // 2:,} records in {made:.0f} s")
        verify(settings)


def act(settings: Settings, count: int) -> None:
    """Time acts that do nothing."""
    settings.root.mkdir()
    with acting(settings, "run", "run/0"):
        pass
    taken, before = [], time.process_time()
    for number in range(count):
        start = time.perf_counter()
        with acting(settings, "run", f"run/{number}", notebook="churn.ipynb") as done:
            done.note(status="succeeded")
        taken.append(time.perf_counter() - start)
    busy = (time.process_time() - before) / count * 1000
    middle = statistics.median(taken) * 1000
    worst = sorted(taken)[int(0.95 * len(taken))] * 1000
    print(
        f"an act: {middle:.1f} ms, 95% within {worst:.1f} ms, {busy:.1f} ms of a processor    (goal: below {GOAL_ACT_MS} ms)"
    )


def fill(settings: Settings, lines: int) -> None:
    """Write a log as the project itself would, but in one transaction, and the records that it names."""
    settings.root.mkdir()
    store = open_store(settings)
    with acting(settings, "run", "run/0"):
        pass
    file = settings.state / "mlops.db"
    with closing(sqlite3.connect(file)) as connection:
        (head,) = connection.execute("SELECT hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        connection.execute("PRAGMA synchronous=OFF")
        for first in range(3, lines + 1, BATCH):
            written, grants, head = batch(first, min(first + BATCH, lines + 1), head, store.keys)
            connection.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", written)
            connection.executemany(
                "INSERT INTO records (ref, kind, name, version, digest, lookup, created_at, body) VALUES"
                " (:ref, :kind, :name, :version, :digest, :lookup, :created_at, :body)",
                grants,
            )
        connection.commit()
        (seq,) = connection.execute("SELECT max(seq) FROM audit").fetchone()
    checkpoint = Checkpoint(seq=seq, hash=head, at="2026", key=store.keys.fingerprint)
    signature = store.keys.sign(chain.checkpoint_part(checkpoint)).hex()
    signed = Checkpoint(seq=seq, hash=head, at="2026", key=store.keys.fingerprint, signature=signature)
    store.audit.checkpoint_file.write_bytes(canonical_json(signed))


def batch(first: int, end: int, head: str, keys: Keys) -> tuple[list[Any], list[Any], str]:
    written, grants = [], []
    for seq in range(first, end):
        details: dict[str, Any] = {"role": "viewer", "names": "*"}
        if seq % 2 == 0:
            grant = Grant(grant_id=f"{seq:032}", user="ann", role="viewer", created_at=f"2026-{seq:08}")
            row = rows.row(str(grant.ref), grant)
            grants.append(row)
            details = {"records": {row["ref"]: row["digest"]}}
        event = AuditEvent(
            seq=seq,
            at=f"2026-{seq:08}",
            actor="root",
            action="access.change",
            subject="user/ann",
            phase="done" if seq % 2 == 0 else "intent",
            intent=seq - 1 if seq % 2 == 0 else None,
            details=details,
            key=keys.fingerprint,
        )
        body = chain.sealed(event, head, keys.sign)
        digest = chain.link(head, body)
        written.append((*chain.columns(event), head, digest, body.decode()))
        head = digest
    return written, grants, head


def verify(settings: Settings) -> None:
    """Time the whole check, and the plain chain."""
    log = open_store(settings).audit
    plain, lines = seconds(lambda: hashed(settings.state / "mlops.db"))
    before = time.process_time()
    ours, report = seconds(lambda: check(log))
    busy = time.process_time() - before
    assert report.intact, report.findings
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"verified {report.lines:,} lines: {ours:.1f} s ({busy:.1f} s of a processor), peak {peak:.0f} MB")
    print(f"a plain chain of {lines:,}: {plain:.1f} s; ratio {ours / plain:.1f}")
    forge = "UPDATE audit SET actor = 'x' WHERE seq = ?"
    with closing(sqlite3.connect(settings.state / "mlops.db")) as connection:
        connection.execute(forge, (report.lines // 2,))
        connection.commit()
    taken, report = seconds(lambda: check(log))
    print(f"one changed: line {report.findings[0].seq:,} named in {taken:.1f} s")


def hashed(file: Path) -> int:
    """Walk a plain hash chain."""
    head, count = GENESIS, 0
    with closing(sqlite3.connect(file)) as connection:
        asked: Iterator[tuple[str, str]] = connection.execute("SELECT hash, body FROM audit ORDER BY seq")
        for digest, body in asked:
            head = hashlib.sha256((head + body).encode()).hexdigest()
            assert head == digest
            count += 1
    return count


def seconds(call: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
