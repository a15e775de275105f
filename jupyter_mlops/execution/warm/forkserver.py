"""The run's end of a fork server: start it, ask it for kernels, know when they end."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

START_TIMEOUT = 120.0
_KERNEL_ARGUMENTS = ["--HistoryManager.hist_file=:memory:"]
_ENDED = "the fork server ended"
_CODE = """\
import sys
del sys.path[0]
from jupyter_mlops.execution.warm.server import main
main(*__import__("json").loads(sys.argv[1]))
"""


class NotWarmError(Exception):
    """Say why there is no warm kernel; never seen by users, for a stock one takes its place."""


class UnfitError(NotWarmError):
    """Say that a server imported something that forks can't inherit."""

    def __init__(self, statement: str, why: str) -> None:
        super().__init__(f"`{statement}`: {why}" if statement else why)
        self.statement = statement


@dataclass
class WarmProcess:
    """A kernel that a fork server started, with as much of ``subprocess.Popen`` as its users need."""

    pid: int
    pidfd: int
    ended: Future[int]
    stdin: None = None
    stdout: None = None
    stderr: None = None
    returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code of a process that has ended, None while it runs."""
        if self.returncode is None and self._is_gone(0):
            self._settle()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Raises:
            TimeoutExpired: when it runs longer than ``timeout`` seconds.
        """
        if self.returncode is None:
            if not self._is_gone(timeout):
                raise subprocess.TimeoutExpired("kernel", timeout or 0)
            self._settle()
        assert self.returncode is not None  # noqa: S101 - settling sets it
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Send a signal, to nobody where the process is gone."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signum)

    def _is_gone(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def _settle(self) -> None:
        """Take the exit code over from the server; without a server it was killed with it."""
        try:
            self.returncode = self.ended.result(timeout=START_TIMEOUT)
        except (NotWarmError, TimeoutError):
            self.returncode = -signal.SIGKILL
        os.close(self.pidfd)


@dataclass
class _Pending:
    forked: Future[int] = field(default_factory=Future)
    listening: Future[None] = field(default_factory=Future)
    ended: Future[int] = field(default_factory=Future)

    def fail(self, error: NotWarmError) -> None:
        for future in (self.forked, self.listening, self.ended):
            if not future.done():
                future.set_exception(error)


class ForkServer:
    """One fork server; it starts at once and is told nothing more until it is asked for a kernel.

    Args:
        command: the interpreter with its flags.
        environment: what kernels get as environment.
        folder: where kernels start.
        log: gets what the server writes.
        left_out: import statements that it must not run.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        left_out: Sequence[str] = (),
    ) -> None:
        ours, theirs = socket.socketpair()
        self._control = ours
        self._numbers = itertools.count()
        self._pending: dict[int, _Pending] = {}
        self._lock = threading.Lock()
        self._gone: NotWarmError | None = None
        self._environment = {**environment, "JPY_PARENT_PID": str(os.getpid())}
        arguments = json.dumps([theirs.fileno(), os.getpid(), _KERNEL_ARGUMENTS, list(left_out)])
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file, theirs:
            self._process = subprocess.Popen(
                [*command, "-c", _CODE, arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._environment,
                cwd=folder,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name="fork server", daemon=True)
        self._reader.start()

    def fork(self, statements: Sequence[str], timeout: float = START_TIMEOUT, **order: Any) -> WarmProcess:
        """Start a kernel that has run the import statements; return once it listens.

        Raises:
            NotWarmError: when the server can't give one.
        """
        number, pending = next(self._numbers), _Pending()
        with self._lock:
            if self._gone:
                raise self._gone
            self._pending[number] = pending
        order["environment"] = {**order["environment"], "JPY_PARENT_PID": str(os.getpid())}
        message = {"fork": number, "statements": list(statements), **order}
        try:
            self._control.sendall(json.dumps(message).encode() + b"\n")
            pid = pending.forked.result(timeout)
            kernel = WarmProcess(pid, os.pidfd_open(pid), pending.ended)
        except ConnectionError as error:
            raise NotWarmError(_ENDED) from error
        except (OSError, TimeoutError) as error:
            raise NotWarmError(f"the fork server gave none: {str(error) or 'it took too long'}") from error
        try:
            pending.listening.result(timeout)
        except (NotWarmError, TimeoutError) as error:
            kernel.send_signal(signal.SIGKILL)
            raise NotWarmError(f"the fork did not become a kernel: {error}") from error
        return kernel

    def prepare(self, statements: Sequence[str]) -> None:
        """Have import statements run that a fork will need; where one fails, the fork will tell."""
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps({"statements": list(statements)}).encode() + b"\n")

    def close(self) -> None:
        """End the server and every kernel of it."""
        with contextlib.suppress(OSError):
            if not self._pending:
                self._control.sendall(b"\n")
            self._control.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        self._control.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError), self._control.makefile("rb") as lines:
            for line in lines:
                self._take(json.loads(line))
        error = NotWarmError(_ENDED)
        with self._lock:
            self._gone = error
            pending = list(self._pending.values())
        for each in pending:
            each.fail(error)

    def _take(self, message: dict[str, Any]) -> None:
        if "forked" in message:
            self._pending[message["forked"]].forked.set_result(message["pid"])
        elif "listening" in message:
            self._pending[message["listening"]].listening.set_result(None)
        elif "ended" in message:
            with self._lock:
                pending = self._pending.pop(message["ended"])
            pending.ended.set_result(message["returncode"])
            pending.fail(NotWarmError(f"it ended with {message['returncode']}"))
        elif "unfit" in message:
            with self._lock:
                pending = self._pending.pop(message["unfit"])
            shadowed = message["shadowed"]
            why = (
                f"a file beside the notebook has the name of module {', '.join(shadowed)}" if shadowed else ""
            )
            pending.fail(UnfitError(message.get("statement", ""), why or message.get("why", "")))


def interpreter(kernel_argv: Sequence[str]) -> list[str] | None:
    """Return this interpreter's command without the kernel's module; None where the kernel is another one's."""
    names = {"python", "python3", f"python3.{sys.version_info.minor}", sys.executable}
    head, *rest = kernel_argv or [""]
    tail = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    if head not in names or rest[-len(tail) :] != tail:
        return None
    return [sys.executable, *rest[: -len(tail)]]
