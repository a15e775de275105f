"""The graph as an SVG picture, readable on light and dark ground, with no script and no font of its own."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING

from jupyter_mlops.pipeline.render.layout import Layout, arrange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.records.pipeline import Pipeline, Stage

_height, _gap_x, _gap_y, _margin = 52, 96, 22, 16
_letter, _small_letter = 8.4, 6.3
_most_names = 4
_NONE: Mapping[str, tuple[str, str]] = MappingProxyType({})
_head = (
    '<svg xmlns="http://www.w3.org/2000/svg" class="mlops-graph" role="img" aria-label="{title}" '
    'width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
)
_arrow = (
    '<defs><marker id="mlops-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
)
_style = """
  .mlops-graph { --line: #8a94a6; --box: #f4f6fa; --edge: #5b6b86; --ink: #1c2430; --soft: #5b6472; }
  @media (prefers-color-scheme: dark) {
    .mlops-graph { --line: #667085; --box: #252b36; --edge: #93a4c3; --ink: #eef1f6; --soft: #a9b3c4; }
  }
  .mlops-graph text { font-family: system-ui, sans-serif; fill: var(--ink); }
  .mlops-graph .soft { font-size: 11px; fill: var(--soft); }
  .mlops-graph .name { font-size: 14px; font-weight: 600; }
  .mlops-graph rect { fill: var(--box); stroke: var(--edge); stroke-width: 1.2; }
  .mlops-graph path { fill: none; stroke: var(--line); stroke-width: 1.4; }
  .mlops-graph marker path { fill: var(--line); stroke: none; }
"""


def render(pipeline: Pipeline, marks: Mapping[str, tuple[str, str]] = _NONE, title: str = "") -> str:
    """Return the graph as one ``<svg>`` element; each edge names the variables that cross it.

    Args:
        pipeline: the pipeline.
        marks: for a stage, the class that its box gets and the line under its name, where it isn't its cells.
        title: what the picture is called, where that isn't the pipeline's notebook.
    """
    layout = arrange(pipeline)
    width = max((_width(stage, marks) for stage in pipeline.stages), default=120.0)
    gap = max([float(_gap_x), *(_label_width(stage) for stage in pipeline.stages)])
    total_x = 2 * _margin + layout.columns * width + (layout.columns - 1) * gap
    total_y = 2 * _margin + layout.rows * _height + (layout.rows - 1) * _gap_y
    grid = _Grid(layout, width, gap)
    edges = [line for stage in pipeline.stages for line in _edges(stage, grid)]
    boxes = [
        line
        for stage in pipeline.stages
        for line in _box(stage, grid, *marks.get(stage.name, ("", _cells(stage))))
    ]
    title = escape(title or f"Pipeline of {pipeline.notebook}")
    return "\n".join(
        [
            _head.format(title=title, width=f"{total_x:.0f}", height=f"{total_y:.0f}"),
            f"<title>{title}</title>",
            f"<style>{_style}</style>",
            _arrow,
            *edges,
            *boxes,
            "</svg>\n",
        ]
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """Turn columns and rows into pixels."""

    layout: Layout
    width: float
    gap: float

    def corner(self, column: int, row: int) -> tuple[float, float]:
        return _margin + column * (self.width + self.gap), _margin + row * (_height + _gap_y)


def _box(stage: Stage, grid: _Grid, kind: str, note: str) -> list[str]:
    place = grid.layout.places[stage.name]
    x, y = grid.corner(place.column, place.row)
    middle = x + grid.width / 2
    tip = f"{stage.name}: takes {', '.join(stage.inputs) or 'nothing'}; makes {', '.join(stage.outputs) or 'nothing'}"
    return [
        f'<g class="stage{f" {kind}" if kind else ""}"><title>{escape(tip)}</title>',
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{grid.width:.1f}" height="{_height}" rx="9"/>',
        f'<text class="name" x="{middle:.1f}" y="{y + 23:.1f}" text-anchor="middle">{escape(stage.name)}</text>',
        f'<text class="soft" x="{middle:.1f}" y="{y + 40:.1f}" text-anchor="middle">{escape(note)}</text></g>',
    ]


def _edges(stage: Stage, grid: _Grid) -> list[str]:
    lines = []
    for upstream in stage.upstream:
        places = [
            grid.layout.places[upstream],
            *grid.layout.bends[upstream, stage.name],
            grid.layout.places[stage.name],
        ]
        if places[-1].column <= places[0].column:
            continue  # a cycle's way back: such a graph is shown only beside the error that names it
        corners = [grid.corner(place.column, place.row) for place in places]
        x, y = corners[0][0] + grid.width, corners[0][1] + _height / 2
        path = [f"M{x:.1f} {y:.1f}"]
        half = grid.gap / 2
        for corner_x, corner_y in corners[1:]:
            end = corner_y + _height / 2
            last = (corner_x, corner_y) == corners[-1]
            stop = corner_x - 2 if last else corner_x
            path.append(f"C{x + half:.1f} {y:.1f} {corner_x - half:.1f} {end:.1f} {stop:.1f} {end:.1f}")
            x, y = corner_x, end
            if not last:
                x += grid.width
                path.append(f"H{x:.1f}")
        lines.append(f'<path d="{"".join(path)}" marker-end="url(#mlops-arrow)"/>')
        lines += _caption(_label(stage, upstream), corners, grid)
    return lines


def _caption(label: str, corners: list[tuple[float, float]], grid: _Grid) -> list[str]:
    """Put an edge's variables on its last part, where no box is in the way."""
    if not label:
        return []
    (from_x, from_y), (to_x, to_y) = corners[-2:]
    x = (from_x + grid.width + to_x) / 2
    y = (from_y + to_y + _height) / 2 - 5
    return [f'<text class="soft" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(label)}</text>']


def _label(stage: Stage, upstream: str) -> str:
    names = [name for name in stage.inputs if stage.producers.get(name) == upstream]
    more = len(names) - _most_names
    return ", ".join(names[:_most_names]) + (f" +{more}" if more > 0 else "")


def _label_width(stage: Stage) -> float:
    return max((len(_label(stage, upstream)) * _small_letter + 30 for upstream in stage.upstream), default=0)


def _cells(stage: Stage) -> str:
    return f"{len(stage.cells)} cell{'s' * (len(stage.cells) != 1)}"


def _width(stage: Stage, marks: Mapping[str, tuple[str, str]]) -> float:
    _, note = marks.get(stage.name, ("", ""))
    return max(104.0, len(stage.name) * _letter + 28, len(note) * _small_letter + 20)
