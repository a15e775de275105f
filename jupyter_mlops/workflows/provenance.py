"""Where the code of a run came from: the git commit of its folder."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from jupyter_mlops.records.run import Commit

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 20


def commit_of(folder: Path) -> Commit | None:
    """Return the commit that ``folder`` is at, None where it isn't under git or has no commit yet."""
    if shutil.which("git") is None:
        return None
    sha = _git(folder, "rev-parse", "HEAD")
    if not sha:
        return None
    return Commit(sha=sha, dirty=bool(_git(folder, "status", "--porcelain", "--untracked-files=no")))


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
