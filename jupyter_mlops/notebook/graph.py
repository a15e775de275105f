"""The stages as a graph: what each waits for, an order that keeps it, and the cycles that no order keeps."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from jupyter_mlops.notebook.resources import is_resource, spoken
from jupyter_mlops.records.pipeline import Diagnostic, Stage, StageOptions

if TYPE_CHECKING:
    from jupyter_mlops.notebook.stages import Plan
    from jupyter_mlops.notebook.versions import Need, Versions


_explained = 50  # findings for which the stages between are looked for


class Reason(NamedTuple):
    """Say why a stage waits for another: for which variable or file, and where (cell and line) each has it."""

    name: str
    cell: int
    earlier_cell: int
    line: int
    anew: bool = False  # the stage that waits sets what the other must have read before


Reasons = dict[tuple[str, str], Reason]  # by the stage that waits and the one it waits for


def stages(made: Plan, versions: Versions) -> tuple[tuple[Stage, ...], Reasons]:
    """Return the stages in an order that keeps what each waits for, and the reasons."""
    order = list(made.stages)
    crossing = {name: _variables(versions.needs.get(name, {})) for name in order}
    outputs: dict[str, set[str]] = {name: set() for name in order}
    for wanted in crossing.values():
        for variable, need in wanted.items():
            outputs[need.version.stage].add(variable)
    reasons = _reasons(made, versions)
    built = []
    for name in order:
        options = made.options.get(name, StageOptions())
        producers = {variable: crossing[name][variable].version.stage for variable in sorted(crossing[name])}
        upstream = {earlier for later, earlier in reasons if later == name}
        upstream |= {after for after in options.after if after in made.stages}
        built.append(
            Stage(
                name=name,
                cells=tuple(made.stages[name]),
                upstream=tuple(sorted(upstream - {name}, key=order.index)),
                inputs=tuple(producers),
                outputs=tuple(sorted(outputs[name])),
                producers=producers,
                options=options,
            )
        )
    return _sorted(tuple(built), _read_before(made, versions)), reasons


def all_cycles(
    made: Plan, versions: Versions, found: tuple[Stage, ...], reasons: Reasons
) -> list[Diagnostic]:
    """Return one finding for each group of stages that no order keeps: that wait for each other, or take turns."""
    upstream = {stage.name: stage.upstream for stage in found}
    findings = cycles(found, upstream, reasons)
    if findings:
        return findings
    turns = _read_before(made, versions)
    for later, earlier in turns:
        upstream[later] = (*upstream[later], earlier)
    return cycles(found, upstream, {**turns, **reasons})


def cycles(
    found: tuple[Stage, ...], upstream: dict[str, tuple[str, ...]], reasons: Reasons
) -> list[Diagnostic]:
    """Return one finding for each group of stages that wait for each other."""
    cells = {stage.name: stage.cells for stage in found}
    waiting = _never_ready(upstream)
    upstream = {name: tuple(other for other in upstream[name] if other in waiting) for name in waiting}
    findings = []
    reported: set[str] = set()
    for name in sorted(upstream, key=lambda name: cells[name]):
        path = [] if name in reported else _way_back(name, upstream)
        if path:
            reported.update(path)
            findings.append(_finding(sorted(path, key=lambda name: cells[name]), reasons, cells))
    return findings


def with_mends(findings: list[Diagnostic], found: tuple[Stage, ...]) -> list[Diagnostic]:
    """Say in each finding's mend how its stages are merged, with those between that wait for one and that one waits for."""
    upstream = {stage.name: stage.upstream for stage in found}
    downstream: dict[str, tuple[str, ...]] = {}
    for stage in found:
        for other in stage.upstream:
            downstream[other] = (*downstream.get(other, ()), stage.name)
    mended = []
    for place, finding in enumerate(findings):
        if len(finding.merge) < 2:  # noqa: PLR2004 - one stage needs no merging
            mended.append(finding)
            continue
        names = set(finding.merge)
        if place < _explained:
            above = set().union(*(_reach(name, upstream) for name in finding.merge))
            names |= above & set().union(*(_reach(name, downstream) for name in finding.merge))
        mended.append(
            _with_mend(finding, sorted((s for s in found if s.name in names), key=lambda s: s.cells))
        )
    return mended


def _with_mend(finding: Diagnostic, merged: list[Stage]) -> Diagnostic:
    first, *rest = merged
    retagged = [str(cell) for stage in rest for cell in stage.cells]
    shown = ", ".join(retagged[:6]) + (", …" if len(retagged) > 6 else "")  # noqa: PLR2004 - a line's worth
    names = (first.name, *(stage.name for stage in rest))
    merge = (
        f"merge stages {_listed(list(names))}: "
        f"tag cell{'s' * (len(retagged) > 1)} {shown} `%%mlops stage {first.name}`"
    )
    return msgspec.structs.replace(
        finding, mend=f"{finding.mend}, or {merge}" if finding.mend else merge, merge=names
    )


def _variables(needs: dict[str, Need]) -> dict[str, Need]:
    return {name: need for name, need in needs.items() if not is_resource(name)}


