"""What all comparisons share: the answer, the tolerance, one number against another, a value in a few words."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Any

# What the clock says of a training isn't a result.
_clock = re.compile(r"(?:(?:mean|std)_)?(?:fit|score)_time|refit_time_")
_address = re.compile(r"\b0x[0-9a-fA-F]{6,}")


@dataclass(frozen=True)
class Found:
    """Name the first difference: the place in the variable (``.coef_[3]``), and what differs, in words."""

    path: str
    what: str


@dataclass(frozen=True)
class Tolerance:
    """Hold what floats may differ by: ``atol + rtol * |notebook's|``; both 0 asks for the same bits."""

    rtol: float = 0.0
    atol: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether floats must agree bit for bit."""
        return self.rtol == 0 and self.atol == 0


def kind_of(value: Any) -> str:
    """Return a value's type as text; classes that a notebook defines are one by name, whichever process made them."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def number_differs(left: complex, right: complex, tolerance: Tolerance) -> str:
    """Say how two floats or complex numbers differ; empty where they don't, or not by more than they may."""
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        parts = (left.real, right.real), (left.imag, right.imag)
        differs = any(number_differs(mine, other, tolerance) for mine, other in parts)
        return f"{left!r} in the notebook, {right!r} in the pipeline" if differs else ""
    if struct.pack("d", left) == struct.pack("d", right) or (math.isnan(left) and math.isnan(right)):
        return ""
    distance = abs(left - right)
    if not tolerance.exact and (left == right or distance <= tolerance.atol + tolerance.rtol * abs(left)):
        return ""
    tail = f" (difference {distance:.3g})" if math.isfinite(distance) and distance else ""
    return f"{left!r} in the notebook, {right!r} in the pipeline{tail}"


def shown(value: Any, width: int = 60) -> str:
    """Return a value in at most ``width`` characters, the same from run to run."""
    try:
        text = _address.sub("0x…", " ".join(repr(value).split()))
    except Exception:  # noqa: BLE001 - a value's own repr may raise anything
        text = f"<{kind_of(value)}>"
    return text if len(text) <= width else f"{text[: width - 1]}…"


def is_clock(name: str) -> bool:
    """Say whether a field or column of that name holds how long something took."""
    return _clock.fullmatch(name) is not None
