"""What came of expectations, as HTML for a notebook: what is broken first, with examples; the rest folded."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jupyter_mlops.data.expectation_words import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.records.expectation import ExpectationResult, Validation

_MARKS = {"passed": "&#10003;", "failed": "&#10007;", "not evaluated": "?"}
_STYLE = """
<style>
.mlops-expect{--ok:#1b7f3b;--bad:#b3261e;--line:#8884;--soft:#777;font-family:system-ui,sans-serif;font-size:13px;max-width:900px;
border:1px solid var(--line);border-radius:8px;padding:10px 14px}
@media (prefers-color-scheme:dark){.mlops-expect{--ok:#5bd28a;--bad:#ff8a80;--soft:#aaa}}
[data-jp-theme-light="false"] .mlops-expect{--ok:#5bd28a;--bad:#ff8a80;--soft:#aaa}
[data-jp-theme-light="true"] .mlops-expect{--ok:#1b7f3b;--bad:#b3261e;--soft:#777}
.mlops-expect .verdict{font-weight:600}.mlops-expect .passed .status,.mlops-expect .verdict.passed{color:var(--ok)}
.mlops-expect .failed .status,.mlops-expect .not-evaluated .status,.mlops-expect .verdict.failed{color:var(--bad)}
.mlops-expect .soft{color:var(--soft)}.mlops-expect table{border-collapse:collapse;width:100%;margin-top:6px;font-size:inherit}
.mlops-expect th{font-weight:400;color:var(--soft)}.mlops-expect .status{white-space:nowrap}
.mlops-expect.mlops-expect table{table-layout:auto}
.mlops-expect.mlops-expect table :is(td,th){text-align:left;padding:3px 8px;border-top:1px solid var(--line);vertical-align:top}
.mlops-expect code{background:none;font-size:12px;overflow-wrap:anywhere}.mlops-expect summary{cursor:pointer;margin-top:6px}
.mlops-expect .share{display:inline-block;width:60px;height:6px;border-radius:3px;background:var(--line);vertical-align:middle;
margin-right:8px;overflow:hidden}.mlops-expect .share span{display:block;height:100%;background:var(--tone,var(--bad))}
.mlops-expect .passed .share{--tone:var(--ok)}
</style>
"""


def html(validation: Validation) -> str:
    """Return the picture of a check."""
    failed = validation.failed
    passed = [result for result in validation.results if result.status == "passed"]
    label = f"{validation.name}@{validation.version[:12]}" if validation.version else validation.name
    if validation.passed:
        words = f"{label} is as expected"
    else:
        words = f"{label} breaks {len(failed)} of {len(validation.results)} expectations"
    verdict = "passed" if validation.passed else "failed"
    head = (
        f'<div class="verdict {verdict}">{_MARKS[verdict]} {escape(words)}</div>'
        f'<div class="soft">{validation.rows:,} rows, {len(validation.results)} expectations</div>'
    )
    held = ""
    if passed:
        shown = " open" if validation.passed and len(passed) <= 12 else ""  # noqa: PLR2004 - as many as one looks over
        held = f"<details{shown}><summary>{len(passed)} hold</summary>{_table(passed)}</details>"
    return f'{_STYLE}<div class="mlops-expect">{head}{_table(failed) if failed else ""}{held}</div>'


def said(dataset: str) -> str:
    """Return what is shown where there is no version to check yet."""
    return (
        f'{_STYLE}<div class="mlops-expect">Kept: every version of <code>{escape(dataset)}</code> will be held '
        f'against it. <span class="soft">There is none yet.</span></div>'
    )


def _table(results: Sequence[ExpectationResult]) -> str:
    rows = "".join(map(_row, results))
    titles = "".join(f"<th>{title}</th>" for title in ("column", "expected", "what came of it", ""))
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"


def _row(result: ExpectationResult) -> str:
    kind = result.status.replace(" ", "-")
    bar = ""
    if result.failing:
        share = f"{max(3.0, 100 * result.share):.0f}%"  # what is something is seen
        bar = (
            f'<span class="share" role="img" aria-label="{percent(result.share)}">'
            f'<span style="width:{share}"></span></span>'
        )
    return (
        f'<tr class="{kind}"><td>{escape(result.column) or "<i>table</i>"}</td>'
        f"<td><code>{escape(result.expectation)}</code></td><td>{bar}{escape(result.reason)}</td>"
        f'<td class="status">{_MARKS[result.status]} {result.status}</td></tr>'
    )
