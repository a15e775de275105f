"""The fork server: a process that has booted a kernel, imports what stages import, and has run nothing else.

It has one thread and talks over one socket, a line of JSON a message: ``{"fork": id, ...}`` asks for a kernel;
``forked``, ``listening``, ``ended`` and ``unfit`` answer it. At the socket's end it ends everything that it started.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import socket
import sys
import warnings
from typing import Any, NoReturn

from jupyter_mlops.execution import processes
from jupyter_mlops.execution.warm.ending import end
from jupyter_mlops.execution.warm.preload import Preloader, beside, note_fork

_LAST_WORDS = 5.0
# The run is over and has no kernels any more: what they meant to leave behind may stay.
GOODBYE = b"\n"
OWN_IMPORTS = ("import jupyter_mlops.pipeline.handoff",)


def main(descriptor: int, parent: int, argv: list[str], left_out: list[str]) -> None:
    """Serve until the other end goes away; in a fork, be a kernel until its end.

    Args:
        descriptor: our end of the socket.
        parent: the run's process.
        argv: arguments of every kernel.
        left_out: import statements that are known not to be fit.
    """
    processes.die_with_parent(parent)
    processes.adopt_orphans()
    given = dict(os.environ)
    sys.argv = [_launcher()]
    from jupyter_mlops.execution.warm.app import WarmApp

    app: Any = WarmApp.instance()
    app.boot(argv)
    server = _Server(socket.socket(fileno=descriptor), app, given, left_out)
    server.load(OWN_IMPORTS)
    # From here on the socket's end is noticed at once, and then there is more to end than this process.
    processes.die_with_parent(parent, 0)
    order = server.serve()
    _become(app, order, server.control)
    app.start()
    # ipykernel's exit handler closes what its control thread may still be writing to, and then waits for it forever.
    app.control_thread.join(_LAST_WORDS)
    end(app.shell)


class _Server:
    def __init__(self, control: socket.socket, app: Any, given: dict[str, str], left_out: list[str]) -> None:
        self.control = control
        self._app = app
        self._preloader = Preloader(app.noise, app.shell.builtin_trap)
        self._preloader.done.update(left_out)
        self._given = given
        self._children: dict[int, tuple[int, int]] = {}
        self._unfit = ""
        self._started_with = {name.partition(".")[0] for name in sys.modules}

    def load(self, statements: tuple[str, ...] | list[str]) -> None:
        """Run import statements up to the first that isn't fit; from then on there are no more forks."""
        for statement in statements:
            if not self._unfit:
                why = self._preloader.load(statement)
                if why:
                    self._unfit = json.dumps({"statement": statement, "why": why})

    def serve(self) -> dict[str, Any]:
        """Answer until the run is gone; return only in a fork, with its order."""
        self._send(ready=os.getpid())
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        buffer = b""
        while True:
            for descriptor, _ in poll.poll():
                if descriptor != self.control.fileno():
                    poll.unregister(descriptor)
                    self._reap(descriptor)
                    continue
                received = self.control.recv(1 << 16)
                if not received:
                    _end()
                if received == GOODBYE:
                    os._exit(0)
                buffer += received
                *lines, buffer = buffer.split(b"\n")
                for line in lines:
                    order: dict[str, Any] = json.loads(line)
                    self.load(order["statements"])
                    pid = self._fork(order) if "fork" in order else None
                    if pid == 0:
                        return order
                    if pid:
                        pidfd = os.pidfd_open(pid)
                        self._children[pidfd] = (pid, order["fork"])
                        poll.register(pidfd, select.POLLIN)

    def _fork(self, order: dict[str, Any]) -> int | None:
        imported = {name.partition(".")[0] for name in sys.modules} - self._started_with
        # A folder comes before installed packages, but after Python's own modules.
        shadowed = sorted((imported - sys.stdlib_module_names) & beside(order["folder"]))
        if self._unfit or shadowed:
            self._send(unfit=order["fork"], shadowed=shadowed, **json.loads(self._unfit or "{}"))
            return None
        changed = {name: value for name, value in os.environ.items() if self._given.get(name) != value}
        order["environment"] = {**order["environment"], **changed}
        gc.collect()
        gc.freeze()
        with warnings.catch_warnings():
            # Later Pythons warn of threads here; that those there are can stand it was looked into.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            note_fork(pid)
            self._send(forked=order["fork"], pid=pid)
            return pid
        for pidfd in self._children:
            os.close(pidfd)
        return 0

    def _reap(self, pidfd: int) -> None:
        pid, identity = self._children.pop(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        self._send(ended=identity, returncode=os.waitstatus_to_exitcode(status))
        kernels = {pid for pid, _ in self._children.values()}
        # What a kernel's children left behind is ours by now.
        with contextlib.suppress(ChildProcessError):
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if found.si_pid in kernels:
                    break
                os.waitpid(found.si_pid, 0)

    def _send(self, **message: Any) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            _end()


def _end() -> NoReturn:
    """End all kernels and what they started, and this process."""
    processes.end_all_below(os.getpid())
    os._exit(0)


def _become(app: Any, order: dict[str, Any], control: socket.socket) -> None:
    """Make this fork a kernel of its own."""
    server = os.getppid()
    processes.die_with_parent(server)
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.argv[1:] = ["-f", order["connection_file"], *order["arguments"]]
    _draw_seeds()
    app.wake(order["connection_file"])
    with contextlib.suppress(OSError):
        control.sendall(json.dumps({"listening": order["fork"]}).encode() + b"\n")
    control.close()


def _draw_seeds() -> None:
    """Give generators that a process seeds by chance another seed in each fork; Python's own sees to itself."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "default_generator"):
        torch.default_generator.seed()


def _launcher() -> str:
    import importlib.util

    spec = importlib.util.find_spec("ipykernel_launcher")
    return (spec.origin if spec else None) or "ipykernel_launcher.py"
