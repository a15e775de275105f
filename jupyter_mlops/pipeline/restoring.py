"""What a hand-off's pickle calls when it is loaded; these names are in files, so they stay."""

from __future__ import annotations

import builtins
import functools
import linecache
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_mlops.errors import HandoffError

_namespace: dict[str, Any] = {}


@contextmanager
def restoring_into(namespace: dict[str, Any]) -> Iterator[None]:
    """Bind what is loaded in this block to ``namespace``, a stage's live globals."""
    global _namespace  # noqa: PLW0603 - pickle calls functions without a context; this is it
    before, _namespace = _namespace, namespace
    try:
        yield
    finally:
        _namespace = before


class LiveGlobals:
    """Stand in a pickle for the globals of whoever loads it."""

    def __reduce__(self) -> tuple[Callable[[], dict[str, Any]], tuple[()]]:
        return live_globals, ()


def live_globals() -> dict[str, Any]:
    """Return the namespace that is being restored into."""
    return _namespace


def setup_object(path: str) -> Any:
    """Return what a setup cell defined, by its dotted name.

    Raises:
        HandoffError: when it isn't there.
    """
    name, *attributes = path.split(".")
    try:
        return functools.reduce(getattr, attributes, _namespace[name])
    except (KeyError, AttributeError):
        raise HandoffError(
            f"an input needs {path!r}, which no setup cell defines here",
            hint="define it in a %%mlops setup cell, so that every stage has it",
        ) from None


def restore_code(arguments: tuple[Any, ...], source: str) -> types.CodeType:
    """Build a cell's code object; tracebacks and ``inspect.getsource`` find its text again."""
    code = types.CodeType(*arguments)
    if source:
        lines = source.splitlines(keepends=True)
        linecache.cache.setdefault(code.co_filename, (len(source), None, lines, code.co_filename))
    return code


def restore_function_state(
    function: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """Complete a function that lives in the stage's namespace; helpers it needs are put there if missing."""
    attributes, slots = state
    function.__dict__.update(attributes)
    for name, value in slots.pop("__globals__").items():
        function.__globals__.setdefault(name, value)
    function.__globals__["__builtins__"] = builtins
    slots.pop("_cloudpickle_submodules")
    for own, cell in zip(function.__closure__ or (), slots.pop("__closure__") or (), strict=True):
        try:
            own.cell_contents = cell.cell_contents
        except ValueError:  # the variable isn't bound yet: the cell is empty here too
            continue
    for name, value in slots.items():
        setattr(function, name, value)


def restore_cached(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    """Wrap a function with an empty ``functools.lru_cache``."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)


def view_of(root: Any, start: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any) -> Any:
    """Look into an array again, as another array did: the memory is shared."""
    flat = root.ravel(order="K")
    return type(root)(shape, dtype=dtype, buffer=flat, offset=start, strides=strides)
