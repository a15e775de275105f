"""A lineage as a picture: what was made from what, from left to right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.errors import UsageError
from jupyter_mlops.governance.lineage_text import cut, title
from jupyter_mlops.pipeline.render import svg
from jupyter_mlops.records.pipeline import Pipeline, Stage

if TYPE_CHECKING:
    from jupyter_mlops.governance.lineage import Lineage

# Beyond that nobody reads a picture, and to arrange it takes seconds.
MOST = 300
_NOTE = 44


def render(lineage: Lineage) -> str:
    """Return one ``<svg>`` element: a box a record, data on the left.

    Raises:
        UsageError: when there are too many records for a picture.
    """
    if len(lineage.nodes) > MOST:
        raise UsageError(
            f"{len(lineage.nodes)} records are too many for a picture", hint="give --format text or json"
        )
    names: dict[str, str] = {}
    marks: dict[str, tuple[str, str]] = {}
    for node in lineage.nodes:
        name, note = title(node)
        # A box goes by its name; of two gates that passed one is the second.
        names[node.ref] = name if name not in marks else f"{name} ({len(marks) + 1})"
        marks[names[node.ref]] = (node.kind, cut(note, _NOTE))
    takes, makes = _neighbours(lineage, names)
    boxes = tuple(
        Stage(name=name, cells=(), upstream=takes[name], inputs=takes[name], outputs=makes[name])
        for name in names.values()
    )
    return svg.render(Pipeline(notebook="", stages=boxes), marks, f"Lineage of {lineage.start}")


def _neighbours(
    lineage: Lineage, names: dict[str, str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    takes: dict[str, list[str]] = {name: [] for name in names.values()}
    makes: dict[str, list[str]] = {name: [] for name in names.values()}
    for edge in lineage.edges:
        takes[names[edge.to]].append(names[edge.source])
        makes[names[edge.source]].append(names[edge.to])
    return (
        {name: tuple(others) for name, others in takes.items()},
        {name: tuple(others) for name, others in makes.items()},
    )
