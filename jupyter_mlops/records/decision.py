"""One shape for every judgement: run or skip, passed or failed, allowed or denied."""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_mlops.records.base import Value


class Decision(Value, frozen=True, kw_only=True):
    """Say what was concluded, why, and on which evidence."""

    verdict: str
    reasons: tuple[str, ...] = ()
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)
