"""One piece of state of the process that no variable holds: how it is read and how it is set."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Start:
    """How the process was before the stage's first cell of the notebook's own; ``root`` is the notebook's folder.

    ``set_up`` are the environment's variables after the setup cells.
    """

    root: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()
    modules: frozenset[str] = frozenset()
    set_up: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Facet:
    """One piece of state: the module that has it, how it is read and how it is set.

    ``drawn`` is for random generators: whoever doesn't draw doesn't depend on it. ``words`` are names of which the
    notebook's code must have one, where a library's import changes the state as well.
    """

    name: str
    module: str
    get: Callable[[Start], Any]
    put: Callable[[Any, Start], None]
    drawn: bool = False
    words: frozenset[str] = frozenset()


def module(name: str) -> Any:
    """Return a module that has been imported."""
    return sys.modules[name]


def start_of(root: str) -> Start:
    """Take note of the process before the notebook's own code runs."""
    return Start(
        root=root, environment=tuple(os.environ.items()), path=tuple(sys.path), modules=frozenset(sys.modules)
    )
