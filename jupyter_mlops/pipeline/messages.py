"""How to say what can't be passed on, and what to do instead."""

from __future__ import annotations

from typing import Any


def named_kind(value: Any) -> str:
    """Return a value's kind with its article: ``a list``, ``an sqlite3.Connection``."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def mend_for(value: Any) -> str:
    """Return what to do instead of passing a value on."""
    name = type(value).__name__.lower()
    if hasattr(value, "read") or hasattr(value, "write"):
        return "close it and pass on its path; open it again in the stage that needs it"
    if "generator" in name or hasattr(value, "__next__"):
        return "keep a list of its items instead"
    if "connection" in name or "cursor" in name or "engine" in name or "session" in name:
        return "open the connection in each stage that uses it, or in a setup cell"
    return "pass on what it is made from and make it again in the stage that needs it, or make it in a setup cell"
