"""Prove a conversion: run the notebook top to bottom and as a pipeline, and compare what came of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops import settings
from jupyter_mlops.errors import UsageError
from jupyter_mlops.notebook import lint
from jupyter_mlops.pipeline import parameters
from jupyter_mlops.pipeline.comparison import outputs
from jupyter_mlops.pipeline.comparison.values import Tolerance, number_differs
from jupyter_mlops.records.verification import Compared, Difference, Draw, Failure, Verification
from jupyter_mlops.workflows import build, sides
from jupyter_mlops.workflows.sandbox import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jupyter_mlops.pipeline.comparison.snapshot import Answer
    from jupyter_mlops.records.verification import VerificationStatus
    from jupyter_mlops.workflows.sandbox import Sandbox
    from jupyter_mlops.workflows.sides import OnStep, Side, Subject

UNSEEDED = "MLO106"


def verify(
    notebook: Path,
    *,
    params: Mapping[str, Any] | None = None,
    rtol: float = 0.0,
    atol: float = 0.0,
    jobs: int | None = None,
    on_step: OnStep | None = None,
) -> Verification:
    """Run a notebook both ways and compare variables that cross a border, figures logged, and what cells showed.

    Both run in the notebook's folder, but in projects made for the occasion: no version is added to this one. Where
    something differs, the notebook is run again to see whether it is deterministic by itself, then the pipeline, in
    case that the first run left files that change the next.

    Args:
        notebook: the notebook's path.
        params: values for its parameters; texts are read by the type of the notebook's own value.
        rtol: the difference that floats may have, relative to the notebook's.
        atol: the difference that they may have besides.
        jobs: how many stages at a time; default: the number of cores.
        on_step: is told what is being done, how much of it is done, and how much there is.

    Raises:
        NotebookError: when the notebook can't be read or cut into stages.
        UsageError: when a parameter or a tolerance isn't one.
    """
    if not (rtol >= 0 and atol >= 0):
        raise UsageError("a tolerance is below zero", hint="write --rtol 1e-6")
    notebook = notebook.resolve()
    page, pipeline = build.load(notebook)
    given = dict(params or {})
    values = parameters.resolve(pipeline.params, given)
    subject = sides.Subject(notebook, page, pipeline, {name: values[name] for name in given})
    with sandbox(settings.load(notebook.parent)) as box:
        return _Verifying(subject, box, Tolerance(rtol=rtol, atol=atol), jobs, on_step or _nobody).go()


def _nobody(_label: str, _done: int, _total: int) -> None:
    pass


class _Verifying:
    """One verification: two runs, or four where something differs."""

    def __init__(
        self, subject: Subject, box: Sandbox, tolerance: Tolerance, jobs: int | None, on_step: OnStep
    ) -> None:
        self._subject = subject
        self._box = box
        self._tolerance = tolerance
        self._jobs = jobs
        self._on_step = on_step
        self._compared = Compared()

    def go(self) -> Verification:
        pipeline = self._pipeline()
        notebook = self._notebook(pipeline, "notebook")
        if notebook.error is not None:
            return self._report(
                "failed", pipeline, notebook, failure=Failure(of="notebook", error=notebook.error)
            )
        if pipeline.error is not None:
            failure = Failure(of="pipeline", error=pipeline.error, stage=pipeline.failed_stage)
            return self._report("differs", pipeline, notebook, failure=failure)
        differences = self._differences(notebook, pipeline, pipeline)
        if not differences:
            return self._report("same", pipeline, notebook)
        return self._judge(pipeline, notebook, differences)

    def _judge(self, pipeline: Side, notebook: Side, differences: tuple[Difference, ...]) -> Verification:
        """Find out whose the differences are: the pipeline's, or the notebook's from run to run."""
        again = self._notebook(pipeline, "notebook again")
        if again.error is not None:
            own: tuple[Difference, ...] = (_failed_again(again),)
        else:
            counted = self._compared
            own = tuple(map(_of_two_runs, self._differences(notebook, again, pipeline)))
            self._compared = counted
        if not own:
            # The second run of the pipeline finds the files that the notebook found.
            second = self._pipeline()
            settled = second.error is None and not self._differences(again, second, pipeline)
            return self._report(
                "same" if settled else "differs", pipeline, notebook, () if settled else differences
            )
        marked = self._marked(differences, own, notebook, again, pipeline)
        status: VerificationStatus = (
            "not deterministic" if all(item.by_itself for item in marked) else "differs"
        )
        return self._report(status, pipeline, notebook, marked, own=own)

    def _marked(
        self,
        differences: tuple[Difference, ...],
        own: tuple[Difference, ...],
        notebook: Side,
        again: Side,
        pipeline: Side,
    ) -> tuple[Difference, ...]:
        """Mark what the notebook does by itself; a cell that shows more than that isn't excused."""
        if again.error is not None:
            # Nothing can be told from a run that ended early.
            return tuple(msgspec.structs.replace(item, by_itself=True) for item in differences)
        places = {_place(item) for item in own}
        more = {
            _place(item): item
            for item in _output_differences(self._subject, notebook, pipeline, self._tolerance, again)
        }
        return tuple(
            more[_place(item)]
            if _place(item) in places and _place(item) in more
            else msgspec.structs.replace(item, by_itself=_place(item) in places)
            for item in differences
        )

    def _pipeline(self) -> Side:
        return sides.pipeline_side(self._subject, self._box, self._jobs, self._on_step)

    def _notebook(self, pipeline: Side, label: str) -> Side:
        return sides.notebook_side(self._subject, self._box, pipeline.crossing, self._on_step, label)

    def _differences(self, notebook: Side, other: Side, pipeline: Side) -> tuple[Difference, ...]:
        self._on_step("comparing", 0, 1)
        answer = sides.compare_variables(
            self._subject, self._box, notebook, other, pipeline.crossing, self._tolerance
        )
        self._compared = Compared(
            variables=answer.compared,
            cells=len({cell for shown in pipeline.outputs.values() for cell in shown}),
            metrics=len(notebook.logged.metrics),
            nothing_to_compare=answer.skipped,
        )
        shown = _output_differences(self._subject, notebook, other, self._tolerance)
        found = sorted([*shown, *_variable_differences(self._subject, answer)], key=self._page_order)
        return (*found, *_logged_differences(notebook, other, self._tolerance))

    def _page_order(self, item: Difference) -> tuple[int, int, int]:
        names = [stage.name for stage in self._subject.pipeline.stages]
        last = 1_000_000
        return names.index(item.stage), last if item.cell is None else item.cell, item.kind == "variable"

    def _report(
        self,
        status: VerificationStatus,
        pipeline: Side,
        notebook: Side,
        differences: tuple[Difference, ...] = (),
        *,
        own: tuple[Difference, ...] = (),
        failure: Failure | None = None,
    ) -> Verification:
        return Verification(
            notebook=self._subject.path.name,
            status=status,
            stages=tuple(stage.name for stage in self._subject.pipeline.stages),
            compared=self._compared,
            differences=differences,
            own_differences=own,
            draws=_draws(self._subject, own),
            failure=failure,
            suggested=self._subject.pipeline.suggested,
            rtol=self._tolerance.rtol,
            atol=self._tolerance.atol,
            notebook_seconds=round(notebook.seconds, 3),
            pipeline_seconds=round(pipeline.seconds, 3),
            kernels=pipeline.kernels,
        )


