"""Hold the ledger's records against what the audit log says of them: content, order, and that each has its act."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.records.audit import Finding
from jupyter_mlops.store import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jupyter_mlops.store.audit_rows import Execute

# A record's digest, number and time of the line that meant to make it, number of the line that said it was made.
Named = tuple[str, int, str, int]
# What an act that was cut short may have left.
_LEAVES = {
    "access.change": ("grant", "rule", "token"),
    "data.add": ("dataset",),
    "model.approve": ("approval",),
    "data.gc": ("collection",),
    "drift": ("drift",),
    "model.evaluate": ("evaluation",),
    "model.explain": ("explanation",),
    "model.gc": ("retirement",),
    "model.log": ("dataset", "description", "model", "promotion"),
    "model.override": ("promotion",),
    "model.promote": ("promotion",),
    "model.rollback": ("promotion",),
    "run": ("dataset", "evaluation", "model", "promotion", "retirement"),
    "serve": ("deployment",),
}
# Nothing but an act that is in the log brings these to the ledger.
_ALWAYS_NAMED = frozenset(kind for kinds in _LEAVES.values() for kind in kinds)
# Small and decisive: every column of theirs is held against what the record says.
_WEIGHTY = _ALWAYS_NAMED - {"dataset", "drift", "explanation", "model"}
_RECORDS = "SELECT ref, kind, name, version, digest, lookup, created_at, body FROM records WHERE id > :newest ORDER BY id"
_UNKNOWN = "nothing in the log says how it came on record"
_BEFORE = "SELECT count(*) FROM records WHERE id <= :newest"


def against_records(
    execute: Execute,
    named: Mapping[str, Named],
    older: Mapping[str, int],
    unfinished: Sequence[str],
    unsettled: dict[str, str],
) -> Iterator[Finding]:
    """Yield the records that aren't what the log says.

    Args:
        execute: asks the database, and gets text as bytes.
        named: what the log says, by reference.
        older: how many records there were before the log began, and the newest one's number.
        unfinished: the actions that have no outcome.
        unsettled: what those may have left is added here, reference to digest, and is no finding.
    """
    newest, was = older.get("newest", 0), older.get("records", 0)
    ((before,),) = execute(_BEFORE, {"newest": newest})
    if before != was:
        yield Finding(seq=1, problem=f"there were {was} records before the log began, now there are {before}")
    missing, latest = dict(named), 0
    leaves = {kind for action in unfinished for kind in _LEAVES.get(action, ())}
    for row in execute(_RECORDS, {"newest": newest}):
        try:
            ref, kind, created_at = row[0].decode(), row[1].decode(), row[6].decode()
            said = missing.pop(ref, None)
            problem = _problem(ref, kind, row) or _against_act(kind, row[4], said, latest)
        except (AttributeError, KeyError, TypeError, msgspec.MsgspecError, UnicodeDecodeError):
            yield Finding(seq=0, ref=repr(row[0]), problem="it can't be read")
            continue
        if said is not None and said[2] <= created_at:
            # It came to be in this very act, so that the ones behind it were not there when the act began.
            latest = max(latest, said[1])
        if problem == _UNKNOWN and kind in leaves:
            unsettled[ref] = row[4].decode()
        elif problem:
            yield Finding(seq=0, ref=ref, problem=problem)
    yield from (Finding(seq=0, ref=ref, problem="it was put on record and is gone") for ref in missing)


def _against_act(kind: str, digest: bytes, said: Named | None, latest: int) -> str:
    if said is None:
        return _UNKNOWN if kind in _ALWAYS_NAMED else ""
    if said[0] != digest.decode():
        return "its content isn't what was put on record"
    return "it was moved behind records that came after it" if said[3] < latest else ""


def _problem(ref: str, kind: str, row: tuple[Any, ...]) -> str:
    """Say what is wrong with a row by itself."""
    _, _, name, version, digest, lookup, created_at, body = row
    if digest != hashlib.sha256(body).hexdigest().encode():
        return "its content isn't what its digest says"
    fits = ref.encode() == kind.encode() + b"/" + name + (b"@" + version if version else b"")
    if fits and kind in _WEIGHTY:
        record = rows.decode(kind, body.decode())
        own = record.ref
        said = (str(own), own.kind, own.name, own.version, record.lookup, record.created_at)
        found = (row[0], row[1], name, version, lookup, created_at)
        fits = all(text.encode() == column for text, column in zip(said, found, strict=True))
    return "" if fits else "its columns don't say what its body says"
