"""A lineage drawn for a page: from the data at the top down to what was decided about the model."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jupyter_mlops.governance.lineage_text import cut, title
from jupyter_mlops.pipeline.render.layout import Place, arrange
from jupyter_mlops.records.pipeline import Pipeline, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.governance.lineage import Lineage, Node
    from jupyter_mlops.pipeline.render.layout import Layout

# Beyond that it is a wall, and the same in words says more.
MOST = 60
_WIDTH, _HEIGHT, _LANE = 232, 46, 20
_ACROSS, _DOWN, _MARGIN = 22, 34, 12
_TITLE, _NOTE = 26, 33


def draw(lineage: Lineage) -> str:
    """Return one ``<svg>`` element, coloured by the page that it stands in; nothing where it is too long to draw."""
    if len(lineage.nodes) > MOST:
        return ""
    upstream = _upstream(lineage)
    stages = tuple(
        Stage(name=node.ref, cells=(), upstream=tuple(sorted(upstream[node.ref]))) for node in lineage.nodes
    )
    layout = arrange(Pipeline(notebook="", stages=stages))
    across, width = _centres(layout)
    height = 2 * _MARGIN + layout.columns * _HEIGHT + (layout.columns - 1) * _DOWN
    name = escape(f"What {lineage.start} was made from")
    parts = [
        f'<svg class="lineage" role="img" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}"',
        f' height="{height}" aria-label="{name}"><title>{name}</title>',
        *(
            _edge(layout, across, source, to)
            for to, sources in upstream.items()
            for source in sorted(sources)
        ),
        *(
            _box(node, across[layout.places[node.ref]], _top(layout.places[node.ref]))
            for node in lineage.nodes
        ),
        "</svg>",
    ]
    return "".join(parts)


def _upstream(lineage: Lineage) -> dict[str, set[str]]:
    """Return what each node was made from at first hand: what another way leads to as well is left out."""
    direct: dict[str, set[str]] = {node.ref: set() for node in lineage.nodes}
    for edge in lineage.edges:
        if edge.source != edge.to:
            direct[edge.to].add(edge.source)
    behind = {ref: _all_behind(ref, direct) for ref in direct}
    return {
        ref: {
            source
            for source in sources
            if not any(
                source in behind[other] and other not in behind[source] for other in sources - {source}
            )
        }
        for ref, sources in direct.items()
    }


def _all_behind(ref: str, direct: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [ref]
    while waiting:
        for source in direct[waiting.pop()] - found:
            found.add(source)
            waiting.append(source)
    return found


def _centres(layout: Layout) -> tuple[dict[Place, float], float]:
    """Return where each place has its middle from left to right, and the width of all; each level is centred."""
    sizes: dict[Place, int] = dict.fromkeys(
        (place for bends in layout.bends.values() for place in bends), _LANE
    )
    sizes |= dict.fromkeys(layout.places.values(), _WIDTH)
    levels: dict[int, list[Place]] = {}
    for place in sorted(sizes, key=lambda place: (place.column, place.row)):
        levels.setdefault(place.column, []).append(place)
    widths = {
        level: sum(sizes[place] for place in places) + _ACROSS * (len(places) - 1)
        for level, places in levels.items()
    }
    total = max(widths.values(), default=0) + 2 * _MARGIN
    across: dict[Place, float] = {}
    for level, places in levels.items():
        left = (total - widths[level]) / 2
        for place in places:
            across[place] = left + sizes[place] / 2
            left += sizes[place] + _ACROSS
    return across, total


def _top(place: Place) -> int:
    return _MARGIN + place.column * (_HEIGHT + _DOWN)


def _edge(layout: Layout, across: Mapping[Place, float], source: str, to: str) -> str:
    places = [layout.places[source], *layout.bends[source, to], layout.places[to]]
    if places[-1].column <= places[0].column:
        return ""  # a circle's way back: no honest ledger has one
    x, y = across[places[0]], _top(places[0]) + _HEIGHT
    path = [f"M{x:.1f} {y}"]
    for place in places[1:]:
        end = _top(place)
        half = (end - y) / 2
        path.append(f"C{x:.1f} {y + half:.1f} {across[place]:.1f} {end - half:.1f} {across[place]:.1f} {end}")
        x, y = across[place], end
        if place is not places[-1]:
            y += _HEIGHT
            path.append(f"V{y}")
    return f'<path d="{"".join(path)}"/>'


def _box(node: Node, middle: float, top: int) -> str:
    name, note = title(node)
    left = middle - _WIDTH / 2
    tone = _tone(node)
    return (
        f'<g class="{escape(node.kind)}{f" {tone}" if tone else ""}"><title>{escape(f"{name} {note}")}</title>'
        f'<rect x="{left:.1f}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" rx="7"/>'
        f'<rect class="edge" x="{left:.1f}" y="{top}" width="5" height="{_HEIGHT}" rx="2.5"/>'
        f'<text class="name" x="{left + 14:.1f}" y="{top + 19}">{escape(cut(name, _TITLE))}</text>'
        f'<text x="{left + 14:.1f}" y="{top + 36}">{escape(cut(note, _NOTE))}</text></g>'
    )


def _tone(node: Node) -> str:
    if node.missing or node.record.get("override"):
        return "bad"
    if node.kind == "evaluation":
        return "ok" if node.record["passed"] else "bad"
    return ""
