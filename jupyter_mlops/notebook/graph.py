"""Cycles between stages: two stages that each need the other can't run one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.records.pipeline import Diagnostic, Stage

if TYPE_CHECKING:
    from jupyter_mlops.notebook.versions import Need


def cycles(stages: tuple[Stage, ...], needs: dict[str, dict[str, Need]]) -> list[Diagnostic]:
    """Return one finding for each group of stages that wait for each other."""
    upstream = {stage.name: stage.upstream for stage in stages}
    order = list(upstream)
    found = []
    reported: set[str] = set()
    for name in order:
        path = _way_back(name, upstream)
        if not path or name in reported:
            continue
        reported.update(path)
        last = max(path, key=order.index)
        found.append(_finding(path, last, needs, {stage.name: stage.cells for stage in stages}))
    return found


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


def _finding(
    path: list[str], last: str, needs: dict[str, dict[str, Need]], cells: dict[str, tuple[int, ...]]
) -> Diagnostic:
    reasons: list[str] = []
    places: list[tuple[int, int]] = []
    # A stage of the path needs one of the others: say by which variable and where.
    for reader in sorted(path):
        for variable, need in sorted(needs.get(reader, {}).items()):
            writer = need.version.stage
            if writer in path and writer != reader:
                reasons.append(
                    f"{reader} (cell {need.cell}) reads {variable} of {writer} (cell {need.version.cell})"
                )
                places.append((need.cell, need.line))
                break
    cell, line = max(places) if places else (cells[last][0], 1)
    first, *rest = sorted(path, key=lambda name: cells[name][0])
    names = f"{first} and {rest[0]}" if len(rest) == 1 else ", ".join([first, *rest])
    return Diagnostic(
        rule="MLO120",
        message=f"the stages {names} wait for each other: {', '.join(reasons) or 'by --after'}",
        mend="merge them into one stage, or give the cells after the loop a stage of their own",
        cell=cell,
        line=line,
    )
