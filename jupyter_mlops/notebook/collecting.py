"""Put off Python's garbage collection while many small objects are made that all are needed."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


def collect_later(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return the function with collection put off until it returns.

    Each collection walks all objects made so far, so its price grows with the square of the notebook's length: at
    1,000 cells it is a third of the analysis.
    """

    @wraps(function)
    def quietly(*arguments: _P.args, **named: _P.kwargs) -> _T:
        if not gc.isenabled():
            return function(*arguments, **named)
        gc.disable()
        try:
            return function(*arguments, **named)
        finally:
            gc.enable()

    return quietly
