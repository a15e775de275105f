"""What papermill imports and a pipeline never uses."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# jsonschema's optional check of IRIs compiles a grammar when it is imported, 1.5 s; a notebook's schema has no IRIs.
_IRIS = "rfc3987_syntax"


@contextmanager
def without_iris() -> Iterator[None]:
    """Import without the check of IRIs, where nobody has loaded it yet."""
    if _IRIS in sys.modules or "jsonschema" in sys.modules:
        yield
        return
    sys.modules[_IRIS] = None  # type: ignore[assignment]  # how Python is told that there is no such module
    try:
        yield
    finally:
        del sys.modules[_IRIS]
