"""The process that brings MLflow up to date behind everybody's back: ``python -m jupyter_mlops.registry``."""

from __future__ import annotations

import os
import signal

from jupyter_mlops import settings
from jupyter_mlops.registry import syncing

# Nobody watches it: whatever it hangs on, it ends, and the next one goes on from where it was.
_LONGEST = 3600

signal.alarm(_LONGEST)
# The user's own work comes first.
os.nice(10)
syncing.in_turn(settings.load())
