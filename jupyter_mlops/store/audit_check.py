"""Check the audit log: chain, signatures, checkpoints, and the records that it names by digest.

A signature that holds proves all lines before it, for each line is signed over the hash of the one before, and
nobody signs on top of what doesn't hold. So only the last signature is looked at; where it doesn't hold, the first
that doesn't is searched for.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.records import audit
from jupyter_mlops.records.audit import GENESIS, AuditEvent, AuditReport, Checkpoint, Finding
from jupyter_mlops.store.audit import ACCEPT, AuditLog, signed_by
from jupyter_mlops.store.audit_records import Named, against_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jupyter_mlops.store.audit_rows import Execute

_LINES = "SELECT seq, at, actor, action, subject, phase, prev, hash, body FROM audit ORDER BY seq"
_LINE = "SELECT prev, body FROM audit WHERE seq = :seq"
_MOST = 100
_EVERY = 10_000
_BYTES = "it holds bytes where text belongs"
_decoder = msgspec.json.Decoder(AuditEvent)


@dataclass
class _Walk:
    """What is known of the log after some of its lines.

    ``stretches`` are first and last line of what hangs together, and of what somebody went on with as it was.
    """

    wanted: frozenset[int]
    head: bytes = GENESIS.encode()
    last: int = 0
    began: int = 1
    good: bool = False
    stretches: list[tuple[int, int]] = field(default_factory=list)
    passed: dict[int, bytes] = field(default_factory=dict)
    accepted: list[AuditEvent] = field(default_factory=list)
    open: dict[int, AuditEvent] = field(default_factory=dict)
    named: dict[str, Named] = field(default_factory=dict)
    older: dict[str, int] = field(default_factory=dict)

    def cut(self, seq: int) -> None:
        """Begin a new stretch at a line."""
        if self.good:
            self.stretches.append((self.began, self.last))
        self.began, self.good = seq, False


def check(
    log: AuditLog,
    trusted: dict[str, bytes] | None = None,
    others: Sequence[Checkpoint] = (),
    *,
    tick: Callable[[int], None] = lambda _: None,
) -> AuditReport:
    """Check the whole log.

    Args:
        log: the project's.
        trusted: the public keys that count, by fingerprint; by default those of the project.
        others: copies of its checkpoints, held against it beside its own.
        tick: told how many lines were checked, now and then.

    Raises:
        IntegrityError: when the database or the checkpoint can't be read at all.
    """
    trusted = log.keys.trusted() if trusted is None else trusted
    findings, unsettled = list[Finding](), dict[str, str]()
    with log.reading() as execute:
        # Read before anything is asked: what is asked then sees all the lines that it speaks of.
        own = log.checkpoint()
        checkpoints = [own, *others] if own is not None else [*others]
        walk = _Walk(frozenset(each.seq for each in checkpoints))
        if execute is not None:
            findings += islice(_follow(execute, walk, tick), _MOST)
            findings += _unsigned(execute, walk, trusted)
            findings += [Finding(seq=seq, ref=ref, problem=_BYTES) for seq, ref in log.rows.no_text(execute)]
            findings.sort(key=lambda found: found.seq)
        for checkpoint in checkpoints:
            findings += _against(checkpoint, walk, trusted)
        if own is None and walk.last:
            findings.append(Finding(seq=0, problem="no checkpoint tells whether its end was cut off"))
        if execute is not None:
            unfinished = [event.action for event in walk.open.values()]
            found = against_records(execute, walk.named, walk.older, unfinished, unsettled)
            findings += islice(found, _MOST)
    return _report(walk, own, findings, unsettled)


def _report(
    walk: _Walk, own: Checkpoint | None, findings: list[Finding], unsettled: dict[str, str]
) -> AuditReport:
    known = [each for event in walk.accepted for each in event.details.get("findings", ())]
    left = [found for found in findings if msgspec.to_builtins(found) not in known]
    return AuditReport(
        intact=not left,
        lines=walk.last,
        head=walk.head.decode(errors="replace") if walk.last else "",
        findings=tuple(left[:_MOST]),
        unfinished=tuple(walk.open.values()),
        unsettled=unsettled,
        notes=tuple(f"{event.actor} went on at line {event.seq}: {event.reason}" for event in walk.accepted),
        checkpoint=own,
    )


def _follow(execute: Execute, walk: _Walk, tick: Callable[[int], None]) -> Iterator[Finding]:
    """Walk along the chain; yield the lines that don't fit, and go on with what hangs on them."""
    for seq, *texts, prev, digest, body in execute(_LINES):
        if not isinstance(seq, int):
            yield Finding(seq=walk.last + 1, problem="it has no number")
            continue
        if seq != walk.last + 1:
            gone = walk.last + 1
            problem = f"it is missing, the next is {seq}" if seq > gone else "it was put in"
            walk.cut(seq)
            yield Finding(seq=min(seq, gone), problem=problem)
        elif prev != walk.head:
            walk.cut(seq)
            yield Finding(seq=seq, problem="it doesn't hang on the line before")
        problem, event = _judge(seq, texts, prev, digest, body)
        if event is None:
            walk.cut(seq + 1)
            yield Finding(seq=seq, problem=problem)
        else:
            _take(walk, event, digest)
        walk.last, walk.head = seq, digest if isinstance(digest, bytes) else b""
        walk.good = event is not None
        if seq % _EVERY == 0:
            tick(seq)
    walk.cut(walk.last + 1)
    tick(walk.last)


