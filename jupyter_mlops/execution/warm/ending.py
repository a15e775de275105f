"""The end of a fork: everything that an interpreter does for others when it ends, and none of its tidying up.

An interpreter takes apart each module that it has loaded. In a fork that means a private copy of nearly all the
memory it shares with its server, and takes longer than the stage's start; the operating system takes it all anyway.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import io
import os
import sys
import threading
from typing import Any, NoReturn

# Libraries that take a second to take themselves apart and write nothing, and those that may still write a file.
_idle_at_exit = frozenset({"torch"})
_busy_at_exit = frozenset({"h5py", "netCDF4", "tables"})


def end(shell: Any, code: int = 0) -> NoReturn:
    """Wait for threads, run exit handlers, let go of the notebook's objects, write out what is open, and end.

    Args:
        shell: the shell, whose namespace holds the notebook's objects.
        code: the exit code.
    """
    # What an interpreter's end begins with has no public name.
    untyped_threading: Any = threading
    untyped_atexit: Any = atexit
    for step in (
        untyped_threading._shutdown,  # noqa: SLF001 - see above
        untyped_atexit._run_exitfuncs,  # noqa: SLF001 - see above
        lambda: _let_go(shell),
        _write_out,
    ):
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - an exit handler's error is shown, and keeps nothing from ending
            with contextlib.suppress(Exception):
                sys.excepthook(type(error), error, error.__traceback__)
    # Holding the interpreter's lock keeps other threads out of the way of C libraries' exit handlers.
    c_library = ctypes.PyDLL(None)
    c_library.fflush(None)
    if not (_idle_at_exit & set(sys.modules)) or _busy_at_exit & set(sys.modules):
        c_library.exit(code)
    os._exit(code)


def _let_go(shell: Any) -> None:
    """Drop the notebook's variables, so that what is to be done at an object's end is done."""
    sys.last_type = sys.last_value = sys.last_traceback = None  # they may hold variables
    main = sys.modules.get("__main__")
    shell.displayhook.flush()
    for namespace in (shell.user_ns, shell.user_ns_hidden, vars(main) if main else {}):
        namespace.clear()
    gc.collect()


def _write_out() -> None:
    """Write out open files that other modules hold; those of before the fork are none of this process's doing."""
    for each in gc.get_objects():
        if isinstance(each, io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom):
            with contextlib.suppress(Exception):
                each.flush()
