"""Runs as processes of their own: started, watched and stopped here, their live state read from disk."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyter_mlops import settings as project
from jupyter_mlops.errors import BlockedError, NotFoundError, UsageError
from jupyter_mlops.interfaces.server.commands import last_words
from jupyter_mlops.interfaces.server.documents import run_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHOWN = 20
_TAIL = 64 * 1024
_GRACE = 5.0


class Process:
    """A run under way: the process group, and the end of what it wrote to stderr."""

    def __init__(self, run_id: str, notebook: Path, child: asyncio.subprocess.Process) -> None:
        self.run_id = run_id
        self.notebook = notebook
        self.stopped = False
        self._child = child
        self._tail = b""
        self._watch = asyncio.create_task(self._drain())

    @property
    def alive(self) -> bool:
        """Whether the process is there and its stderr isn't read to the end yet."""
        return not self._watch.done()

    def complaint(self) -> dict[str, str]:
        """Say in the process's own last words why it ended."""
        if self.stopped:
            return {"message": "the run was stopped", "hint": "Run goes on from the last finished stage"}
        otherwise = f"the run ended with status {self._child.returncode}"
        return {"message": last_words(self._tail, otherwise), "hint": ""}

    def stop(self) -> None:
        """Ask the run to end; it takes its kernels with it, so they aren't asked over its head."""
        self.stopped = True
        with suppress(ProcessLookupError):
            self._child.terminate()

    def kill(self) -> None:
        """End the run and all the processes of its group at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until the process is gone."""
        await asyncio.shield(self._watch)

    async def _drain(self) -> None:
        stderr = self._child.stderr
        while stderr is not None and (piece := await stderr.read(4096)):
            self._tail = (self._tail + piece)[-_TAIL:]
        await self._child.wait()


class Runner:
    """Start, show and stop the runs that the sidebar asks for."""

    def __init__(self) -> None:
        self._processes: dict[str, Process] = {}

    async def start(self, notebook: Path, params: Mapping[str, Any]) -> str:
        """Start a run of ``notebook`` in its own process group; return the run's id.

        Raises:
            UsageError: when a parameter's name is none.
        """
        from jupyter_mlops.store import run_state, stamp
        from jupyter_mlops.workflows import access

        run_id = run_state.new_id()
        arguments = [str(notebook), "--json", "--run-id", run_id]
        for name, value in params.items():
            if not name.isidentifier():
                raise UsageError(f"{name!r} is not a parameter's name", hint="parameters are Python names")
            # In quotes a text is one value with its commas, not a list of values.
            is_plain = isinstance(value, str) and not any(mark in value for mark in ",'\"")
            text = value if is_plain else json.dumps(value, ensure_ascii=False)
            arguments += ["-p", f"{name}={text}"]
        token = await asyncio.to_thread(access.lend, project.load(notebook.parent))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "jupyter_mlops", "run", *arguments),
            cwd=notebook.parent,
            env={**os.environ, stamp.TOKEN_VARIABLE: token} if token else None,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._processes[run_id] = Process(run_id, notebook, child)
        return run_id

    def show(self, notebook: Path, run_id: str, *, drawn: bool = True) -> dict[str, Any]:
        """Return the run's state, with ``error`` where its process ended before it could say how.

        Unless ``drawn``, its gates come without what their pictures show.

        Raises:
            NotFoundError: when there is no such run of this notebook.
        """
        from jupyter_mlops.store import run_state

        process = self._process(notebook, run_id)
        # Asked before the state is read: a process that ends in between has written its last state by then.
        alive = process is not None and process.alive
        try:
            run = run_document(run_state.read(project.load(notebook.parent), run_id), drawn=drawn)
        except NotFoundError:
            if process is None:
                raise
            run = {"run_id": run_id, "status": "running", "notebook": notebook.name, "stages": []}
        stopped = process is not None and process.stopped and run["status"] == "failed"
        if process is None or not (stopped or (not alive and _unexplained(run))):
            return run
        return {**run, "status": "failed", "error": process.complaint()}

    def recent(self, notebook: Path) -> list[dict[str, Any]]:
        """Return the notebook's last runs, newest first; the newest one's gates are drawn."""
        from jupyter_mlops.store import run_state

        settings = project.load(notebook.parent)
        inside = notebook.is_relative_to(settings.root)
        name = notebook.relative_to(settings.root).as_posix() if inside else str(notebook)
        recorded = run_state.runs(settings, name)
        ids = {run.run_id for run in recorded}
        ids |= {each.run_id for each in tuple(self._processes.values()) if each.notebook == notebook}
        newest_first = sorted(ids, reverse=True)[:SHOWN]
        return [self.show(notebook, run_id, drawn=n == 0) for n, run_id in enumerate(newest_first)]

    def stop(self, notebook: Path, run_id: str) -> None:
        """Ask a run to end; it ends its stages and records that it was interrupted.

        Raises:
            NotFoundError: when this server started no such run.
            BlockedError: when it has ended already.
        """
        process = self._process(notebook, run_id)
        if process is None:
            raise NotFoundError(f"no run {run_id} was started here", hint="stop it where it was started")
        if not process.alive:
            raise BlockedError(f"run {run_id} has ended")
        process.stop()

    async def close(self) -> None:
        """End every run: ask, and after some seconds kill."""
        alive = [process for process in self._processes.values() if process.alive]
        for process in alive:
            process.stop()
        if not alive:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(process.ended() for process in alive)), _GRACE)
        for process in alive:
            if process.alive:
                process.kill()
                await process.ended()

    def _process(self, notebook: Path, run_id: str) -> Process | None:
        process = self._processes.get(run_id)
        return process if process is not None and process.notebook == notebook else None


def _unexplained(run: dict[str, Any]) -> bool:
    """Tell whether the run's record doesn't say how it ended."""
    failed = run["status"] == "failed" and not any(stage.get("error") for stage in run["stages"])
    return failed or run["status"] == "running"
