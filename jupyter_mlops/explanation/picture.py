"""What a model decides by, as a picture for a notebook cell, and in words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_mlops.records.explanation import Explanation, Importance, RowExplanation

MOST = 25
WEAK = 0.1
_WIDTH, _HEIGHT, _MARGIN = 170, 16, 4

_STYLE = """
.mlops-explain{max-width:760px;font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);
 color:var(--jp-ui-font-color1,#1f2328);--bar:#2f6fb5;--less:#b3541e;--line:var(--jp-border-color2,#d0d7de)}
@media (prefers-color-scheme:dark){.mlops-explain{color:var(--jp-ui-font-color1,#e6edf3);--bar:#6cb0f5;--less:#f0a36b;
 --line:var(--jp-border-color2,#3d444d)}}
[data-jp-theme-light="true"] .mlops-explain{--bar:#2f6fb5;--less:#b3541e}
[data-jp-theme-light="false"] .mlops-explain{--bar:#6cb0f5;--less:#f0a36b}
.mlops-explain .soft{color:var(--jp-ui-font-color2,#656d76);font-size:12px}
.mlops-explain.mlops-explain table{border-collapse:collapse;width:100%;margin:6px 0 2px;font:inherit;color:inherit;table-layout:auto}
.mlops-explain.mlops-explain th,.mlops-explain.mlops-explain td{border:0;border-bottom:1px solid var(--line);padding:3px 8px;
 text-align:left;vertical-align:middle;background:none;white-space:nowrap}
.mlops-explain.mlops-explain td:first-child{white-space:normal;overflow-wrap:anywhere}
.mlops-explain.mlops-explain th{font-weight:600;font-size:12px;color:var(--jp-ui-font-color2,#656d76)}
.mlops-explain .number{font-variant-numeric:tabular-nums}
.mlops-explain .mark{border:1px solid currentColor;border-radius:8px;padding:0 6px;font-size:11px}
.mlops-explain.mlops-explain svg{display:inline-block;vertical-align:middle;margin-right:6px}
"""


def html(found: Explanation) -> str:
    """Draw an explanation for a notebook cell: a row a column, with two bars and their intervals.

    The text is escaped, nothing is loaded, and the colours follow JupyterLab's theme.
    """
    shown = found.importance[:MOST]
    titles = ["column"]
    if found.metric:
        titles.append(f"{escape(found.metric)} lost when it is shuffled")
    if found.scale:
        titles.append(f"moves the {found.scale} by, on average")
    most_lost = _most(each.loss_ci for each in shown)
    most_moved = _most(each.attribution_ci for each in shown)
    rows = "".join(_row(each, found, most_lost, most_moved) for each in shown)
    head = "".join(f"<th>{title}</th>" for title in titles)
    notes = [*found.notes]
    if len(found.importance) > MOST:
        notes.append(f"{len(found.importance) - MOST} more columns matter less")
    below = "".join(f'<div class="soft">{escape(note)}</div>' for note in notes)
    return (
        f'<div class="mlops-explain"><style>{_STYLE}</style><div><b>{escape(found.model)}</b> version {found.version}: '
        f'what it decides by <span class="soft">{escape(_how(found))}</span></div>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{below}</div>"
    )


def rows_html(rows: Sequence[RowExplanation], method: str, scale: str) -> str:
    """Draw how answers came about: for each row the columns by what they added, to one side or the other."""
    parts = "".join(_answer(number, row, method, scale) for number, row in enumerate(rows))
    return f'<div class="mlops-explain"><style>{_STYLE}</style>{parts}</div>'


def summary(found: Explanation) -> str:
    """Say in a sentence what the version decides by most."""
    most = [each.feature for each in found.importance if _matters(each)][:3]
    by = ", ".join(most) if most else "none of its columns, as far as the test rows tell"
    return f"{found.model}/{found.version} decides most by {by} ({_how(found)})"


def number(value: float | None) -> str:
    """Write a figure, or nothing."""
    return "" if value is None else f"{value:.4g}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Write an interval, or nothing."""
    return f"[{bounds[0]:.3g}, {bounds[1]:.3g}]" if bounds else ""


def direction(value: float | None) -> str:
    """Say in words which way a column's higher values move the output."""
    if value is None:
        return ""
    if abs(value) < WEAK:
        return "either way"
    return "higher raises it" if value > 0 else "higher lowers it"


def _matters(each: Importance) -> bool:
    if each.loss_ci is not None:
        return each.loss_ci[0] > 0
    return bool(each.attribution)


def _how(found: Explanation) -> str:
    parts = []
    if found.metric and found.score is not None:
        parts.append(f"{found.metric} {found.score:.4g} on {found.rows:,} test rows")
    if found.method:
        parts.append(f"{found.method} of {found.attributed_rows:,}")
    return ", ".join(parts)


def _most(bounds: Iterator[tuple[float, float] | None]) -> float:
    return max((pair[1] for pair in bounds if pair), default=0.0)


def _row(each: Importance, found: Explanation, most_lost: float, most_moved: float) -> str:
    mark = f' <span class="mark">protected: {escape(each.protected)}</span>' if each.protected else ""
    cells = [f"<td>{escape(each.feature)}{mark}</td>"]
    if found.metric:
        words = f"{number(each.loss)} {interval(each.loss_ci)}"
        cells.append(f"<td>{_bar(each.loss, each.loss_ci, most_lost, words)}</td>")
    if found.scale:
        words = f"{number(each.attribution)} {interval(each.attribution_ci)}"
        which = direction(each.direction)
        drawn = _bar(each.attribution, each.attribution_ci, most_moved, words)
        cells.append(f'<td>{drawn}<span class="soft">{which}</span></td>')
    return f"<tr>{''.join(cells)}</tr>"


def _bar(value: float | None, bounds: tuple[float, float] | None, most: float, words: str) -> str:
    if value is None:
        return ""
    room, middle = (_WIDTH - 2 * _MARGIN) / (most or 1.0), _HEIGHT / 2
    low, high = (_MARGIN + max(end, 0.0) * room for end in bounds or (value, value))
    wide = max(value, 0.0) * room
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{escape(words)}"><title>{escape(words)}</title>'
        f'<rect x="{_MARGIN}" y="3" width="{wide:.1f}" height="{_HEIGHT - 6}" rx="2" fill="var(--bar)" opacity=".75"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="currentColor" stroke-width="1.5"/></svg>'
        f'<span class="number">{number(value)}</span> '
    )


def _answer(place: int, row: RowExplanation, method: str, scale: str) -> str:
    listed = sorted(row.attributions.items(), key=lambda pair: -abs(pair[1]))
    most = max((abs(added) for _, added in listed), default=0.0)
    lines = "".join(
        f"<tr><td>{escape(name)}</td><td>{_to_either_side(added, most, name)}"
        f'<span class="number">{added:+.4g}</span></td></tr>'
        for name, added in listed[:MOST]
    )
    about = f" of {escape(str(row.output))}" if row.output is not None else ""
    return (
        f"<div><b>row {place}</b>: {escape(scale)}{about} <b>{row.value:.4g}</b> "
        f'<span class="soft">{row.base:.4g} without any column; {escape(method)}</span></div>'
        f"<table><thead><tr><th>column</th><th>adds</th></tr></thead><tbody>{lines}</tbody></table>"
    )


def _to_either_side(added: float, most: float, name: str) -> str:
    middle = _WIDTH / 2
    wide = abs(added) / (most or 1.0) * (middle - _MARGIN)
    left = middle if added >= 0 else middle - wide
    colour = "var(--bar)" if added >= 0 else "var(--less)"
    words = escape(f"{name} adds {added:+.4g}")
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{words}"><title>{words}</title>'
        f'<line x1="{middle}" x2="{middle}" y1="0" y2="{_HEIGHT}" stroke="var(--line)"/>'
        f'<rect x="{left:.1f}" y="3" width="{wide:.1f}" height="{_HEIGHT - 6}" rx="2" fill="{colour}"/></svg>'
    )
