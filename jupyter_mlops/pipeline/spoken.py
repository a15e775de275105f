"""Names of what travels between stages, as they are said to people."""

from __future__ import annotations

_STATES = {
    "random": "Python's random state",
    "limits": "Python's limits",
    "logging": "the loggers",
    "warnings": "the warning filters",
    "decimal": "decimal's context",
}
_KINDS = {"setup": "{} of a setup cell", "printed": "what {} prints when it is imported"}
_MODULES = ("numpy", "pandas", "matplotlib", "sklearn", "torch")


def is_pseudo(name: str) -> bool:
    """Say whether a name stands for what no variable holds: ``<numpy.random>``, ``<class Net>``."""
    return name.startswith("<") and name.endswith(">")


def spoken(name: str) -> str:
    """Return how a sentence names a variable, or what no variable holds: ``x``, ``numpy's random state``."""
    if not is_pseudo(name):
        return name
    inner = name[1:-1]
    kind, _, of = inner.partition(" ")
    module = inner.removesuffix(".random")
    if module != inner:
        return f"{module}'s random state"
    if kind in _MODULES:
        return f"{kind}'s {of}"
    if kind in ("class", "file"):
        return inner
    if kind in _KINDS:
        return _KINDS[kind].format(of)
    return _STATES.get(inner, f"the {inner}")
