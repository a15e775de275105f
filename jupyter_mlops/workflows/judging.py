"""Say what is the same in a recorded build and a new one, where they part, and what may be behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_mlops.execution import fresh
from jupyter_mlops.notebook import lint
from jupyter_mlops.pipeline import cache_key
from jupyter_mlops.pipeline.comparison.model_arrays import in_our_words
from jupyter_mlops.pipeline.comparison.values import Tolerance, is_clock, number_differs
from jupyter_mlops.records.reproduction import Change, Figure, FirstDifference, Reproduction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_mlops.records.provenance import Hardware
    from jupyter_mlops.records.reproduction import ModelArray, ReproductionStatus, Sameness
    from jupyter_mlops.records.run import Environment
    from jupyter_mlops.workflows.laying import Laid
    from jupyter_mlops.workflows.origin import Inputs, Origin
    from jupyter_mlops.workflows.rebuild import Answer

UNSEEDED = "MLO106"
_SPOKEN = {"python": "Python", "platform": "the platform", "hardware": "the machine"}
_clock = re.compile(r"(?:^|[_.])(?:seconds|secs|ms|milliseconds|duration|latency|elapsed|time)(?:$|[_.])")


def compare_environments(
    recorded: Environment, used: Environment, relevant: Sequence[str] = ()
) -> tuple[Change, ...]:
    """Return what two environments differ in; packages of ``relevant`` first.

    A package that only one of them has is no change, unless it is relevant: a new environment has what is needed only.
    """
    changes = [
        Change(kind="python", name="python", recorded=recorded.python, used=used.python),
        Change(kind="platform", name="platform", recorded=recorded.platform, used=used.platform),
    ]
    changes = [change for change in changes if change.recorded != change.used]
    names = sorted({*recorded.packages, *used.packages}, key=lambda name: (name not in relevant, name))
    for name in names:
        mine, other = recorded.packages.get(name, ""), used.packages.get(name, "")
        if mine != other and (name in relevant or (mine and other)):
            changes.append(Change(kind="package", name=name, recorded=mine, used=other))
    return tuple(changes)


def is_time(name: str) -> bool:
    """Say whether a figure of that name is how long something took: no two builds agree in it."""
    return is_clock(name) or _clock.search(name) is not None


class Judging:
    """Say what is the same in two builds, where they part and what may be behind it."""

    def __init__(
        self, found: Origin, inputs: Inputs, laid: Laid, answer: Answer, tolerance: Tolerance
    ) -> None:
        self._origin = found
        self._inputs = inputs
        self._laid = laid
        self._answer = answer
        self._tolerance = tolerance

    def report(self, used: Hardware, **rest: Any) -> Reproduction:
        """Return the report; ``rest`` are its fields that say how it was done."""
        found, answer = self._origin, self._answer
        figures = tuple(self._figures()) if answer.failure is None else ()
        status = self._status(figures)
        first = answer.first or (self._fallback(figures) if status == "different" else None)
        differs = status in ("different", "failed")
        stage = first.stage if first else (answer.failure.stage if answer.failure else "")
        relevant = self._packages_of(stage)
        changes = (
            *self._laid.changes,
            *compare_environments(found.environment, answer.environment, relevant),
            *_hardware(found, used),
        )
        return Reproduction(
            model=found.label,
            status=status,
            run_id=found.run.run_id,
            stages=tuple(found.executions),
            inputs=tuple(sorted(self._inputs.stages)),
            metrics=figures,
            model_kept=found.model is not None,
            arrays=answer.arrays,
            other=answer.other,
            changes=changes,
            first=first,
            causes=tuple(self._causes(changes, relevant, stage)) if differs else (),
            failure=answer.failure,
            **rest,
        )

    def _status(self, figures: tuple[Figure, ...]) -> ReproductionStatus:
        if self._answer.failure is not None:
            return "failed"
        seen = {figure.status for figure in figures} | {array.status for array in self._answer.arrays}
        if "different" in seen or self._answer.other or not self._answer.bundle:
            return "different"
        if self._origin.model is None and self._answer.first is not None:
            return "different"
        if self._origin.model is not None and not self._answer.arrays and self._answer.notes:
            return "different"
        return "within tolerance" if "within tolerance" in seen else "identical"

    def _figures(self) -> Iterator[Figure]:
        mine, other = self._origin.metrics, self._answer.metrics
        for name in {**mine, **other}:
            if name.startswith("gate: ") and (name not in mine or name not in other):
                # A condition on the machine, or a figure that another version of this package keeps.
                continue
            yield _figure(name, mine.get(name), other.get(name), self._tolerance)

    def _fallback(self, figures: tuple[Figure, ...]) -> FirstDifference | None:
        """Name the stage that logged what differs, where no variable that it left does: the last stage leaves none."""
        stage = self._origin.stage
        array = _first_different(self._answer.arrays)
        if array is not None:
            return FirstDifference(stage=stage, variable=array.path, what=array.what)
        if self._answer.other:
            place, _, what = self._answer.other[0].partition(": ")
            return FirstDifference(stage=stage, variable=place, what=what)
        for figure in figures:
            if figure.status == "different":
                logging = (
                    name for name, one in self._origin.executions.items() if figure.name in one.metrics
                )
                return FirstDifference(
                    stage=next(logging, stage), variable=f"metric {figure.name}", what=figure.what
                )
        return None

    def _packages_of(self, stage: str) -> tuple[str, ...]:
        """Return the recorded packages that a stage's code and the setup cells import."""
        cells = self._origin.notebook.cells
        texts = [cells[index].source for index in self._origin.pipeline.setup]
        if stage in self._origin.executions:
            texts.append(self._origin.executions[stage].source)
        pins = {**self._origin.environment.packages, **self._answer.environment.packages}
        return fresh.wanted_of(cache_key.imported_names(texts), pins)

    def _causes(self, changes: tuple[Change, ...], relevant: Sequence[str], stage: str) -> Iterator[str]:
        told = False
        for change in changes:
            if change.kind == "input":
                told = True
                stage_of = self._inputs.stages.get(change.name, "")
                yield f"input {change.name}, which stage {stage_of} reads: {change.what}"
        packages = [change for change in changes if change.kind == "package"]
        near = [change for change in packages if change.name in relevant] or packages
        for change in (*near, *(c for c in changes if c.kind in ("python", "platform", "hardware"))):
            told = True
            name = _SPOKEN.get(change.kind, change.name)
            yield f"{name} is {change.used or 'not there'}, it was {change.recorded or 'not there'}"
        yield from (f"unequal from the first draw on: {each}" for each in self._answer.states[:1])
        if not told and self._answer.failure is None:
            draws = list(self._draws(stage))
            yield from draws
            if not draws:
                yield "inputs and packages are those on record: the code doesn't do the same twice"

    def _draws(self, stage: str) -> Iterator[str]:
        """Name the cells up to where it differs that draw without a seed."""
        execution = self._origin.executions.get(stage)
        last = max(execution.cells, default=0) if execution else len(self._origin.notebook.cells)
        for finding in lint.check(self._origin.notebook):
            if finding.rule == UNSEEDED and finding.cell is not None and finding.cell <= last:
                yield f"cell {finding.cell}, line {finding.line}: {finding.message}"


def _figure(name: str, mine: float | None, other: float | None, tolerance: Tolerance) -> Figure:
    if mine is None or other is None:
        what = "only the record has it" if other is None else "only the new build has it"
        return Figure(name=name, status="different", recorded=mine, rebuilt=other, what=what)
    status: Sameness = "identical"
    what = in_our_words(number_differs(mine, other, Tolerance()))
    if what and is_time(name):
        return Figure(name=name, status="not compared", recorded=mine, rebuilt=other, what="a time it took")
    if what:
        within = not tolerance.exact and not number_differs(mine, other, tolerance)
        status = "within tolerance" if within else "different"
    return Figure(name=name, status=status, recorded=mine, rebuilt=other, what=what)


def _first_different(arrays: tuple[ModelArray, ...]) -> ModelArray | None:
    return next((array for array in arrays if array.status == "different"), None)


def _hardware(found: Origin, used: Hardware) -> Iterator[Change]:
    """Say which machine it ran on, where that is another one: the number of threads bears on the last digits."""
    recorded = found.run.hardware
    if recorded is not None:
        mine, other = (f"{one.processor}, {one.cores} cores" for one in (recorded, used))
        if mine != other:
            yield Change(kind="hardware", name="processor", recorded=mine, used=other)
