"""From a notebook's cells to its pipeline: which stage needs which variable of which other stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jupyter_mlops.errors import DataflowError, NotFoundError
from jupyter_mlops.notebook import graph, known
from jupyter_mlops.notebook.events import Event, bound_names
from jupyter_mlops.notebook.machine import Machine
from jupyter_mlops.notebook.memory import NO_OBJECTS, Found
from jupyter_mlops.notebook.stages import Plan, plan
from jupyter_mlops.notebook.summaries import Summaries
from jupyter_mlops.notebook.versions import GIVEN, Versions
from jupyter_mlops.records.pipeline import Diagnostic, Pipeline

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Notebook


def analyse(notebook: Notebook) -> Pipeline:
    """Cut a notebook into stages, with the variables that cross their borders.

    Raises:
        DataflowError: when the stages can't give the notebook's results; ``details["diagnostics"]`` has every finding.
    """
    pipeline, findings = examine(notebook)
    if findings:
        raise failure(notebook.name, findings)
    return pipeline


def failure(name: str, findings: list[Diagnostic]) -> DataflowError:
    """Return the error that reports findings: the first in its message, all in its details."""
    first = findings[0]
    more = f" (and {len(findings) - 1} more: jupyter mlops check {name})" if len(findings) > 1 else ""
    return DataflowError(
        f"{name}, {place(first)}{first.message}{more}",
        hint=first.mend,
        code=first.rule,
        diagnostics=findings,
        cell=first.cell,
        line=first.line,
    )


def place(finding: Diagnostic) -> str:
    """Return where a finding is: ``cell 3, line 2: ``; cells count from 0, as in the notebook's own list."""
    if finding.cell is None:
        return ""
    return f"cell {finding.cell}, line {finding.line}: " if finding.line else f"cell {finding.cell}: "


class Examined(NamedTuple):
    """Hold a pipeline as far as it goes, what is wrong with it, and the pairs of stages best left as one.

    ``fragile`` are pairs of which the first passes to the second what another process may show otherwise: a
    figure that is drawn over several cells, an iterator that is partly used up.
    """

    pipeline: Pipeline
    findings: list[Diagnostic]
    fragile: list[tuple[str, str]]


def examine(notebook: Notebook) -> tuple[Pipeline, list[Diagnostic]]:
    """Return the pipeline as far as it goes, and what is wrong with it in page order."""
    found = examined(notebook)
    return found.pipeline, found.findings


def examined(notebook: Notebook) -> Examined:
    """Return all that the analysis says of a notebook."""
    if notebook.language not in ("python", "ipython", ""):
        finding = Diagnostic(
            rule="MLO100",
            message=f"the notebook's language is {notebook.language}",
            mend="only Python notebooks become pipelines",
        )
        return Examined(Pipeline(notebook=notebook.name), [finding], [])
    made = plan(notebook)
    versions = _follow(made, made.events)
    findings = [*made.findings, *versions.findings, *_undefined(made, versions, made.events)]
    findings += _setup_reads(versions) + _unpassable(versions) + _unknown_after(made)
    if not made.stages:
        findings.append(
            Diagnostic(rule="MLO112", message="there is no stage", mend="tag a code cell: %%mlops stage NAME")
        )
    stages, reasons = graph.stages(made, versions)
    findings += graph.cycles(stages, reasons)
    pipeline = Pipeline(
        notebook=notebook.name,
        params=made.params,
        stages=stages,
        setup=tuple(made.setup),
        gates=tuple(made.gates),
    )
    unique = {(f.rule, f.cell, f.line, f.message): graph.with_mend(f, stages) for f in findings}
    in_order = sorted(unique.values(), key=lambda f: (-1 if f.cell is None else f.cell, f.line or 0, f.rule))
    return Examined(pipeline, in_order, _fragile(versions))


