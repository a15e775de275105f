"""Processes that end with the one that started them, however it ends."""

from __future__ import annotations

import os
import sys

_CODE = (
    "import runpy, sys; from jupyter_mlops.execution.processes import die_with_parent; "
    "die_with_parent(int(sys.argv.pop(1))); runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs ``python -m module``, on Linux for as long as this process lives and no longer."""
    if sys.platform != "linux":
        return [sys.executable, "-m", module, *arguments]
    return [sys.executable, "-c", _CODE, str(os.getpid()), module, *arguments]
