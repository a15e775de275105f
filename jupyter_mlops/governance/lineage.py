"""What stands behind a record: a walk over references, the same for every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.records.base import Record, Value, to_builtins
from jupyter_mlops.records.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# The order of a chain, from what a client saw back to the data.
ORDER = (
    "prediction",
    "deployment",
    "model",
    "evaluation",
    "explanation",
    "approval",
    "promotion",
    "retirement",
    "drift",
    "run",
    "stage",
    "dataset",
    "validation",
    "expectations",
)
# What says something about a model version or a dataset version, without being made of it.
JUDGEMENTS = ("approval", "evaluation", "promotion", "retirement", "validation")


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
    sources: Callable[[Sequence[Record]], Mapping[str, Iterable[str]]],
    fetch: Callable[[Iterable[str]], Mapping[str, Record]],
    judgements: Callable[[Sequence[Record]], Iterable[tuple[str, Record]]],
) -> Lineage:
    """Walk from ``start`` to everything it was made from; each question is asked once for all records of a step.

    Args:
        start: the record asked for.
        sources: gives for each record, by its reference, the references that it was made from.
        fetch: gives those of the references that are on record.
        judgements: gives the records that judge some of these (gates, promotions), each with the judged reference.
    """
    nodes = {str(start.ref): _node(start)}
    edges: set[tuple[str, str]] = set()
    step: Sequence[Record] = (start,)
    while step:
        behind = {here: list(refs) for here, refs in sources(step).items()}
        known = fetch(dict.fromkeys(ref for refs in behind.values() for ref in refs if ref not in nodes))
        judged = list(judgements(step))
        for here, refs in behind.items():
            edges.update((ref, here) for ref in refs)
            nodes.update((ref, _missing(ref)) for ref in refs if ref not in nodes and ref not in known)
        edges.update((here, str(record.ref)) for here, record in judged)
        step = _added(nodes, [*known.values(), *(record for _, record in judged)])
    return _lineage(str(start.ref), nodes, edges)


def trace_downstream(
    start: Record, *, children: Callable[[Sequence[Record]], Iterable[tuple[str, Record]]]
) -> Lineage:
    """Walk from ``start`` to everything that was made from it.

    Args:
        start: the record asked for.
        children: gives what was made from some records, each with the reference that it was made from.
    """
    nodes = {str(start.ref): _node(start)}
    edges: set[tuple[str, str]] = set()
    step: Sequence[Record] = (start,)
    while step:
        made = list(children(step))
        edges.update((here, str(child.ref)) for here, child in made)
        step = _added(nodes, (child for _, child in made))
    return _lineage(str(start.ref), nodes, edges, downstream=True)


def _added(nodes: dict[str, Node], records: Iterable[Record]) -> list[Record]:
    """Add a node for each record that has none; return those records."""
    fresh = {str(record.ref): record for record in records if str(record.ref) not in nodes}
    nodes.update((ref, _node(record)) for ref, record in fresh.items())
    return list(fresh.values())


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
