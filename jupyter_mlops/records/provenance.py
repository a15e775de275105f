"""What code ran on beside its packages: a commit, a machine."""

from __future__ import annotations

from jupyter_mlops.records.base import Value


class Commit(Value, frozen=True, kw_only=True):
    """Name the git commit of the project's folder; ``dirty`` when the working tree differs from it.

    ``diff`` is the digest of that difference in the object store, empty where there is none or it couldn't be had.
    """

    sha: str
    dirty: bool
    diff: str = ""


class Hardware(Value, frozen=True, kw_only=True):
    """Name the machine: the processor, the cores that the process may use, the memory in bytes, GPUs by their names."""

    processor: str
    cores: int
    memory: int = 0
    gpus: tuple[str, ...] = ()