def _reasons(made: Plan, versions: Versions) -> Reasons:
    reasons: Reasons = {}
    for later in made.stages:
        for name, need in sorted(
            versions.needs.get(later, {}).items(), key=lambda item: is_resource(item[0])
        ):
            if need.version.stage != later:
                reason = Reason(name, need.cell, need.version.cell, need.line)
                reasons.setdefault((later, need.version.stage), reason)
    for name, uses in versions.files.items():
        _file_order(name, uses, reasons)
    for name, users in versions.unseeded.items():
        # Nothing seeds it, so no order is the right one; but in this order nothing has to run again.
        for earlier, later in pairwise(users):
            if made.stages[earlier][-1] < made.stages[later][0]:
                reasons.setdefault(
                    (later, earlier), Reason(name, made.stages[later][0], made.stages[earlier][0], 1)
                )
    return reasons


def _read_before(made: Plan, versions: Versions) -> Reasons:
    """Return which stage must come behind which, because it sets anew what that one reads as it was before."""
    reasons: Reasons = {}
    for version, writer, cell, line in versions.replaced:
        for reader in version.readers:
            if reader != writer and reader in made.stages and writer in made.stages:
                reasons.setdefault(
                    (writer, reader), Reason(version.name, cell, made.stages[reader][0], line, anew=True)
                )
    return reasons


def _file_order(name: str, uses: list[tuple[str, bool, int, int]], reasons: Reasons) -> None:
    """Keep the order of uses of which one writes; a reader waits only for the last writer above it."""
    writer: tuple[str, int] | None = None
    readers: list[tuple[str, int]] = []
    for stage, writes, cell, line in uses:
        before = [*readers, *([writer] if writer else [])] if writes else [writer] if writer else []
        for earlier, earlier_cell in before:
            if earlier != stage:
                reasons.setdefault((stage, earlier), Reason(name, cell, earlier_cell, line))
        if writes:
            writer, readers = (stage, cell), []
        else:
            readers.append((stage, cell))


def _sorted(found: tuple[Stage, ...], turns: Reasons) -> tuple[Stage, ...]:
    """Keep the page's order where it serves; else put each stage behind what it waits for."""
    place = {stage.name: index for index, stage in enumerate(found)}
    behind = {stage.name: set(stage.upstream) for stage in found}
    for later, earlier in turns:
        behind[later].add(earlier)
    if all(place[other] < place[name] for name, others in behind.items() for other in others):
        return found
    done: dict[str, Stage] = {}
    waiting = list(found)
    while waiting:
        ready = next((stage for stage in waiting if done.keys() >= behind[stage.name]), None)
        if ready is None:
            return found  # a cycle: that is a finding of its own
        waiting.remove(ready)
        done[ready.name] = ready
    return tuple(done.values())


def _reach(start: str, upstream: dict[str, tuple[str, ...]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for other in upstream.get(waiting.pop(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def _never_ready(upstream: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the stages that are in a cycle or wait for one."""
    waiting = {name: len(others) for name, others in upstream.items()}
    behind: dict[str, list[str]] = {name: [] for name in upstream}
    for name, others in upstream.items():
        for other in others:
            behind[other].append(name)
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        name = ready.pop()
        del waiting[name]
        for later in behind[name]:
            waiting[later] -= 1
            if not waiting[later]:
                ready.append(later)
    return set(waiting)


def _way_back(start: str, upstream: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the stages of a shortest cycle through ``start``; empty when there is none."""
    came_from: dict[str, str] = {}
    waiting = [start]
    for name in waiting:
        for other in upstream[name]:
            if other == start:
                path = [name]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path
            if other not in came_from:
                came_from[other] = name
                waiting.append(other)
    return []


def _finding(path: list[str], reasons: Reasons, cells: dict[str, tuple[int, ...]]) -> Diagnostic:
    why = []
    places = []
    for later in path:
        for earlier in path:
            reason = reasons.get((later, earlier))
            if reason is not None and later != earlier:
                why.append(_why(later, earlier, reason))
                places.append((reason.cell, reason.line))
    cell, line = max(places) if places else (cells[path[-1]][0], 1)
    return Diagnostic(
        rule="MLO120",
        message=f"the stages {_listed(path)} wait for each other: {', '.join(why) or 'by --after'}",
        mend="give the cells after the loop a stage of their own",
        cell=cell,
        line=line,
        merge=tuple(path),
    )


def _why(later: str, earlier: str, reason: Reason) -> str:
    named = spoken(reason.name)
    if reason.anew:
        return f"{later} (cell {reason.cell}) sets {named}, which {earlier} reads as it was before"
    verb = "uses" if is_resource(reason.name) else "reads"
    return f"{later} (cell {reason.cell}) {verb} {named} of {earlier} (cell {reason.earlier_cell})"


def _listed(names: list[str]) -> str:
    return f"{names[0]} and {names[1]}" if len(names) == 2 else ", ".join(names)  # noqa: PLR2004 - a pair reads so
