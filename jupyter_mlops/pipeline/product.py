"""What a stage's product says of itself, and which version of a variable is the latest on the page.

A product holds **components**: variables that share a mutable object or memory are one component, stored as one
pickle. What a stage only read it doesn't store again. The state of the process that no variable holds (random
generators, print options) travels as variables whose names stand in angle brackets, ``<numpy.random>``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.records.base import Value
from jupyter_mlops.records.run import NamedVersion, Pull

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = 2
# Why a tombstone stands for a variable that could have been passed on.
NOT_KEPT = "no later stage mentions it, so it wasn't kept"


class Component(Value, frozen=True, kw_only=True):
    """Place a component in the product: its pickle and the large buffers beside it, as offset and size in bytes.

    ``digest`` covers the content; equal content has an equal digest, whichever stage stored it.
    """

    names: tuple[str, ...]
    digest: str
    pickle: tuple[int, int] = (0, 0)
    buffers: tuple[tuple[int, int], ...] = ()


class Tombstone(Value, frozen=True, kw_only=True):
    """Say why a variable that a stage bound isn't in its product: where it was bound, what it is, the mend."""

    why: str
    mend: str
    cell: int
    line: int


class Header(Value, frozen=True, kw_only=True):
    """Say what a product holds, what the stage took from which stage above, and what it recorded.

    ``variables`` maps each name to its component's place in ``components``. ``deleted`` are names that the stage
    took away. ``pulls`` are the variables that it read from stages above, with the content they had then;
    ``absent`` are names that it looked for and no stage above had.
    """

    format: int = FORMAT
    pipeline: str
    stage: str
    components: tuple[Component, ...] = ()
    variables: dict[str, int] = msgspec.field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    tombstones: dict[str, Tombstone] = msgspec.field(default_factory=dict)
    pulls: dict[str, Pull] = msgspec.field(default_factory=dict)
    absent: tuple[str, ...] = ()
    datasets: tuple[NamedVersion, ...] = ()
    upstream_datasets: tuple[NamedVersion, ...] = ()
    models: tuple[NamedVersion, ...] = ()
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    curves: dict[str, tuple[tuple[int, float, int], ...]] = msgspec.field(default_factory=dict)
    reads: dict[str, str] = msgspec.field(default_factory=dict)
    loaded: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()

    def component(self, name: str) -> Component:
        """Return the component that holds a variable.

        Raises:
            KeyError: when the product has no such variable.
        """
        return self.components[self.variables[name]]


def latest(name: str, above: Sequence[Header]) -> Pull | Tombstone | None:
    """Return which version of a variable a stage sees: the last one that a stage above it on the page left.

    Args:
        name: the variable.
        above: the products of the stages above, in page order.

    Returns:
        Where it comes from; a tombstone where it can't be passed on; None where no stage above has it.
    """
    for header in reversed(above):
        if name in header.variables:
            return Pull(stage=header.stage, digest=header.component(name).digest)
        if name in header.tombstones:
            return header.tombstones[name]
        if name in header.deleted:
            return None
    return None
