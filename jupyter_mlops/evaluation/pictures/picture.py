"""A gate's result as a picture for a notebook cell or a page, and as text for a terminal."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jupyter_mlops.evaluation.pictures.groups_view import WORST
from jupyter_mlops.evaluation.pictures.style import STYLE
from jupyter_mlops.evaluation.pictures.view import context, said, view

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mlops.evaluation.pictures.axes import Bar
    from jupyter_mlops.evaluation.pictures.groups_view import Chart, Point, Section
    from jupyter_mlops.evaluation.pictures.view import ConditionView, GateView
    from jupyter_mlops.records.evaluation import Evaluation

_MARKS = {"passed": "✓", "failed": "✗", "not evaluated": "○"}
# A shape each, so that colour is never all that says it.
_SHAPES = {
    "passed": '<circle cx="8" cy="8" r="7"/><path d="M4.8 8.3l2.3 2.3 4.2-4.8"/>',
    "failed": '<rect x="1" y="1" width="14" height="14" rx="3"/><path d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6"/>',
    "not evaluated": '<path class="hollow" d="M8 1.2l6.8 6.8L8 14.8 1.2 8z"/><path class="hollow" d="M8 4.8v3.6M8 10.9v.2"/>',
}
# Its words are the style's: where a page takes the style away the drawings are gone too.
_KEY = (
    '<p class="key" aria-hidden="true"><span><svg width="18" height="12"><line class="interval" x1="2" x2="16" y1="6" y2="6"/>'
    '<circle class="figure" cx="9" cy="6" r="3.5"/></svg></span>'
    '<span><svg width="4" height="12"><line class="mark" x1="2" x2="2" y1="0" y2="12"/></svg></span>'
    '<span><svg width="16" height="12"><rect class="holds" width="16" height="12"/></svg></span></p>'
)


def html(evaluation: Evaluation, champion: Evaluation | None = None) -> str:
    """Draw an evaluation for a notebook cell: a row a condition, with interval, threshold and verdict.

    Below the conditions stand the version's other figures, folded in; ``champion``'s stand beside them where they are
    given. The text is escaped, nothing is loaded, and the colours follow JupyterLab's theme.
    """
    shown = view(evaluation, champion)
    rows = "".join(_row(each) for each in shown.conditions)
    lines = "".join(f"<li>{escape(note)}</li>" for note in shown.notes)
    notes = f'<ul class="notes">{lines}</ul>' if lines else ""
    key = _KEY if any(each.bar for each in shown.conditions) else ""
    return (
        f'<div class="mlops-gate"><style>{STYLE}</style><div class="inside">{_head(shown)}'
        '<table class="conditions"><thead><tr><th scope="col">condition</th><th scope="col" class="number">figure</th>'
        '<th scope="col">95% interval</th><th scope="col">verdict</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{key}"
        f"{''.join(_section(section) for section in shown.sections)}"
        f"{notes}</div></div>"
    )


def text(evaluation: Evaluation) -> str:
    """Write an evaluation as lines for a terminal."""
    kind = "passed" if evaluation.passed else "failed"
    lines = [
        f"{_MARKS[kind]} gate {kind}: {evaluation.model} version {evaluation.version} ({context(evaluation)})"
    ]
    width = max((len(result.text) for result in evaluation.conditions), default=0)
    for result in evaluation.conditions:
        optional = " (optional)" if result.optional else ""
        parts = filter(None, [f"{result.status}{optional}", said(result), result.reason])
        lines.append(f"  {_MARKS[result.status]} {result.text.ljust(width)}  {'; '.join(parts)}")
    return "\n".join(lines)


def _head(shown: GateView) -> str:
    kind = "passed" if shown.passed else "failed"
    return (
        f'<div class="verdict {kind}"><span class="badge">{_shape(kind)}{shown.title}</span> '
        f'<span><b>{escape(shown.model)}</b> version {shown.version}</span> <span class="count">({shown.count})</span></div>'
        f'<p class="soft context">{escape(shown.context)}</p>'
    )


def _row(each: ConditionView) -> str:
    optional = ' <span class="chip">optional</span>' if each.optional else ""
    reason = f'<div class="soft">{escape(each.reason)}</div>' if each.reason else ""
    figure = f"<b>{each.figure}</b>" if each.figure else '<span class="soft">not measured</span>'
    threshold = f'<div class="soft">{escape(each.threshold)}</div>' if each.threshold else ""
    words = "".join(f'<div class="soft">{escape(line)}</div>' for line in (each.interval, each.test) if line)
    title = _title(each.bar)
    interval_ = (_bar(each.bar, 30) if each.bar else "") + (words or '<span class="soft">no interval</span>')
    return (
        f'<tr class="{each.status.replace(" ", "-")}"><td class="what"><code>{_breakable(each.text)}</code>{optional}{reason}</td>'
        f'<td class="number">{figure}{threshold}</td><td class="picture"{title}>{interval_}</td>'
        f'<td class="status">{_shape(each.status)}{each.status}</td></tr>'
    )


def _section(section: Section) -> str:
    charts = "".join(_chart(chart) for chart in section.charts)
    summary = f'<span class="soft">{escape(section.summary)}</span>' if section.summary else ""
    opened = ' open="open"' if section.opened else ""
    return (
        f"<details{opened}><summary><b>{escape(section.title)}</b> {summary}</summary>"
        f'<div class="charts">{charts}</div></details>'
    )


def _chart(chart: Chart) -> str:
    caption = f"<caption><code>{escape(chart.title)}</code></caption>" if chart.title else ""
    points = "".join(_point(point) for point in chart.points)
    ends = (
        f'<tfoot aria-hidden="true"><tr><td></td><td class="axis"><span>{chart.ends[0]}</span><span>{chart.ends[1]}</span></td><td></td></tr></tfoot>'
        if chart.ends
        else ""
    )
    note = f'<p class="soft">{escape(chart.note)}</p>' if chart.note else ""
    whole = "" if chart.title else " whole"
    return f'<div class="chart{whole}"><table>{caption}<tbody>{points}</tbody>{ends}</table>{note}</div>'


def _point(point: Point) -> str:
    rows = f'<span class="soft"> {point.rows} rows</span>' if point.rows else ""
    tag = f' <span class="chip">{escape(point.tag)}</span>' if point.tag else ""
    picture = _bar(point.bar, 18) if point.bar else ""
    interval_ = f'<div class="soft">{escape(point.interval)}</div>' if point.interval else ""
    kind = ' class="worst"' if point.tag == WORST else ""
    return (
        f'<tr{kind}><th scope="row">{_breakable(point.label)}{tag}{rows}</th><td class="picture"{_title(point.bar)}>{picture}</td>'
        f'<td class="number"><b>{point.figure}</b>{interval_}</td></tr>'
    )


def _breakable(name: str) -> str:
    """Let a long name break after its underscores."""
    return escape(name).replace("_", "_<wbr/>")


def _title(bar: Bar | None) -> str:
    """Say a bar's words to whoever points at it."""
    return f' title="{escape(bar.words)}"' if bar else ""