def _follow(made: Plan, events: dict[int, tuple[Event, ...]]) -> Versions:
    """Run the events of all cells but the skipped ones, in page order."""
    owners = made.owners()
    ours = {index: found for index, found in events.items() if index not in made.skipped}
    texts = {name: value for name, value in made.params.items() if isinstance(value, str)}
    summaries = Summaries(ours.values(), texts)
    versions = Versions(seeded=summaries.seeded)
    machine = Machine(versions, summaries)
    for index in sorted(ours):
        if index in made.params_cells:
            _set_params(made, versions, machine)
        versions.enter(owners.get(index, GIVEN), index)
        machine.start()
        machine.run(ours[index])
        if index in owners:
            machine.finish()
    return versions


def _set_params(made: Plan, versions: Versions, machine: Machine) -> None:
    versions.enter(GIVEN, made.params_cells[0])
    for name, value in made.params.items():
        if name not in versions.current:
            versions.bound(name, 1, sure=True, kind="constant")
            is_constant = not isinstance(value, list | dict)
            objects = NO_OBJECTS if is_constant else machine.memory.fresh()
            machine.stand_for(name, Found(objects, kind="constant" if is_constant else ""))


def _undefined(made: Plan, versions: Versions, events: dict[int, tuple[Event, ...]]) -> list[Diagnostic]:
    places: dict[str, list[int]] = {}
    for index in sorted(events):
        for name in bound_names(events[index]):
            places.setdefault(name, []).append(index)
    found = []
    for (name, cell), line in versions.undefined.items():
        where = places.get(name, [])
        skipped = [index for index in where if index in made.skipped]
        later = [index for index in where if index > cell and index not in made.skipped]
        if skipped:
            message, mend = (
                f"{name} is defined only in cell {skipped[0]}, which is tagged skip",
                "untag that cell",
            )
        elif later:
            message, mend = (
                f"{name} is used before cell {later[0]} defines it",
                "move that cell above this one",
            )
        else:
            message, mend = (
                f"{name} is used but never defined above",
                "define it, or restore the cell that did",
            )
            near = NotFoundError.of("name", name, [*places, *made.params, *known.BUILTINS]).details["near"]
            if near and near[0] in places:
                mend += f"; did you mean {near[0]}?"
        found.append(Diagnostic(rule="MLO102", message=message, mend=mend, cell=cell, line=line))
    return found


def _setup_reads(versions: Versions) -> list[Diagnostic]:
    return [
        Diagnostic(
            rule="MLO121",
            message=f"this setup cell reads {name}, which stage {version.stage} makes in cell {version.cell}",
            mend="tag the cell as a stage, or move it below that stage untagged",
            cell=cell,
            line=line,
        )
        for name, cell, line, version in versions.setup_reads
    ]


def _unpassable(versions: Versions) -> list[Diagnostic]:
    found = []
    for stage, needs in versions.needs.items():
        for name, need in needs.items():
            if need.version.kind in known.UNPASSABLE:
                what, mend = known.UNPASSABLE[need.version.kind]
                found.append(
                    Diagnostic(
                        rule="MLO107",
                        message=f"{name} is {what}, which can't be passed on to stage {stage} (cell {need.cell})",
                        mend=mend,
                        cell=need.version.cell,
                        line=need.version.line,
                        merge=(need.version.stage, stage),
                    )
                )
    return found


def _fragile(versions: Versions) -> list[tuple[str, str]]:
    return sorted(
        {
            (need.version.stage, stage)
            for stage, needs in versions.needs.items()
            for need in needs.values()
            if need.version.kind in known.FRAGILE
        }
    )


def _unknown_after(made: Plan) -> list[Diagnostic]:
    found = []
    for name, options in made.options.items():
        for after in options.after:
            if after in made.stages and after != name:
                continue
            message = f"stage {name} can't come after itself"
            mend = "leave --after out"
            if after != name:
                near = NotFoundError.of("stage", after, made.stages)
                message, mend = f"stage {name} comes after {after}, and there is no such stage", near.hint
            found.append(
                Diagnostic(rule="MLO113", message=message, mend=mend, cell=made.stages[name][0], line=1)
            )
    return found
