"""Functions compiled to machine code at their first call; what was compiled is kept for the next process.

Only modules that need it import this one: numba takes half a second to load.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

# Its settings come from the environment, which no type knows.
config: Any = numba.config

_Function = TypeVar("_Function", bound="Callable[..., Any]")


def njit(function: _Function, **options: Any) -> _Function:
    """Compile a function on numbers and arrays; other threads run meanwhile, and calls of other such functions work.

    Machine code goes into the user's cache folder and never beside this package; where that folder can't be written,
    each process compiles anew.

    Args:
        function: takes and returns what numba knows.
        options: numba's own, for example ``fastmath={"reassoc"}``.
    """
    folder = _folder()
    if folder is None:
        return numba.njit(nogil=True, **options)(function)  # type: ignore[no-any-return]  # numba has no types
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        # Numba looks at the setting here, once for each function; the user's own functions keep theirs.
        return numba.njit(nogil=True, cache=True, **options)(function)  # type: ignore[no-any-return]  # as above
    finally:
        config.CACHE_DIR = before


def _folder() -> Path | None:
    try:
        folder = Path(config.CACHE_DIR or _of_the_user() / "jupyter-mlops" / "numba")
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no folder can be made, or nobody knows whose home this is
        return None
    return folder if os.access(folder, os.W_OK) else None


def _of_the_user() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
