"""One request and its answer, whatever protocol they came by."""

from __future__ import annotations

import os
import re
import time
from typing import Any

import msgspec
import numpy as np

from jupyter_mlops.serving.problems import RequestError

_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class Question(msgspec.Struct, frozen=True):
    """Hold a checked request: ``columns`` maps each input to its values by row, ``outputs`` is what is asked for.

    ``started`` is the clock (``time.perf_counter``) when the request came in.
    """

    prediction_id: str
    columns: dict[str, list[Any]]
    rows: int
    outputs: tuple[str, ...]
    started: float


class Answer(msgspec.Struct, frozen=True):
    """Hold what the model said: ``outputs`` maps each output to an array with a row for each row asked."""

    prediction_id: str
    rows: int
    outputs: dict[str, np.ndarray[Any, Any]]


def new_id() -> str:
    """Return a fresh id, a UUID of version 7: 48 bits of time, so that ids sort by time, and 74 random bits."""
    bits = int.from_bytes(os.urandom(10))
    value = (time.time_ns() // 1_000_000) << 80 | bits
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def check_id(text: str) -> str:
    """Return the id a client chose.

    Raises:
        RequestError: when it can't go into a header, a file name or a command line as it is.
    """
    if not _SANE_ID.fullmatch(text):
        raise RequestError(
            f"the id {text[:40]!r} can't name a prediction",
            hint="use up to 128 letters, digits, dots, colons, dashes and underscores, or send none",
        )
    return text
