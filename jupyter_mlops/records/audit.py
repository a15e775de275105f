"""A line of the audit log, how lines are chained, and what a check of the chain found."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from jupyter_mlops.records.base import Value, canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable

GENESIS = "0" * 64
Phase = Literal["intent", "done", "failed", "denied"]
_SIGNATURE = b',"signature":"'
_UNSIGNED = _SIGNATURE + b'"}'
_HEX = re.compile(rb'[0-9a-f]{128}"}')
# How much of a text the columns repeat; the body holds all of it.
_WIDTHS = {"at": 40, "actor": 255, "action": 60, "subject": 400, "phase": 20}


class AuditEvent(Value, frozen=True, kw_only=True):
    """One line: who meant to do, did, or was denied what.

    ``intent`` is the number of the line that said what was meant. ``signature``, the last field, is over the hash of
    the line before and all of this line up to it, so that nobody without the ``key`` can write a line.
    """

    schema_version: int = 1
    seq: int
    at: str
    actor: str
    action: str
    subject: str
    phase: Phase
    reason: str = ""
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    intent: int | None = None
    key: str = ""
    signature: str = ""


class Checkpoint(Value, frozen=True, kw_only=True):
    """Say what the log's last line was at a time, signed; kept outside the database."""

    schema_version: int = 1
    seq: int
    hash: str
    at: str
    key: str = ""
    signature: str = ""


class Finding(Value, frozen=True, kw_only=True):
    """Name a line (0: none in particular) or a record, and what is wrong with it."""

    seq: int
    problem: str
    ref: str = ""


class AuditReport(Value, frozen=True, kw_only=True):
    """Say whether the log is whole.

    ``unfinished`` are the intents that no outcome followed, in progress or cut short; ``unsettled`` the records that
    those may have left, reference to digest: until somebody has settled them nothing vouches for them.
    """

    intact: bool
    lines: int
    head: str
    findings: tuple[Finding, ...] = ()
    unfinished: tuple[AuditEvent, ...] = ()
    unsettled: dict[str, str] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None


def sealed(event: AuditEvent, prev: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Return a line's body, signed."""
    unsigned = canonical_json(event)
    signature = sign(prev.encode() + unsigned.removesuffix(_UNSIGNED)).hex()
    return unsigned.removesuffix(b'"}') + signature.encode() + b'"}'


def signed_part(body: bytes, prev: str) -> bytes:
    """Return what a line's signature is over: the hash before, and the bytes of the body up to the signature.

    Not what the body means: a later version of the package may write the same in other words. Empty, which nobody
    signs, where the signature isn't the very end.
    """
    said, _, signature = body.rpartition(_SIGNATURE)
    return prev.encode() + said if _HEX.fullmatch(signature) else b""


def checkpoint_part(checkpoint: Checkpoint) -> bytes:
    """Return what a checkpoint's signature is over."""
    return f"checkpoint {checkpoint.seq} {checkpoint.hash} {checkpoint.at} {checkpoint.key}".encode()


def link(prev: str, body: bytes) -> str:
    """Return the hash of a line: that of the line before and its own body."""
    return hashlib.sha256(prev.encode() + body).hexdigest()


def columns(event: AuditEvent) -> tuple[int, str, str, str, str, str]:
    """Return what the table's columns repeat of the body: number, time, actor, action, subject, phase."""
    texts = (_short(getattr(event, name), width) for name, width in _WIDTHS.items())
    return (event.seq, *texts)  # type: ignore[return-value]  # five widths, five texts


def _short(text: str, width: int) -> str:
    return text[:width].replace("\0", " ")
