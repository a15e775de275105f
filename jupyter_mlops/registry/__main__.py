"""The process that brings MLflow up to date behind everybody's back: ``python -m jupyter_mlops.registry``."""

from __future__ import annotations

import os

from jupyter_mlops import settings
from jupyter_mlops.registry import syncing

# The user's own work comes first.
os.nice(10)
syncing.in_turn(settings.load())
