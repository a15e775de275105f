"""What stands behind a record: a walk over references, the same for every kind."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from jupyter_mlops.records.base import Record, Value, to_builtins
from jupyter_mlops.records.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# The order of a chain, from what a client saw back to the data.
ORDER = ("prediction", "deployment", "model", "evaluation", "promotion", "drift", "run", "stage", "dataset")


class Node(Value, frozen=True, kw_only=True):
    """Name one thing in a lineage; ``record`` is its JSON form, empty when it is ``missing`` from the ledger."""

    ref: str
    kind: str
    record: dict[str, Any]
    missing: bool = False


class Edge(Value, frozen=True, kw_only=True):
    """Say that ``to`` was made from, or judges, ``source``."""

    source: str
    to: str


class Lineage(Value, frozen=True, kw_only=True):
    """Hold a chain: ``start`` is what was asked for; nodes from there back to the data (or on, ``downstream``)."""

    start: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    downstream: bool = False

    def node(self, ref: str) -> Node:
        """Return the node of that reference.

        Raises:
            KeyError: when there is none.
        """
        for node in self.nodes:
            if node.ref == ref:
                return node
        raise KeyError(ref)


def trace(
    start: Record,
    *,
    get: Callable[[str], Record | None],
    sources: Callable[[Record], Iterable[str]],
    judgements: Callable[[Record], Iterable[Record]],
) -> Lineage:
    """Walk from ``start`` to everything it was made from.

    Args:
        start: the record asked for.
        get: gives the record of a reference, None where it isn't on record.
        sources: gives the references that a record was made from.
        judgements: gives the records that judge one: gates, promotions.
    """
    nodes, edges = {str(start.ref): _node(start)}, set()
    waiting = deque([start])
    while waiting:
        record = waiting.popleft()
        here = str(record.ref)
        found: list[tuple[str, Record | None]] = [(ref, get(ref)) for ref in sources(record)]
        for ref, source in found:
            name = str(source.ref) if source is not None else ref
            edges.add((name, here))
            if name not in nodes:
                nodes[name] = _node(source) if source is not None else _missing(ref)
                if source is not None:
                    waiting.append(source)
        for judgement in judgements(record):
            name = str(judgement.ref)
            edges.add((here, name))
            if name not in nodes:
                nodes[name] = _node(judgement)
                waiting.append(judgement)
    return _lineage(str(start.ref), nodes, edges)


def trace_downstream(start: Record, *, children: Callable[[Record], Iterable[Record]]) -> Lineage:
    """Walk from ``start`` to everything that was made from it."""
    nodes, edges = {str(start.ref): _node(start)}, set()
    waiting = deque([start])
    while waiting:
        record = waiting.popleft()
        for child in children(record):
            name = str(child.ref)
            edges.add((str(record.ref), name))
            if name not in nodes:
                nodes[name] = _node(child)
                waiting.append(child)
    return _lineage(str(start.ref), nodes, edges, downstream=True)


def _lineage(
    start: str, nodes: dict[str, Node], edges: set[tuple[str, str]], *, downstream: bool = False
) -> Lineage:
    rank = {kind: number for number, kind in enumerate(ORDER)}
    ordered = sorted(nodes.values(), key=lambda node: (node.ref != start, rank.get(node.kind, len(rank))))
    return Lineage(
        start=start,
        nodes=tuple(ordered),
        edges=tuple(Edge(source=source, to=to) for source, to in sorted(edges)),
        downstream=downstream,
    )


def _node(record: Record) -> Node:
    return Node(ref=str(record.ref), kind=record.ref.kind, record=to_builtins(record))


def _missing(ref: str) -> Node:
    return Node(ref=ref, kind=Ref.parse(ref).kind, record={}, missing=True)
