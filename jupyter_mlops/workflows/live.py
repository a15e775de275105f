"""A run while it happens: one record, replaced at each change, and told to whoever watches."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.store import run_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.records.run import Run, StageRun
    from jupyter_mlops.settings import Settings

# Cells may be done faster than anybody can look.
SHORTEST_INTERVAL = 0.1


class LiveRun:
    """Hold the run's record; stages change it from their threads.

    Args:
        settings: the project, whose state folder the record is written to.
        run: the record to begin with.
        on_change: is told each new record, one at a time.
    """

    def __init__(self, settings: Settings, run: Run, on_change: Callable[[Run], None] | None) -> None:
        self._settings = settings
        self._run = run
        self._on_change = on_change
        self._lock = threading.RLock()
        self._told = 0.0
        self._tell()

    @property
    def run(self) -> Run:
        """The record as it is now."""
        with self._lock:
            return self._run

    def stage(self, name: str) -> StageRun:
        """Return a stage's part of the record."""
        return next(stage for stage in self.run.stages if stage.name == name)

    def update_stage(self, name: str, **changes: Any) -> None:
        """Change a stage's part of the record."""
        with self._lock:
            stages = tuple(
                msgspec.structs.replace(stage, **changes) if stage.name == name else stage
                for stage in self._run.stages
            )
            self._run = msgspec.structs.replace(self._run, stages=stages)
            if (
                changes.get("status", "cached") != "cached"
                or time.monotonic() - self._told >= SHORTEST_INTERVAL
            ):
                self._tell()

    def update(self, **changes: Any) -> Run:
        """Change the record; return it."""
        with self._lock:
            self._run = msgspec.structs.replace(self._run, **changes)
            self._tell()
            return self._run

    def _tell(self) -> None:
        try:
            run_state.write(self._settings, self._run)
        except OSError:
            # The ledger has what happened in the end; a run can go on while nobody can watch it.
            if not self._told:
                raise
        self._told = time.monotonic()
        if self._on_change is not None:
            self._on_change(self._run)
