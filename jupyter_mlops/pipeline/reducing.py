"""How objects of the standard library are pickled that pickle takes otherwise, or not at all."""

from __future__ import annotations

import builtins
import gc
import io
import logging
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline import restoring

if TYPE_CHECKING:
    from collections.abc import Callable

VIEWS: dict[type, str] = {
    type({}.keys()): "keys",
    type({}.values()): "values",
    type({}.items()): "items",
}


def view(found: Any) -> Any:
    """Reduce a view of a dict to the dict, which shows in the view."""
    owner = next(each for each in gc.get_referents(found) if isinstance(each, dict))
    return restoring.view_of_dict, (owner, VIEWS[type(found)])


def stream(found: io.IOBase) -> Any:
    """Reduce a stream of the process to its name.

    Raises:
        pickle.PicklingError: for any other.
    """
    for name in ("stdout", "stderr", "stdin", "__stdout__", "__stderr__"):
        if getattr(sys, name) is found:
            return restoring.well_known, ("sys", name)
    # cloudpickle would quietly pass on a text file's content as a StringIO.
    raise pickle.PicklingError("an open file")


def handler(found: logging.Handler) -> Any:
    """Reduce a log handler without its lock; a file is opened again when there is something to write."""
    state = {name: value for name, value in vars(found).items() if name != "lock"}
    if isinstance(found, logging.FileHandler):
        found.flush()
        state |= {"stream": None, "mode": "a"}
    return restoring.make_handler, (type(found),), state, None, None, restoring.set_handler


def error(found: BaseException, can_be_pickled: Callable[[Any], bool]) -> Any:
    """Reduce an exception with what it came from; its own ``__init__``, which made its arguments, isn't run again."""
    kind: Any = type(found)
    if kind.__reduce__ is not BaseException.__reduce__ or kind.__reduce_ex__ is not object.__reduce_ex__:
        return NotImplemented
    links = (found.__cause__, found.__context__, found.__suppress_context__)
    state = (vars(found), *(links if can_be_pickled(links[:2]) else (None, None, False)))
    return restoring.make_error, (kind, found.args), state, None, None, restoring.set_error


def has_own_globals(function: types.FunctionType) -> bool:
    """Say whether a function lives in a dict that the notebook gave to ``exec``."""
    names = function.__globals__
    return "__name__" not in names and names.get("__builtins__") is builtins.__dict__