def _variable_differences(subject: Subject, answer: Answer) -> Iterator[Difference]:
    for item in answer.unequal:
        cell = subject.pipeline.stage(item.stage).cells[-1]
        yield Difference(
            kind="variable", stage=item.stage, cell=cell, name=item.name, place=item.place, what=item.what
        )


def _output_differences(
    subject: Subject, notebook: Side, other: Side, tolerance: Tolerance, again: Side | None = None
) -> Iterator[Difference]:
    """Compare cell by cell; a setup cell runs in every stage, and warns in the first one for all.

    With a second run of the notebook, only that counts in which its two runs agree.
    """
    readers = outputs.Reader(), outputs.Reader(), outputs.Reader()
    second = again.outputs[""] if again is not None else {}
    repeated = {index: readers[2].read(found) for index, found in sorted(second.items())}
    shown = {index: readers[0].read(found) for index, found in sorted(notebook.outputs[""].items())}
    seen: set[int] = set()
    for stage in subject.pipeline.stages:
        ran = other.outputs.get(stage.name) or other.outputs.get("", {})
        cells = [
            index for index in (*subject.pipeline.setup, *stage.cells) if index in ran and index in shown
        ]
        for index in sorted(cells, key=lambda index: (index in stage.cells, index)):
            mine, found = shown[index], readers[1].read(ran[index])
            if index in seen:
                mine, found = ([item for item in side if item[0] != "stderr"] for side in (mine, found))
            seen.add(index)
            if index in repeated:
                found = outputs.settled(mine, repeated[index], found)
            what = outputs.compare(mine, found, tolerance)
            if what:
                yield Difference(kind="output", stage=stage.name, cell=index, what=what)


def _logged_differences(notebook: Side, other: Side, tolerance: Tolerance) -> Iterator[Difference]:
    mine, found = notebook.logged, other.logged
    for name in dict.fromkeys((*mine.metrics, *found.metrics)):
        if name not in mine.metrics or name not in found.metrics:
            where = "pipeline" if name in found.metrics else "notebook"
            yield Difference(kind="metric", name=name, what=f"only the {where} logs it")
            continue
        what = number_differs(mine.metrics[name], found.metrics[name], tolerance)
        if what:
            yield Difference(kind="metric", name=name, what=what)
    for name, one, two in (
        ("datasets", sorted(set(mine.datasets)), sorted(set(found.datasets))),
        ("models", sorted(mine.models), sorted(found.models)),
    ):
        if one != two:
            yield Difference(kind="logged", name=name, what=f"{one} in the notebook, {two} in the pipeline")


def _draws(subject: Subject, own: tuple[Difference, ...]) -> tuple[Draw, ...]:
    """Name the cells that draw without a seed, down to the first that differs from run to run."""
    cells = [item.cell for item in own if item.cell is not None]
    if not cells:
        return ()
    return tuple(
        Draw(cell=finding.cell, line=finding.line or 1, message=finding.message)
        for finding in lint.check(subject.notebook)
        if finding.rule == UNSEEDED and finding.cell is not None and finding.cell <= cells[0]
    )


def _place(item: Difference) -> tuple[str, int | None, str]:
    return item.kind, item.cell, item.name


def _of_two_runs(item: Difference) -> Difference:
    words = item.what.replace("the notebook", "the first run").replace("the pipeline", "the second run")
    return msgspec.structs.replace(item, what=words, by_itself=True)


def _failed_again(again: Side) -> Difference:
    error = again.error
    assert error is not None  # noqa: S101 - asked before
    what = f"the second run fails: {error.type}: {error.message}"
    return Difference(kind="output", cell=error.cell, what=what, by_itself=True)