def _bar(bar: Bar, height: int) -> str:
    """Draw a figure on its axis; places are in percent, so that the picture takes the width that there is."""
    middle = height / 2
    words = escape(bar.words)
    parts = [f'<svg class="scale" width="100%" height="{height}" role="img" aria-label="{words}">']
    if bar.holds:
        low, high = (_percent(end) for end in bar.holds)
        parts.append(
            f'<rect class="holds" x="{low}%" width="{high - low:.2f}%" y="2" height="{height - 4}"/>'
        )
    parts.append(_line("axis", (0.0, 1.0), middle))
    if bar.base is not None:
        parts.append(_line("from", (bar.base, bar.at), middle))
    if bar.zero is not None:
        parts.append(_tick("zero", bar.zero, middle - 5, middle + 5))
    if bar.ends:
        parts.append(_line("interval", bar.ends, middle))
        parts += [_tick("end", end, middle - 4, middle + 4) for end in bar.ends]
    if bar.mark is not None:
        parts.append(_tick("mark", bar.mark, 1, height - 1))
    parts.append(f'<circle class="figure" cx="{_percent(bar.at)}%" cy="{middle}" r="4"/></svg>')
    return "".join(parts)


def _line(kind: str, ends: Iterable[float], y: float) -> str:
    low, high = (_percent(end) for end in ends)
    return f'<line class="{kind}" x1="{low}%" x2="{high}%" y1="{y}" y2="{y}"/>'


def _tick(kind: str, at: float, top: float, bottom: float) -> str:
    x = _percent(at)
    return f'<line class="{kind}" x1="{x}%" x2="{x}%" y1="{top}" y2="{bottom}"/>'


def _percent(share: float) -> float:
    """Leave room at both ends, so that a mark on an end is drawn whole."""
    return round(2 + 96 * share, 2)


def _shape(status: str) -> str:
    return f'<svg class="shape" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">{_SHAPES[status]}</svg>'
