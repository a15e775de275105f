"""The small pictures of a card's page: inline SVG, coloured by the page, nothing loaded."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.governance.model_card.document import Bar

_HEIGHT, _MARGIN = 16, 5


def bar(found: Bar, width: int) -> str:
    """Draw a figure on its axis: the interval as a band, the figure as a dot, a dashed tick at what it is held against."""
    middle = _HEIGHT / 2
    span = (found.high - found.low) or 1.0

    def x(value: float) -> float:
        share = min(max((value - found.low) / span, 0.0), 1.0)
        return round(_MARGIN + share * (width - 2 * _MARGIN), 1)

    words = escape(found.words)
    parts = [
        f'<svg class="bar" viewBox="0 0 {width} {_HEIGHT}" width="{width}" height="{_HEIGHT}" role="img"',
        f' aria-label="{words}"><title>{words}</title>',
        f'<line class="axis" x1="{_MARGIN}" x2="{width - _MARGIN}" y1="{middle}" y2="{middle}"/>',
    ]
    parts += [
        f'<line class="end" x1="{end}" x2="{end}" y1="{middle - 3}" y2="{middle + 3}"/>'
        for end in (_MARGIN, width - _MARGIN)
    ]
    if found.interval:
        low, high = (x(end) for end in found.interval)
        wide = max(high - low, 1.5)
        parts.append(f'<rect class="band" x="{low}" width="{wide:.1f}" y="{middle - 4}" height="8" rx="2"/>')
    if found.tick is not None:
        at = x(found.tick)
        parts.append(f'<line class="tick" x1="{at}" x2="{at}" y1="0" y2="{_HEIGHT}"/>')
    parts.append(
        f'<rect class="dot" x="{x(found.value) - 1:.1f}" width="2" y="{middle - 6}" height="12" rx="1"/></svg>'
    )
    return "".join(parts)
