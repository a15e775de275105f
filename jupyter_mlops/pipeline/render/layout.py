"""Places for stages: a column by the longest way to a stage, rows ordered so that edges cross little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Pipeline

SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Say where a stage stands: ``column`` from the left, ``row`` from the top, both from 0."""

    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Hold each stage's place, and for each edge (upstream, downstream) the places it passes on its way."""

    places: dict[str, Place]
    bends: dict[tuple[str, str], list[Place]]
    columns: int
    rows: int


Node = tuple[str, str]  # a stage is (name, ""), a bend of an edge (upstream, downstream)


def arrange(pipeline: Pipeline) -> Layout:
    """Return a place for each stage, right of all that it waits for; long edges get places of their own."""
    upstream = {stage.name: stage.upstream for stage in pipeline.stages}
    column = _columns(upstream)
    width = max(column.values(), default=0) + 1
    layers: list[list[tuple[Node, int]]] = [[] for _ in range(width)]
    before: dict[tuple[Node, int], list[tuple[Node, int]]] = {}
    for name, others in upstream.items():
        here = ((name, ""), column[name])
        layers[column[name]].append(here)
        before.setdefault(here, [])
        for other in others:
            last = ((other, ""), column[other])
            for between in range(column[other] + 1, column[name]):
                bend = ((other, name), between)
                layers[between].append(bend)
                before[bend] = [last]
                last = bend
            before[here].append(last)
    row = _rows(layers, before)
    place = {node: Place(at, row[node, at]) for layer in layers for node, at in layer if not node[1]}
    bends = {
        (other, name): [Place(at, row[(other, name), at]) for at in range(column[other] + 1, column[name])]
        for name, others in upstream.items()
        for other in others
    }
    rows = max((found + 1 for found in row.values()), default=1)
    return Layout({name: found for (name, _), found in place.items()}, bends, width, rows)


def _rows(
    layers: list[list[tuple[Node, int]]], before: dict[tuple[Node, int], list[tuple[Node, int]]]
) -> dict[tuple[Node, int], int]:
    """Order each layer by the mean place of its neighbours, to and fro."""
    after: dict[tuple[Node, int], list[tuple[Node, int]]] = {}
    for node, others in before.items():
        for other in others:
            after.setdefault(other, []).append(node)
    row = {node: place for layer in layers for place, node in enumerate(layer)}
    for sweep in range(SWEEPS):
        near = before if sweep % 2 == 0 else after
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            means = {node: _mean([row[other] for other in near.get(node, [])], row[node]) for node in layer}
            layer.sort(key=means.__getitem__)
            row.update({node: place for place, node in enumerate(layer)})
    return row


def _columns(upstream: dict[str, tuple[str, ...]]) -> dict[str, int]:
    column: dict[str, int] = {}
    waiting = list(upstream)
    while waiting:
        ready = [name for name in waiting if all(other in column for other in upstream[name])]
        # A cycle has no first stage; such a graph is shown all the same, in page order.
        for name in ready or waiting[:1]:
            column[name] = 1 + max((column.get(other, -1) for other in upstream[name]), default=-1)
        waiting = [name for name in waiting if name not in column]
    return column


def _mean(rows: list[int], otherwise: int) -> float:
    return sum(rows) / len(rows) if rows else float(otherwise)
