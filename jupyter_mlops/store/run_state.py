"""The live state of runs: one small file a run, replaced at each change, that others may read at any moment."""

from __future__ import annotations

import fcntl
import secrets
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.records.base import from_json
from jupyter_mlops.records.run import Run, StageError, StageRun
from jupyter_mlops.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_mlops.settings import Settings

STATE_FILE = "state.json"
# Held by the process that does the run; free means that it ended, however it ended.
ALIVE_FILE = "alive"
_KILLED = StageError(type="Interrupted", message="the run was killed; run again to go on from here")


def new_id() -> str:
    """Return a run id that sorts by time: ``20261121-084455-3fa9c1``."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def folder(settings: Settings, run_id: str) -> Path:
    """Return the folder of a run.

    Raises:
        NotFoundError: when the id can't be one.
    """
    if not run_id or PurePath(run_id).name != run_id or run_id.startswith("."):
        raise NotFoundError.of("run", run_id, _ids(settings))
    return _root(settings) / run_id


@contextmanager
def alive(settings: Settings, run_id: str) -> Iterator[None]:
    """Show, for as long as this block runs, that somebody does the run."""
    path = folder(settings, run_id) / ALIVE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def write(settings: Settings, run: Run) -> None:
    """Replace the state of a run; only its end is waited for until the disk has it."""
    path = folder(settings, run.run_id) / STATE_FILE
    write_atomic(path, msgspec.json.encode(run), durable=bool(run.finished_at))


def read(settings: Settings, run_id: str) -> Run:
    """Return the state of a run; one whose process is gone before its end has failed.

    Raises:
        NotFoundError: when there is no such run.
    """
    path = folder(settings, run_id) / STATE_FILE
    try:
        run = from_json(path.read_bytes(), Run)
    except FileNotFoundError:
        raise NotFoundError.of("run", run_id, _ids(settings)) from None
    if run.status == "running" and not _is_alive(path.parent):
        # It may have ended between the two looks.
        run = from_json(path.read_bytes(), Run)
        return _killed(run) if run.status == "running" else run
    return run


def runs(settings: Settings, notebook: str | None = None) -> list[Run]:
    """Return the state of all runs, newest first; of one notebook, by its path in the project or its name."""
    found = []
    for run_id in reversed(_ids(settings)):
        try:
            run = read(settings, run_id)
        except (NotFoundError, msgspec.MsgspecError):
            continue
        if notebook is None or notebook in (run.notebook, PurePath(run.notebook).name):
            found.append(run)
    return found


def _root(settings: Settings) -> Path:
    return settings.state / "runs"


def _ids(settings: Settings) -> list[str]:
    root = _root(settings)
    return sorted(path.name for path in root.iterdir()) if root.is_dir() else []


def _is_alive(run_folder: Path) -> bool:
    try:
        with (run_folder / ALIVE_FILE).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _killed(run: Run) -> Run:
    return msgspec.structs.replace(run, status="failed", stages=tuple(map(_killed_stage, run.stages)))


def _killed_stage(stage: StageRun) -> StageRun:
    if stage.status == "running":
        return msgspec.structs.replace(stage, status="failed", error=_KILLED)
    if stage.status == "pending":
        return msgspec.structs.replace(stage, status="skipped", reason="the run was killed")
    return stage
