"""Where the code of a run came from and what it ran on: the commit of its folder, the machine, its seeds."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.records.provenance import Commit, Hardware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mlops.store.objects import Objects

_PATIENCE = 20
# A longer difference is data, not code.
_LONGEST_DIFF = 50 << 20
_CPUS = Path("/proc/cpuinfo")
_GPUS = Path("/proc/driver/nvidia/gpus")


def commit_of(folder: Path, objects: Objects | None = None) -> Commit | None:
    """Return the commit that ``folder`` is at, None where it isn't under git or has no commit yet.

    Args:
        folder: anywhere in the repository.
        objects: keeps what the tracked files differ by from the commit; without it only that they do is said.
    """
    if shutil.which("git") is None:
        return None
    sha = (_git(folder, "rev-parse", "HEAD") or b"").decode().strip()
    if not sha:
        return None
    difference = _git(folder, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff")
    kept = objects is not None and difference and len(difference) <= _LONGEST_DIFF
    # None is git's giving up, for which a clean tree is no reason.
    return Commit(
        sha=sha,
        dirty=difference != b"",
        diff=objects.put_bytes(difference) if kept and objects is not None and difference else "",
    )


@cache
def hardware() -> Hardware:
    """Return what this machine is."""
    pages = os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in os.sysconf_names else 0
    return Hardware(
        processor=_first_field(_CPUS, "model name") or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=pages * os.sysconf("SC_PAGE_SIZE") if pages > 0 else 0,
        gpus=tuple(_gpus(_GPUS.glob("*/information"))),
    )


def seeds_by_hand() -> dict[str, tuple[int, ...]]:
    """Return the seeds that the code set which this process has run so far: a kernel's cells, or the script."""
    from jupyter_mlops.notebook.seeds import seeds

    main = vars(sys.modules["__main__"])
    cells = main.get("In") if "get_ipython" in main else None
    if isinstance(cells, list):
        sources = [cell for cell in cells if isinstance(cell, str)]
    else:
        try:
            sources = [Path(main["__file__"]).read_text(encoding="utf-8")]
        except (KeyError, TypeError, OSError, UnicodeDecodeError):  # no script: python -c, or a prompt
            return {}
    return seeds(sources, {name: value for name, value in main.items() if type(value) is int})


def _gpus(files: Iterable[Path]) -> list[str]:
    return [name for path in sorted(files) if (name := _first_field(path, "Model"))]


def _first_field(path: Path, name: str) -> str:
    try:
        found = re.search(rf"^{name}\s*:\s*(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def _git(folder: Path, *arguments: str) -> bytes | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
