"""Names of what travels between stages, as they are said to people."""

from __future__ import annotations

_OPTIONS = {"print": "print options", "printoptions": "print options", "display": "display options"}
_MODULES = {"random": "Python"}


def is_process_state(name: str) -> bool:
    """Say whether a name stands for state of the process that no variable holds: ``<numpy.random>``."""
    return name.startswith("<") and name.endswith(">")


def spoken(name: str) -> str:
    """Return how a sentence names a variable or a state of the process: ``x``, ``numpy's random state``."""
    if not is_process_state(name):
        return name
    inner = name[1:-1]
    module, _, what = inner.partition(".")
    if inner == "random":
        return "Python's random state"
    if what.startswith("random"):
        return f"{_MODULES.get(module, module)}'s random state"
    if not what:
        return f"the state of {module}"
    return f"{module}'s {_OPTIONS.get(what, what.replace('_', ' '))}"
