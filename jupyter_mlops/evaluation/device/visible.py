"""Which GPU a process may use, by ``CUDA_VISIBLE_DEVICES``; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.evaluation.rows import NotMeasurableError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "CUDA_VISIBLE_DEVICES"
# What stands before the identity of a whole GPU, and of a part of one that NVIDIA's MIG has cut off.
_NAMED = ("GPU-", "MIG-")


def chosen(environment: Mapping[str, str], count: int) -> int | str:
    """Return the first GPU that a process may use: its number, or its identity (``GPU-…``, ``MIG-…``).

    Args:
        environment: the process's.
        count: how many GPUs the machine has.

    Raises:
        NotMeasurableError: when there is none that it may use.
    """
    said = environment.get(VARIABLE)
    if not count:
        raise NotMeasurableError("no GPU here: the driver knows of none")
    if said is None:
        return 0
    first = said.split(",")[0].strip()
    if first.startswith(_NAMED):
        return first
    if not first.isdecimal():
        # As CUDA has it, what isn't a number ends the list.
        raise NotMeasurableError(f"no GPU here: {VARIABLE}={said!r} hides all of them")
    if int(first) >= count:
        has = "1 GPU" if count == 1 else f"{count} GPUs"
        raise NotMeasurableError(f"no GPU here: {VARIABLE}={said!r}, and the machine has {has}")
    return int(first)
