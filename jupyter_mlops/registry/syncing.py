"""When MLflow is brought up to date: after a change, by a process of its own, one at a time.

Two locks make that certain without a message that could be lost: who does it holds one, who will do it next holds the
other. While somebody waits, whatever goes on record will be seen by them, so nobody else need be started.
"""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.pipeline.session import RUN_VARIABLE
from jupyter_mlops.store import detached, stamp
from jupyter_mlops.store.files import file_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_mlops.registry.mirror import Report
    from jupyter_mlops.settings import Settings

LOG = "mlflow-sync.log"
_DOING, _NEXT = "mlflow-sync.lock", "mlflow-sync-next.lock"
_LONGEST_LOG = 1 << 20


def request(settings: Settings) -> None:
    """See to it that MLflow learns what just went on record; by the setting ``mlflow_sync`` now, soon, or not at all."""
    if settings.mlflow_sync == "background":
        if not _somebody_waits(settings):
            # Where it can't be started the next change, or `models sync`, makes up for it.
            detached.start(settings, "jupyter_mlops.registry", without=RUN_VARIABLE)
    elif settings.mlflow_sync == "wait":
        in_turn(settings)


def sync(settings: Settings, on_step: Callable[[str], None] | None = None) -> Report:
    """Bring MLflow up to date now; where another process is at it, after that.

    Raises:
        SettingsError: when MLflow can't be reached.
    """
    with (settings.state / _NEXT).open("ab") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        return _next(settings, waiting.fileno(), on_step)


def in_turn(settings: Settings) -> None:
    """Bring MLflow up to date unless somebody else is about to; problems go to the log, as what is on record stays."""
    with (settings.state / _NEXT).open("ab") as waiting:
        try:
            fcntl.flock(waiting, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        try:
            problems = _next(settings, waiting.fileno(), None).findings
        except MlopsError as error:
            problems = (str(error),)
    _note(settings.state / LOG, problems)


def _next(settings: Settings, waiting: int, on_step: Callable[[str], None] | None) -> Report:
    from jupyter_mlops.registry.mirror import Mirror
    from jupyter_mlops.store.opened import open_store
    from jupyter_mlops.store.turns import turn

    with file_lock(settings.state / _DOING):
        # From here on the ledger is read: who changes it now must start the next one.
        fcntl.flock(waiting, fcntl.LOCK_UN)
        with turn(settings, "mirror"):
            return Mirror(open_store(settings), on_step).sync()


def _somebody_waits(settings: Settings) -> bool:
    with (settings.state / _NEXT).open("ab") as waiting:
        try:
            fcntl.flock(waiting, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _note(log: Path, problems: tuple[str, ...]) -> None:
    if not problems:
        return
    mode = "w" if log.is_file() and log.stat().st_size > _LONGEST_LOG else "a"
    with log.open(mode, encoding="utf-8") as stream:
        stream.writelines(f"{stamp.now()} {problem}\n" for problem in problems)
