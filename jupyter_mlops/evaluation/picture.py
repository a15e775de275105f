"""A gate's result as a picture for a notebook cell, and as text for a terminal."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.records.evaluation import ConditionResult, Evaluation

_MARKS = {"passed": "✓", "failed": "✗", "not evaluated": "○"}
_BAR_WIDTH, _BAR_HEIGHT = 140, 22

_STYLE = """
.mlops-gate{max-width:700px;font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);
 color:var(--jp-ui-font-color1,#1f2328);--ok:#1a7f37;--bad:#cf222e;--none:#9a6700;--line:var(--jp-border-color2,#d0d7de)}
@media (prefers-color-scheme:dark){.mlops-gate{color:var(--jp-ui-font-color1,#e6edf3);--line:var(--jp-border-color2,#3d444d)}}
[data-jp-theme-light="false"] .mlops-gate{--ok:#3fb950;--bad:#f85149;--none:#d29922;--on:#0d1117}
.mlops-gate .verdict{display:flex;align-items:baseline;gap:8px;margin:4px 0 8px;font-size:14px}
.mlops-gate .badge{border-radius:10px;padding:1px 9px;font-weight:600;color:var(--on,#fff);background:var(--tone)}
.mlops-gate .passed{--tone:var(--ok)}.mlops-gate .failed{--tone:var(--bad)}.mlops-gate .not-evaluated{--tone:var(--none)}
.mlops-gate .soft{color:var(--jp-ui-font-color2,#656d76);font-size:12px}
.mlops-gate.mlops-gate table{table-layout:auto;border-collapse:collapse;width:100%;margin:0;font:inherit;color:inherit}
.mlops-gate.mlops-gate td:first-child{min-width:225px}
.mlops-gate.mlops-gate th,.mlops-gate.mlops-gate td{border:0;border-bottom:1px solid var(--line);padding:5px 8px;text-align:left;
 vertical-align:top;background:none;white-space:normal}
.mlops-gate.mlops-gate th{font-weight:600;font-size:12px;color:var(--jp-ui-font-color2,#656d76)}
.mlops-gate.mlops-gate .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.mlops-gate.mlops-gate code{font-size:12px;background:none;color:inherit;padding:0;overflow-wrap:anywhere}
.mlops-gate.mlops-gate .status{color:var(--tone);font-weight:600;white-space:nowrap}
.mlops-gate.mlops-gate svg{display:block}
"""


def html(evaluation: Evaluation) -> str:
    """Draw an evaluation for a notebook cell: a row a condition, with interval, threshold and verdict.

    The text is escaped, nothing is loaded, and the colours follow JupyterLab's theme.
    """
    kind = "passed" if evaluation.passed else "failed"
    rows = "".join(_row(result) for result in evaluation.conditions)
    return (
        f'<div class="mlops-gate"><style>{_STYLE}</style>'
        f'<div class="verdict {kind}"><span class="badge">{_MARKS[kind]} gate {kind}</span>'
        f"<b>{escape(evaluation.model)}</b> version {evaluation.version}"
        f'<span class="soft">{escape(_context(evaluation))}</span></div>'
        '<table><thead><tr><th>condition</th><th class="number">figure</th><th class="number">threshold</th>'
        f"<th>95% interval</th><th>verdict</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def text(evaluation: Evaluation) -> str:
    """Write an evaluation as lines for a terminal."""
    kind = "passed" if evaluation.passed else "failed"
    lines = [
        f"{_MARKS[kind]} gate {kind}: {evaluation.model} version {evaluation.version} ({_context(evaluation)})"
    ]
    width = max((len(result.text) for result in evaluation.conditions), default=0)
    for result in evaluation.conditions:
        parts = [f"{result.status}{' (optional)' if result.optional else ''}"]
        if result.value is not None:
            parts.append(_number(result.value))
        if result.difference is not None:
            parts.append(f"difference {result.difference:+.4g}")
        if result.ci is not None:
            parts.append(f"[{_number(result.ci[0])}, {_number(result.ci[1])}]")
        if result.p_value is not None:
            parts.append(_p_value(result.p_value))
        if result.reason:
            parts.append(f"- {result.reason}")
        lines.append(f"  {_MARKS[result.status]} {result.text.ljust(width)}  {' '.join(parts)}")
    return "\n".join(lines)


def _context(evaluation: Evaluation) -> str:
    parts = [f"{evaluation.rows:,} test rows" if evaluation.rows else "no test rows", evaluation.device]
    if evaluation.champion is not None:
        parts.append(f"champion: version {evaluation.champion}")
    return ", ".join(parts)


def _row(result: ConditionResult) -> str:
    kind = result.status.replace(" ", "-")
    optional = ' <span class="soft">optional</span>' if result.optional else ""
    reason = f'<div class="soft">{escape(result.reason)}</div>' if result.reason else ""
    value = "&#8211;" if result.value is None else _number(result.value)
    threshold = "&#8211;" if result.threshold is None else _number(result.threshold)
    return (
        f'<tr class="{kind}"><td><code>{escape(result.text)}</code>{optional}{reason}</td>'
        f'<td class="number">{value}</td><td class="number">{threshold}</td><td>{_interval(result)}</td>'
        f'<td class="status">{_MARKS[result.status]} {result.status}</td></tr>'
    )


def _interval(result: ConditionResult) -> str:
    """Draw the interval, the figure on it, and a tick at the threshold; of the difference where there is one."""
    paired = result.difference is not None
    value = result.difference if paired else result.value
    if value is None or result.threshold is None or result.value is None:
        return '<span class="soft">&#8211;</span>'
    # Beside a difference the tick is the margin: what the threshold lies away from the champion.
    tick = result.threshold - (result.value - value) if paired else result.threshold
    low, high = result.ci or (value, value)
    words = f"difference {value:+.3g}" if paired else f"{value:.3g}"
    if result.ci:
        words += f" [{low:.3g}, {high:.3g}]"
    if result.p_value is not None:
        words += f", {_p_value(result.p_value)}"
    return f'{_bar(low, value, high, tick, words)}<span class="soft">{escape(words)}</span>'


def _bar(low: float, value: float, high: float, tick: float, words: str) -> str:
    least, most = min(low, value, tick), max(high, value, tick)
    spread = (most - least) or abs(most) or 1.0
    middle = _BAR_HEIGHT / 2

    def x(figure: float) -> float:
        return round(8 + (figure - (least + most) / 2 + spread / 2) / spread * (_BAR_WIDTH - 16), 1)

    return (
        f'<svg width="{_BAR_WIDTH}" height="{_BAR_HEIGHT}" role="img" aria-label="{escape(words)}">'
        f"<title>{escape(words)}; threshold at {_number(tick)}</title>"
        f'<line x1="0" x2="{_BAR_WIDTH}" y1="{middle}" y2="{middle}" stroke="var(--line)"/>'
        f'<line x1="{x(low)}" x2="{x(high)}" y1="{middle}" y2="{middle}" stroke="var(--tone)" stroke-width="5" '
        'stroke-linecap="round" opacity=".45"/>'
        f'<line x1="{x(tick)}" x2="{x(tick)}" y1="2" y2="{_BAR_HEIGHT - 2}" stroke="currentColor" stroke-width="1.5" '
        'stroke-dasharray="3 2"/>'
        f'<circle cx="{x(value)}" cy="{middle}" r="4" fill="var(--tone)"/></svg>'
    )


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:.3e}"  # noqa: PLR2004 - beyond it digits are hard to count


def _p_value(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"  # noqa: PLR2004 - the customary last digit
