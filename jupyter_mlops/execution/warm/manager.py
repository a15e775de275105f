"""jupyter_client's own manager, provisioner and client, for kernels that come from a fork server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.execution.warm.forkserver import WarmProcess

_ANSWER = 1.0


class WarmProvisioner(LocalProvisioner):
    """Take the process from a fork server instead of starting one."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Ask the fork server for a kernel; it listens already when this returns."""
        arguments = cmd[cmd.index("-f") + 2 :]
        manager: Any = self.parent
        self.process = manager.fork(manager.connection_file, arguments, str(options["cwd"]), options["env"])
        self.pid = self.pgid = self.process.pid
        self.cwd = options["cwd"]
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait for the process's end, which its descriptor tells without asking again and again."""
        process: Any = self.process
        if process is None:
            return 0
        if process.returncode is None:
            loop, gone = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(process.pidfd, gone.set)
            try:
                await gone.wait()
            finally:
                loop.remove_reader(process.pidfd)
        code: int = process.wait()
        self.process = None
        return code


class WarmClient(AsyncKernelClient):
    """A client of a kernel that is known to listen."""

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - its name there
        """Ask once for the kernel's information, and take in everything up to the end of the answer.

        Raises:
            RuntimeError: when it doesn't answer in time, or has ended.
        """
        deadline = time.monotonic() + (timeout or float("inf"))
        while time.monotonic() < deadline:
            asked = self.kernel_info()
            if await self._has_answered(asked):
                return
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
        raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    wait_for_ready = _async_wait_for_ready

    async def _has_answered(self, asked: str) -> bool:
        """Say whether the reply and the idle status came; the latter is lost where the subscription was late."""
        try:
            while True:
                message = await self.shell_channel.get_msg(timeout=_ANSWER)
                if message["parent_header"].get("msg_id") == asked:
                    break
            self._handle_kernel_info_reply(message)
            while True:
                message = await self.iopub_channel.get_msg(timeout=0.2)
                if message["parent_header"].get("msg_id") == asked and _is_idle(message):
                    return True
        except Empty:
            return False


class WarmManager(AsyncKernelManager):
    """A manager whose kernels are forks; sockets lie in a folder of their own that only this user may enter."""

    def __init__(
        self, fork: Callable[[str, list[str], str, dict[str, str]], WarmProcess], **options: Any
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="mlops-"))
        super().__init__(
            transport="ipc",
            ip=str(self.home / "k"),
            connection_file=str(self.home / "kernel.json"),
            **options,
        )
        self.fork = fork
        self.client_class = f"{__name__}.{WarmClient.__name__}"
        self.client_factory = WarmClient
        if self.has_trait("transport_encryption"):
            self.transport_encryption = "disabled"

    def forget(self) -> None:
        """Leave nothing behind of a kernel that never was."""
        if self._ready is not None and self._ready.done():
            self._ready.exception()
        shutil.rmtree(self.home, ignore_errors=True)

    async def _async_pre_start_kernel(self, **options: Any) -> Any:
        self.provisioner = WarmProvisioner(
            kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
        )
        return await super()._async_pre_start_kernel(**options)

    async def _async_wait(self, pollinterval: float = 0.1) -> None:  # noqa: ARG002 - jupyter_client's name
        if self.provisioner is not None:
            await self.provisioner.wait()

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart=restart)
        with contextlib.suppress(OSError):
            shutil.rmtree(self.home)

    cleanup_resources = _async_cleanup_resources


def _is_idle(message: dict[str, Any]) -> bool:
    return bool(message["msg_type"] == "status") and message["content"]["execution_state"] == "idle"