def _judge(seq: int, texts: list[Any], prev: Any, digest: Any, body: Any) -> tuple[str, AuditEvent | None]:
    """Return what a line says if it is what it was; else what is wrong with it."""
    try:
        event = _decoder.decode(body)
        if digest != hashlib.sha256(prev + body).hexdigest().encode():
            return "its body or its hash was changed", None
    except (TypeError, msgspec.MsgspecError, UnicodeDecodeError):
        return "its body can't be read", None
    said = (event.at, event.actor, event.action, event.subject, event.phase)
    if seq != event.seq or texts != [text.encode() for text in said]:
        number, *cut = audit.columns(event)  # long texts are repeated in part
        if seq != number or texts != [str(text).encode() for text in cut]:
            return "its columns don't say what its body says", None
    return "", event


def _take(walk: _Walk, event: AuditEvent, digest: bytes) -> None:
    if event.seq in walk.wanted:
        walk.passed[event.seq] = digest
    intent = None
    if event.phase == "intent":
        walk.open[event.seq] = event
    elif event.intent is not None:
        intent = walk.open.pop(event.intent, None)
    if event.details:
        named = event.details.get("records")
        if isinstance(named, dict):
            begun = (intent.seq, intent.at) if intent is not None else (event.seq, event.at)
            walk.named.update({ref: (str(each), *begun, event.seq) for ref, each in named.items()})
        if event.seq == 1:
            walk.older = event.details.get("began", {})
    if event.action == ACCEPT and event.phase == "intent":
        walk.cut(event.seq)
        walk.accepted.append(event)


def _unsigned(execute: Execute, walk: _Walk, trusted: dict[str, bytes]) -> Iterator[Finding]:
    """Yield the first line of each stretch that no believed key has signed."""

    def unsigned(seq: int) -> bool:
        prev, body = next(execute(_LINE, {"seq": seq}))
        event = _decoder.decode(body)
        part = audit.signed_part(body, prev.decode(errors="replace"))
        return not signed_by(trusted, event.key, part, event.signature)

    for first, last in walk.stretches:
        if unsigned(last):
            seq = first + bisect_left(range(first, last), True, key=unsigned)
            yield Finding(seq=seq, problem="it isn't signed by a key that is believed here")


def _against(checkpoint: Checkpoint, walk: _Walk, trusted: dict[str, bytes]) -> Iterator[Finding]:
    """Hold the log against a checkpoint."""
    if not signed_by(trusted, checkpoint.key, audit.checkpoint_part(checkpoint), checkpoint.signature):
        problem = f"the checkpoint of {checkpoint.at} isn't signed by a key that is believed here"
        yield Finding(seq=0, problem=problem)
    elif walk.last < checkpoint.seq:
        problem = f"the log went on to line {checkpoint.seq} at {checkpoint.at}, and was cut off here"
        yield Finding(seq=walk.last + 1, problem=problem)
    elif walk.passed.get(checkpoint.seq) != checkpoint.hash.encode():
        problem = f"it isn't what it was at {checkpoint.at}: it, or a line before it, was written anew"
        yield Finding(seq=checkpoint.seq, problem=problem)
