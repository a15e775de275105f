"""What every record has: a reference, parents, one canonical form and a digest of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from jupyter_mlops.records.ref import Ref

SCHEMA_VERSION = 1
_canonical = msgspec.json.Encoder(order="deterministic")
_T = TypeVar("_T")


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen value with a JSON form; part of a record."""


class Record(Value, frozen=True, kw_only=True):
    """A frozen value that the ledger keeps; ``parents`` are the references it was made from."""

    schema_version: int = SCHEMA_VERSION
    parents: tuple[str, ...] = ()
    created_at: str = ""
    author: str = ""

    @property
    def ref(self) -> Ref:
        """The name this record goes by."""
        raise NotImplementedError

    @property
    def lookup(self) -> str:
        """A second key the ledger finds this record by; empty where one name is enough."""
        return ""

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, as hex."""
        return digest_of(self)


def canonical_json(value: Any) -> bytes:
    """Encode ``value`` as JSON with sorted keys, so that equal values give equal bytes."""
    return _canonical.encode(value)


def digest_of(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value``, as hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def to_builtins(value: Any) -> Any:
    """Turn records into plain dicts and lists, as JSON has them."""
    return msgspec.to_builtins(value)


def from_json(data: bytes | str, kind: type[_T]) -> _T:
    """Read a record of the given kind.

    Raises:
        msgspec.ValidationError: when the JSON isn't of that kind.
    """
    return msgspec.json.decode(data, type=kind)
