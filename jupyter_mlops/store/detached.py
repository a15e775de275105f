"""Work that goes on behind everybody's back, in a process of its own, after the caller has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_mlops.settings import ROOT_VARIABLE

if TYPE_CHECKING:
    from jupyter_mlops.settings import Settings

# The user's own work comes first. The shell ends at once, and with it the process that the caller would have to wait for.
_DETACH = 'nice -n 10 "$0" "$@" </dev/null >/dev/null 2>&1 &'


def start(settings: Settings, module: str, *arguments: str, without: str = "") -> None:
    """Start ``python -m module`` in the project's folder; where the system can't, nothing happens.

    Args:
        settings: the project.
        module: what to run.
        arguments: its arguments.
        without: a variable that the process must not get.
    """
    environment = {**os.environ, ROOT_VARIABLE: str(settings.root)}
    environment.pop(without, None)
    with suppress(OSError):
        subprocess.run(
            ["/bin/sh", "-c", _DETACH, sys.executable, "-P", "-m", module, *arguments],
            cwd=settings.root,
            env=environment,
            start_new_session=True,
            check=False,
        )
