"""Which records came to the ledger while an act was under way: its outcome in the audit log names them by digest."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_mlops.records.base import Record

_own: ContextVar[dict[str, str] | None] = ContextVar("_own", default=None)
# For threads that an act has started and that know nothing of its context.
_open: list[dict[str, str]] = []
_lock = threading.Lock()


@contextmanager
def collecting() -> Iterator[dict[str, str]]:
    """Collect what is appended while the block runs: reference to digest."""
    collected: dict[str, str] = {}
    before = _own.set(collected)
    with _lock:
        _open.append(collected)
    try:
        yield collected
    finally:
        _own.reset(before)
        with _lock:
            # By identity: two acts that have collected the same are still two.
            _open[:] = [each for each in _open if each is not collected]


def appended(records: Iterable[Record]) -> None:
    """Say that these are on record now."""
    collected = _own.get()
    if collected is None:
        with _lock:
            collected = _open[-1] if _open else None
    if collected is not None:
        collected.update({str(record.ref): record.digest() for record in records})
