"""From a notebook's cells to its pipeline: which stage needs which variable of which other stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jupyter_mlops.errors import DataflowError
from jupyter_mlops.notebook import graph, interleaving, known, refusals
from jupyter_mlops.notebook.collecting import collect_later
from jupyter_mlops.notebook.machine import Machine
from jupyter_mlops.notebook.memory import NO_OBJECTS, Found
from jupyter_mlops.notebook.stages import Plan, plan
from jupyter_mlops.notebook.summaries import Summaries
from jupyter_mlops.notebook.versions import GIVEN, Versions
from jupyter_mlops.records.pipeline import Diagnostic, Pipeline

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.notebook.events import Event


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


@collect_later
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
    stages, reasons = graph.stages(made, versions)
    cycles = graph.all_cycles(made, versions, stages, reasons)
    findings = [*made.findings, *versions.findings, *cycles, *refusals.of(made, versions, cycles)]
    if not findings:  # these are about pairs that variables let be
        findings = list(interleaving.findings(made, stages))
    pipeline = Pipeline(
        notebook=notebook.name,
        params=made.params,
        stages=stages,
        setup=tuple(made.setup),
        gates=tuple(made.gates),
        expected=tuple(made.expected),
    )
    unique = {(f.rule, f.cell, f.line, f.message): f for f in findings}
    in_order = sorted(unique.values(), key=lambda f: (-1 if f.cell is None else f.cell, f.line or 0, f.rule))
    return Examined(pipeline, graph.with_mends(in_order, stages), _fragile(versions))


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


def _fragile(versions: Versions) -> list[tuple[str, str]]:
    return sorted(
        {
            (need.version.stage, stage)
            for stage, needs in versions.needs.items()
            for need in needs.values()
            if need.version.kind in known.FRAGILE or need.version.kind in known.UNPASSABLE
        }
    )
