"""What came of building a model version again from the record alone."""

from __future__ import annotations

from typing import Literal

from jupyter_mlops.records.base import Value
from jupyter_mlops.records.run import StageError

Sameness = Literal["identical", "within tolerance", "different", "not compared"]
ReproductionStatus = Literal["identical", "within tolerance", "different", "failed"]


class Figure(Value, frozen=True, kw_only=True):
    """Report a figure that was logged: what is on record, what came out again; ``what`` says how they differ."""

    name: str
    status: Sameness
    recorded: float | None = None
    rebuilt: float | None = None
    what: str = ""


class ModelArray(Value, frozen=True, kw_only=True):
    """Report an array inside the model by the path that leads to it: ``model.steps[1][1].coef_``."""

    path: str
    status: Sameness
    dtype: str = ""
    shape: tuple[int, ...] = ()
    what: str = ""


class Change(Value, frozen=True, kw_only=True):
    """Report what the new build used otherwise than the recorded one: a package's version, an input's content."""

    kind: Literal["package", "python", "platform", "hardware", "input"]
    name: str
    recorded: str = ""
    used: str = ""
    what: str = ""


class FirstDifference(Value, frozen=True, kw_only=True):
    """Name where the two builds part: the first stage in page order, and the variable that it left otherwise."""

    stage: str
    variable: str
    place: str = ""
    what: str = ""


class Rebuilding(Value, frozen=True, kw_only=True):
    """Say how a build failed: which stage, and its error."""

    error: StageError
    stage: str = ""


class Reproduction(Value, frozen=True, kw_only=True):
    """Report a reproduction; the JSON of ``jupyter mlops reproduce --json``.

    ``stages`` are those behind the model, ``changes`` what the new build used otherwise, with what bears on the first
    difference at the front. ``first`` is empty where nothing differs; ``causes`` says in words what may be behind it.
    ``other`` are places of the model without an array that differ. ``model_kept`` is False where the model on record was
    taken away by ``models gc``: then figures and what stages hand on are compared, and nothing inside the model. ``notes`` are what a reader should know besides.
    """

    model: str
    status: ReproductionStatus
    environment: Literal["fresh", "current"]
    run_id: str
    stages: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    metrics: tuple[Figure, ...] = ()
    arrays: tuple[ModelArray, ...] = ()
    other: tuple[str, ...] = ()
    model_kept: bool = True
    changes: tuple[Change, ...] = ()
    first: FirstDifference | None = None
    causes: tuple[str, ...] = ()
    failure: Rebuilding | None = None
    notes: tuple[str, ...] = ()
    rtol: float = 0.0
    atol: float = 0.0
    packages: int = 0
    environment_seconds: float = 0.0
    seconds: float = 0.0
    folder: str = ""
