"""Names of what travels between stages, as they are said to people."""

from __future__ import annotations

_OPTIONS = {"print": "print options", "printoptions": "print options", "display": "display options"}


def is_pseudo(name: str) -> bool:
    """Say whether a name stands for what no variable holds: ``<numpy.random>``, ``<class Net>``."""
    return name.startswith("<") and name.endswith(">")


def spoken(name: str) -> str:
    """Return how a sentence names a variable, or what no variable holds: ``x``, ``numpy's random state``."""
    if not is_pseudo(name):
        return name
    inner = name[1:-1]
    kind, space, of = inner.partition(" ")
    if space:
        return {"class": f"class {of}", "setup": f"{of} of a setup cell"}.get(kind, inner)
    if inner == "random":
        return "Python's random state"
    module, _, what = inner.partition(".")
    if not what:
        return f"the state of {module}"
    if what.startswith("random"):
        return f"{module}'s random state"
    return f"{module}'s {_OPTIONS.get(what, what.replace('_', ' '))}"
