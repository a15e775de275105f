"""Which modules beside the notebook a stage has loaded, whatever led to them: its own import, or a value from above."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_INSTALLED = ("site-packages", "dist-packages")
_OURS = __name__.partition(".")[0]


def loaded_beside(folder: str) -> tuple[str, ...]:
    """Return the files of the loaded modules that lie in a folder or below, relative to it, sorted."""
    found = set()
    for name, module in list(sys.modules.items()):
        # Not by attribute: some modules import others when they are asked for one.
        file = getattr(module, "__dict__", {}).get("__file__")
        if not isinstance(file, str) or not file.endswith(".py") or name.partition(".")[0] == _OURS:
            continue
        path = os.path.relpath(os.path.realpath(file), folder)
        parts = Path(path).parts
        if parts[0] != os.pardir and not any(part in parts for part in _INSTALLED):
            found.add(path)
    return tuple(sorted(found))
