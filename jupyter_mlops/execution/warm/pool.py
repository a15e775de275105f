"""The fork servers of a run: one that has imported what stages import, one that has imported nothing."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from jupyter_mlops.execution.warm.forkserver import ForkServer, NotWarmError, UnfitError, interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jupyter_mlops.execution.kernels import Kernels
    from jupyter_mlops.execution.warm.forkserver import WarmProcess
    from jupyter_mlops.execution.warm.imports import Needs

WARM = "warm"
# ipykernel's own kernelspec; another one that only adds flags to the interpreter gets a server of its own.
_STOCK_ARGV = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
# Each try leaves out one more import statement that isn't fit.
_TRIES = 6


class WarmKernels:
    """Give out kernels that are forks; servers start when first needed.

    Args:
        environment: what servers start with, and so what imports see.
        folder: where kernels start.
        log: gets what the servers write.
        kernels: has servers ended where the run can't do it.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, log: Path, kernels: Kernels) -> None:
        self._environment = dict(environment)
        self._folder = folder
        self._log = log
        self._kernels = kernels
        self._lock = threading.Lock()
        self._servers: dict[tuple[str, bool], ForkServer] = {}
        self._retired: list[ForkServer] = []
        self._left_out: list[str] = []
        self._only_bare = ""
        self._broken = ""
        self._closed = False

    def obstacle(self, kernel_argv: Sequence[str], needs: Needs) -> str:
        """Return why a stage can't have a fork, or nothing."""
        if not sys.platform.startswith("linux"):
            return "warm kernels need Linux"
        if interpreter(kernel_argv) is None:
            return "its kernel is not this Python's own"
        return needs.stock or self._broken

    def prepare(self, needs: Needs) -> None:
        """Begin with what a stage will need, so that it is there when the kernel is asked for."""
        if not self.obstacle(_STOCK_ARGV, needs) and not (needs.bare or self._only_bare):
            self._server(_STOCK_ARGV, bare=False).prepare(needs.statements)

    def fork(self, kernel_argv: Sequence[str], needs: Needs, **order: Any) -> tuple[WarmProcess, str]:
        """Return a kernel that listens, and in which words the record tells it.

        Raises:
            NotWarmError: when there can be none.
        """
        for _ in range(_TRIES):
            bare = needs.bare or self._only_bare
            server = self._server(kernel_argv, bare=bool(bare))
            try:
                statements = () if bare else needs.statements
                kernel = server.fork(statements, folder=needs.beside, **order)
            except UnfitError as error:
                self._replace(server, error)
                continue
            except NotWarmError as error:
                if not self._closed:
                    self._broken = str(error)
                raise
            return kernel, f"{WARM}, with nothing imported beforehand: {bare}" if bare else WARM
        raise NotWarmError("too many of its imports can't be made beforehand")

    def close(self) -> None:
        """End all servers and their kernels."""
        with self._lock:
            self._closed = True
            servers = [*self._servers.values(), *self._retired]
            self._servers.clear()
            self._retired.clear()
        for server in servers:
            server.close()
            self._kernels.remove(server.pid)

    def _server(self, kernel_argv: Sequence[str], *, bare: bool) -> ForkServer:
        with self._lock:
            if self._closed:
                raise NotWarmError("the run is over")
            command = interpreter(kernel_argv) or [sys.executable]
            key = " ".join(command), bare
            if key not in self._servers:
                self._servers[key] = ForkServer(
                    command, self._environment, self._folder, self._log, self._left_out
                )
                self._kernels.add(self._servers[key].pid)
            return self._servers[key]

    def _replace(self, server: ForkServer, error: UnfitError) -> None:
        """Begin again without what wasn't fit; kernels that are forks of the old server go on."""
        with self._lock:
            for key, known in list(self._servers.items()):
                if known is server:
                    self._retired.append(self._servers.pop(key))
            if error.statement:
                self._left_out.append(error.statement)
            else:
                self._only_bare = str(error)
