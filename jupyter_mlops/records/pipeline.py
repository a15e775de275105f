"""What a notebook compiles to: stages, the variables between them, gates."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import msgspec

from jupyter_mlops.records.base import Value
from jupyter_mlops.records.expectation import Expectations


class StageOptions(Value, frozen=True, kw_only=True):
    """Hold what a tag says about how a stage runs; times in seconds, memory in bytes."""

    after: tuple[str, ...] = ()
    retries: int = 0
    timeout: float | None = None
    memory: int | None = None
    gpu: bool = False
    cache: bool = True


class Stage(Value, frozen=True, kw_only=True):
    """Name a stage, its cells (0-based indexes in the notebook's cell list) and what crosses its borders.

    ``producers`` says for each input which stage it comes from. ``upstream`` also has the stages that this one waits for
    without a variable: for a file, a random generator, by ``--after``.
    """

    name: str
    cells: tuple[int, ...]
    upstream: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    producers: dict[str, str] = msgspec.field(default_factory=dict)
    options: StageOptions = StageOptions()


class Gate(Value, frozen=True, kw_only=True):
    """Hold an evaluation gate as it stands in the notebook: the model and one condition a line."""

    model: str
    conditions: tuple[str, ...]
    cell: int


class Expected(Value, frozen=True, kw_only=True):
    """Hold what a notebook's cell expects of a dataset."""

    dataset: str
    expectations: Expectations
    cell: int


class Pipeline(Value, frozen=True, kw_only=True):
    """Hold the whole graph of a notebook; ``params`` are literals, stages stand in page order.

    Where stages take turns on the page, each stands behind those that it waits for.
    """

    notebook: str
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    setup: tuple[int, ...] = ()
    gates: tuple[Gate, ...] = ()
    expected: tuple[Expected, ...] = ()
    suggested: bool = False

    @property
    def name(self) -> str:
        """The pipeline's name: its notebook's, without the suffix."""
        return PurePath(self.notebook).stem

    def stage(self, name: str) -> Stage:
        """Return the stage of that name.

        Raises:
            KeyError: when there is none.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)


class Diagnostic(Value, frozen=True, kw_only=True):
    """Report one finding in a notebook: rule, where (cell 0-based, line 1-based), what, and the mend.

    ``merge`` names the stages that, merged into one, mend it; empty where merging doesn't.
    """

    rule: str
    message: str
    mend: str
    cell: int | None = None
    line: int | None = None
    severity: str = "error"
    merge: tuple[str, ...] = ()
