"""Commands in processes of their own: what loads half of scientific Python doesn't stay in the server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataError

if TYPE_CHECKING:
    from jupyter_mlops.settings import Settings


async def answer_of(settings: Settings, *arguments: str) -> dict[str, Any]:
    """Run ``jupyter mlops`` with these arguments in a project's folder; return the JSON that it prints.

    Raises:
        DataError: in its own words, when it says no.
    """
    from jupyter_mlops.store import stamp
    from jupyter_mlops.workflows import access

    token = await asyncio.to_thread(access.lend, settings, "1h")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jupyter_mlops", *arguments),
        cwd=settings.root,
        env={**os.environ, stamp.TOKEN_VARIABLE: token} if token else None,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, said = await child.communicate()
    except asyncio.CancelledError:
        child.kill()
        raise
    if child.returncode:
        raise DataError(last_words(said, f"it ended with status {child.returncode}"))
    answer: dict[str, Any] = json.loads(out)
    return answer


def last_words(said: bytes, otherwise: str) -> str:
    """Return the last complaint in what a command wrote to stderr, or its last line where it didn't complain."""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith("error: ")]
    return (ours or lines or [otherwise])[-1].removeprefix("error: ")
