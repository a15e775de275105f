"""What came of running a notebook both ways: top to bottom, and as a pipeline."""

from __future__ import annotations

from typing import Literal

import msgspec

from jupyter_mlops.records.base import Value
from jupyter_mlops.records.run import StageError

VerificationStatus = Literal["same", "differs", "not deterministic", "failed"]


class Difference(Value, frozen=True, kw_only=True):
    """Report one difference: a variable that a stage left, what a cell showed, or a figure that was logged.

    ``what`` says in words what the notebook has and what the pipeline. ``place`` is where in the variable
    (``.coef_[3]``). ``by_itself`` says that the notebook differs there from its own second run.
    """

    kind: Literal["variable", "output", "metric", "logged"]
    what: str
    stage: str = ""
    cell: int | None = None
    name: str = ""
    place: str = ""
    by_itself: bool = False


class Draw(Value, frozen=True, kw_only=True):
    """Name a cell and line where the notebook draws at random without a seed."""

    cell: int
    line: int
    message: str


class Compared(Value, frozen=True, kw_only=True):
    """Count what was compared; ``nothing_to_compare`` are places whose values have no content (a lock, a generator)."""

    variables: int = 0
    cells: int = 0
    metrics: int = 0
    nothing_to_compare: tuple[str, ...] = ()


class Failure(Value, frozen=True, kw_only=True):
    """Say which of the two failed, and where: ``notebook`` by itself, or only as a ``pipeline``."""

    of: Literal["notebook", "pipeline"]
    error: StageError
    stage: str = ""


class Verification(Value, frozen=True, kw_only=True):
    """Report a verification; the JSON of ``jupyter mlops verify --json``.

    ``differences`` stand in page order, so the first is where it began. ``own_differences`` are those of the notebook
    from its own second run, which is made only where something differs; ``draws`` are filled where there are any. ``kernels`` says for each stage what ran it.
    """

    notebook: str
    status: VerificationStatus
    stages: tuple[str, ...]
    compared: Compared = Compared()
    differences: tuple[Difference, ...] = ()
    own_differences: tuple[Difference, ...] = ()
    draws: tuple[Draw, ...] = ()
    failure: Failure | None = None
    suggested: bool = False
    rtol: float = 0.0
    atol: float = 0.0
    notebook_seconds: float = 0.0
    pipeline_seconds: float = 0.0
    kernels: dict[str, str] = msgspec.field(default_factory=dict)
