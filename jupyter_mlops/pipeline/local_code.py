"""Which modules beside the notebook a stage has loaded, whatever led to them: its own import, or a value from above."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

_INSTALLED = ("site-packages", "dist-packages")
_STANDARD = os.path.realpath(sysconfig.get_path("stdlib")) + os.sep
_OURS = __name__.partition(".")[0]


def loaded_beside(folder: str, project: str = "") -> tuple[str, ...]:
    """Return the files of the loaded modules that lie in a folder or below, relative to it, sorted.

    Those in the project's folder count too, where it is given: ``../src/features.py``.
    """
    found = set()
    for name, module in list(sys.modules.items()):
        # Not by attribute: some modules import others when they are asked for one.
        file = getattr(module, "__dict__", {}).get("__file__")
        if not isinstance(file, str) or not file.endswith(".py") or name.partition(".")[0] == _OURS:
            continue
        place = os.path.realpath(file)
        path = os.path.relpath(place, folder)
        if any(part in _INSTALLED for part in Path(place).parts) or place.startswith(_STANDARD):
            continue
        if Path(path).parts[0] != os.pardir or (project and Path(place).is_relative_to(project)):
            found.add(path)
    return tuple(sorted(found))
