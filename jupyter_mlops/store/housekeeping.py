"""Take away what runs leave behind and nobody needs any more."""

from __future__ import annotations

import fcntl
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_mlops.store import run_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_mlops.settings import Settings

# A copy under way touches its file all the time; one that was not touched for so long was broken off.
STALE_SECONDS = 3600.0
# Half a large content is gone on with when the same is put or fetched again, for so long.
PARTIAL_SECONDS = 7 * 24 * 3600.0


def sweep(settings: Settings, *, now: float | None = None) -> None:
    """Keep the folders of the newest finished runs and of those under way; take half-copied contents away.

    What can't be taken away stays: another run may be at it, or the folder may be read-only.
    """
    moment = time.time() if now is None else now
    for folder in _finished_runs(settings, moment)[settings.keep_runs :]:
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (settings.objects_folder() / "incoming", settings.state / "locks"):
        for path in _untouched(folder, moment):
            if not _in_use(path):
                with suppress(OSError):
                    path.unlink()
    for path in _untouched(settings.state / "bundles", moment):
        if path.suffix == ".tmp":
            shutil.rmtree(path, ignore_errors=True)


def _finished_runs(settings: Settings, now: float) -> list[Path]:
    """Return the folders of runs that have ended, however they ended; newest first."""
    root = settings.state / "runs"
    found: list[tuple[float, Path]] = []
    for folder in root.iterdir() if root.is_dir() else ():
        changed = _changed(folder / run_state.STATE_FILE)
        if changed is None:
            # It is about to begin, or it was killed before it could.
            begun = _changed(folder)
            changed = 0.0 if begun is not None and now - begun > STALE_SECONDS else None
        if changed is not None and not _in_use(folder / run_state.ALIVE_FILE):
            found.append((changed, folder))
    return [folder for _, folder in sorted(found, reverse=True)]


def _untouched(folder: Path, now: float) -> Iterator[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        changed = _changed(path)
        stale = PARTIAL_SECONDS if path.suffix == ".partial" else STALE_SECONDS
        if changed is not None and now - changed > stale:
            yield path


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _in_use(path: Path) -> bool:
    """Say whether somebody holds a file as a lock."""
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
