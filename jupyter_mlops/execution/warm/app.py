"""The stock kernel in two halves: what a fork server can do beforehand, and what needs a process of its own.

Nothing of the kernel is imitated. The server boots ipykernel's own application as far as it goes without sockets and
threads; a fork opens these as ipykernel does, and hands them to the kernel and the shell that are there already.
"""

from __future__ import annotations

import contextvars
import io
import os
import sys
import uuid
from typing import Any

from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp
from IPython.core.application import BaseIPythonApplication
from jupyter_client.session import new_id
from traitlets.utils.importstring import import_item

_STREAMS = ("stdout", "stderr")
# What a kernel is made with that says nothing of its sockets and threads.
_KEPT = frozenset({"parent", "session", "log", "profile_dir", "user_ns"})


class WarmApp(IPKernelApp):
    """ipykernel's application, stopped before its sockets and woken in a fork."""

    def boot(self, argv: list[str]) -> None:
        """Do what a kernel does at its start, without sockets, threads and the user's own start-up files."""
        untyped: Any = self
        BaseIPythonApplication.initialize(self, argv)
        untyped.init_pdb()
        untyped.init_blackhole()
        for name in _STREAMS:
            setattr(sys, name, _unconnected())
        if self.displayhook_class:
            self.displayhook = import_item(str(self.displayhook_class))(self.session, None)
            sys.displayhook = self.displayhook
        untyped.patch_io()
        untyped.init_signal()
        self.kernel = untyped.kernel_class.instance(
            parent=self,
            session=self.session,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        untyped.init_path()
        untyped.init_shell()
        untyped.init_gui_pylab()

    def noise(self) -> str:
        """Return what was written to the streams, which nobody reads before a fork."""
        return "".join(vars(getattr(sys, name))["written"].getvalue() for name in _STREAMS)

    def wake(self, connection_file: str) -> None:
        """Become a kernel of its own: sockets, threads, streams, then the user's start-up files."""
        untyped: Any = self
        self.connection_file = connection_file
        self.session.pid = os.getpid()
        self.session.session = new_id()
        # Until its streams are connected a kernel has those that its process got.
        streams = {name: getattr(sys, name) for name in _STREAMS}
        for name in streams:
            setattr(sys, name, getattr(sys, f"__{name}__"))
        self.parent_handle = os.getppid()
        untyped.init_connection_file()
        untyped.init_poller()
        untyped.init_sockets()
        untyped.init_heartbeat()
        self._connect_streams(streams)
        self._connect_kernel()
        untyped.init_extensions()
        untyped.init_code()
        sys.stdout.flush()
        sys.stderr.flush()

    def _connect_streams(self, streams: dict[str, Any]) -> None:
        """Make the server's streams, which libraries may hold on to since their import, real ones."""
        untyped: Any = OutStream
        for name, stream in streams.items():
            vars(stream).clear()
            untyped.__init__(stream, self.session, self.iopub_thread, name, watchfd=self.capture_fd_output)
            setattr(sys, name, stream)
        if self.displayhook_class:
            self.displayhook.pub_socket = self.iopub_socket

    def _connect_kernel(self) -> None:
        """Give the kernel its sockets and threads, as ipykernel makes them for a new one."""
        kernel, kind = self.kernel, type(self.kernel)

        def connect(**given: Any) -> Any:
            for name, value in given.items():
                if name not in _KEPT:
                    setattr(kernel, name, value)
            return kernel

        kind.instance = connect
        try:
            untyped: Any = self
            untyped.init_kernel()
        finally:
            del kind.instance
        kernel.ident = str(uuid.uuid4())
        if hasattr(kernel, "_shell_context"):
            kernel._shell_context = contextvars.copy_context()  # noqa: SLF001 - the kernel made it before the streams
        shell = kernel.shell
        shell.displayhook.pub_socket = self.iopub_socket
        shell.displayhook.topic = kernel._topic("execute_result")  # noqa: SLF001 - as the kernel does it itself
        shell.display_pub.pub_socket = self.iopub_socket
        if hasattr(kernel, "debugger"):
            kernel.debugger = kernel.debugger_class(
                kernel.log,
                kernel.debugpy_stream,
                kernel._publish_debug_event,  # noqa: SLF001 - as the kernel does it itself
                kernel.debug_shell_socket,
                kernel.session,
                kernel._kernel_modules,  # noqa: SLF001 - as the kernel does it itself
                kernel.debug_just_my_code,
                kernel.filter_internal_frames,
            )


def _unconnected() -> Any:
    """Return an output stream of ipykernel's own type that notes what is written to it."""
    stream = OutStream.__new__(OutStream)
    written = io.StringIO()
    vars(stream).update(written=written, write=written.write, flush=written.flush, pub_thread=written)
    return stream
