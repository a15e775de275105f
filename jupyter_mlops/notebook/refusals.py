"""What no pipeline can be made of: each finding with variable, cell, line and the mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.notebook import known, setup_effects
from jupyter_mlops.notebook.events import bound_names
from jupyter_mlops.notebook.resources import is_resource, spoken
from jupyter_mlops.records.pipeline import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_mlops.notebook.stages import Plan
    from jupyter_mlops.notebook.versions import Versions

_most_near = 20  # findings that say which name was meant: each such search takes its time


def of(made: Plan, versions: Versions, cycles: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return what is wrong with the stages; ``cycles`` are findings that are made already."""
    found = _undefined(made, versions) + _setup_reads(versions) + _unpassable(versions) + _unknown_after(made)
    found += [*_turns(versions, cycles), *_history(made, versions)]
    found += setup_effects.findings(made, versions)
    if not made.stages:
        found.append(
            Diagnostic(rule="MLO112", message="there is no stage", mend="tag a code cell: %%mlops stage NAME")
        )
    return found


def _undefined(made: Plan, versions: Versions) -> list[Diagnostic]:
    events = made.events
    places: dict[str, list[int]] = {}
    for index in sorted(events):
        for name in bound_names(events[index]):
            places.setdefault(name, []).append(index)
    found = []
    for number, ((name, cell), line) in enumerate(versions.undefined.items()):
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
            names = [*places, *made.params, *known.BUILTINS] if number < _most_near else []
            near = NotFoundError.of("name", name, names).details["near"]
            if near and near[0] in places and near[0] != name:
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
            if need.version.kind in known.UNPASSABLE and (stage, name) in versions.surely:
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


def _turns(versions: Versions, cycles: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield where a stage reads what another has set since it set the same variable itself."""
    waiting = [set(finding.merge) for finding in (*cycles, *versions.findings)]
    told: set[tuple[str, str, str]] = set()
    for stage, own, other, cell, line in versions.turns:
        key = (stage, other.stage, other.name)
        if key in told or any({stage, other.stage} <= names for names in waiting):
            continue
        told.add(key)
        yield Diagnostic(
            rule="MLO122",
            message=(
                f"stage {stage} sets {spoken(other.name)} in cell {own} and reads here what stage {other.stage} "
                f"has set it to since (cell {other.cell}), so neither can run first"
            ),
            mend="" if is_resource(other.name) else f"use another name in stage {other.stage}",
            cell=cell,
            line=line,
            merge=(stage, other.stage),
        )


def _history(made: Plan, versions: Versions) -> Iterator[Diagnostic]:
    """Yield where a stage reads what the session showed before it, or counts its cells."""
    owners = made.owners()
    order = sorted(owners)
    for name, stage, cell, line in versions.history:
        place = order.index(cell)
        above = [owners[index] for index in order[:place]]
        before = next((owner for owner in reversed(above) if owner != stage), "")
        if not before or (name in ("_", "_i") and above[-1] == stage):
            continue  # what the cell above showed, in the same stage
        yield Diagnostic(
            rule="MLO108",
            message=f"{name} is the session's history, which stage {stage} begins without",
            mend="give the value a name where it is made",
            cell=cell,
            line=line,
            merge=(before, stage) if name in ("_", "__", "___") else (),
        )
