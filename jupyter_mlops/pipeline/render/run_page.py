"""A run as one HTML page: offline, light and dark, everything that was on record when it ended."""

from __future__ import annotations

from datetime import datetime
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.render import svg
from jupyter_mlops.pipeline.render.run_style import STYLE
from jupyter_mlops.records.base import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_mlops.records.pipeline import Pipeline, Stage
    from jupyter_mlops.records.run import Run, StageRun

_WORDS = {"executed": "ran", "pending": "waiting"}
_ORDER = ("executed", "cached", "failed", "skipped", "running", "pending")
# What a page can show of one value, of a message and of a traceback; the rest is in the executed notebook.
_VALUE, _MESSAGE, _TRACEBACK = 200, 2000, 8000


def render(run: Run, pipeline: Pipeline, *, links: Mapping[str, str], gates: Sequence[str] = ()) -> str:
    """Write a run as one HTML page that loads nothing and runs no script.

    Args:
        run: the run's record.
        pipeline: its notebook's pipeline.
        links: the address of each stage's executed notebook, relative to the page.
        gates: the gates, drawn.
    """
    sections = [
        _failures(run, links),
        _section("Graph", f'<div class="wide">{svg.render(pipeline, _marks(run))}</div>'),
        _section("Stages", _stages(run, pipeline, links)),
        _section("Gates", "".join(f'<div class="card">{gate}</div>' for gate in gates)),
        _results(run),
        _section("Parameters", _table(("parameter", "value"), [(name, _shown(value)) for name, value in run.params.items()])),
        _section("On record", _record(run)),
    ]  # fmt: skip
    title = f"{PurePath(run.notebook).name}: run {run.run_id}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{_head(run)}{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def _head(run: Run) -> str:
    counts = {status: sum(stage.status == status for stage in run.stages) for status in _ORDER}
    worked = sum(stage.seconds for stage in run.stages)
    tiles = [
        (_duration(_elapsed(run)), "from start to end", ""),
        *([(_duration(worked), "in stages that ran", "")] if worked else []),
        *((str(counts[status]), f"stages {_word(status)}", status) for status in _ORDER if counts[status]),
    ]
    tiles += [(f"{sum(gate.passed for gate in run.gates)} of {len(run.gates)}", "gates passed",
               "executed" if all(gate.passed for gate in run.gates) else "failed")] if run.gates else []  # fmt: skip
    shown = "".join(
        f'<div class="tile {kind}"><b>{escape(figure)}</b><span>{escape(words)}</span></div>'
        for figure, words, kind in tiles
    )
    suggested = (
        "<p class=note>The notebook has no tags: these stages were proposed.</p>" if run.suggested else ""
    )
    facts = " · ".join(
        escape(text)
        for text in (run.run_id, _time(run.created_at), f"by {run.author}" if run.author else "")
        if text
    )
    return (
        f'<header><div><h1>{escape(run.notebook)}</h1><p class="soft">{facts}</p></div>'
        f'<span class="pill big {escape(run.status)}">{escape(run.status)}</span></header>\n'
        f'{suggested}<div class="tiles">{shown}</div>\n'
    )


def _failures(run: Run, links: Mapping[str, str]) -> str:
    cards = []
    for stage in run.stages:
        error = stage.error
        if error is None:
            continue
        where = "" if error.cell is None else f", cell {error.cell}"
        where += "" if error.line is None else f", line {error.line}"
        link = _link("executed notebook", links.get(stage.name, ""))
        trace = (
            f"<details open><summary>Traceback</summary><pre>{escape(error.traceback[-_TRACEBACK:])}</pre></details>"
            if error.traceback
            else ""
        )
        cards.append(
            f'<div class="card error"><h3>{escape(stage.name + where)}</h3>'
            f"<p><code>{escape(error.type)}</code> {escape(error.message[:_MESSAGE])}</p>{trace}{link}</div>"
        )
    return _section("What failed", "".join(cards))


def _stages(run: Run, pipeline: Pipeline, links: Mapping[str, str]) -> str:
    longest = max((stage.seconds for stage in run.stages), default=0.0)
    known = {stage.name: stage for stage in pipeline.stages}
    kernels = any(stage.kernel for stage in run.stages)
    rows = "".join(
        _stage_row(stage, known.get(stage.name), links.get(stage.name, ""), longest, kernels=kernels)
        for stage in run.stages
    )
    kernel = "<th>kernel</th>" if kernels else ""
    return (
        '<div class="wide"><table class="stages"><thead><tr><th>stage</th><th>status</th><th>time</th>'
        f"{kernel}<th>why</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _stage_row(stage: StageRun, known: Stage | None, link: str, longest: float, *, kernels: bool) -> str:
    share = 100 * stage.seconds / longest if longest else 0
    bar = f'<div class="bar" style="width:{share:.0f}%"></div>' if stage.seconds else ""
    time = _duration(stage.seconds) if stage.seconds else ""
    kernel = f"<td>{escape(stage.kernel)}</td>" if kernels else ""
    flow = ""
    if known is not None:
        takes = f"takes {_names(known.inputs)}" if known.inputs else ""
        makes = f"makes {_names(known.outputs)}" if known.outputs else ""
        flow = f'<div class="soft">{"; ".join(part for part in (takes, makes) if part)}</div>'
    return (
        f'<tr class="{escape(stage.status)}"><td><b>{_link(stage.name, link)}</b>{flow}</td>'
        f'<td><span class="pill {escape(stage.status)}">{escape(_word(stage.status))}</span></td>'
        f'<td class="time">{time}{bar}</td>{kernel}<td>{escape(stage.reason)}</td></tr>'
    )


def _results(run: Run) -> str:
    parts = [
        _table(("metric", "value"), [(name, f"{value:.6g}") for name, value in run.metrics.items()]),
        _table(("model", "version"), [(model.name, str(model.version)) for model in run.models]),
        _table(("dataset", "version"), [(data.name, str(data.version)[:12]) for data in run.datasets]),
    ]
    shown = "".join(parts)
    return _section("Results", f'<div class="columns">{shown}</div>' if shown else "")


def _record(run: Run) -> str:
    commit = (
        "" if run.commit is None else run.commit.sha[:12] + (", with changes" if run.commit.dirty else "")
    )
    rows = [
        ("run", run.run_id),
        ("started", _time(run.created_at)),
        ("finished", _time(run.finished_at)),
        ("git commit", commit),
        ("notebook's content", run.notebook_digest[:12]),
        ("environment", run.environment[:12]),
    ]
    return _table(("", ""), [(name, value) for name, value in rows if value])


def _marks(run: Run) -> dict[str, tuple[str, str]]:
    return {
        stage.name: (
            stage.status,
            f"{_word(stage.status)}, {_duration(stage.seconds)}" if stage.seconds else _word(stage.status),
        )
        for stage in run.stages
    }


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>\n" if content else ""


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    titles = f"<thead><tr><th>{head[0]}</th><th>{head[1]}</th></tr></thead>" if head[0] else ""
    lines = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="facts">{titles}<tbody>{lines}</tbody></table>'


def _link(words: str, address: str) -> str:
    return f'<a href="{escape(address)}">{escape(words)}</a>' if address else escape(words)


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"<code>{escape(name)}</code>" for name in names)


def _word(status: str) -> str:
    return _WORDS.get(status, status)


def _shown(value: Any) -> str:
    try:
        text = canonical_json(value).decode()
    except TypeError:
        text = repr(value)
    return text if len(text) <= _VALUE else f"{text[:_VALUE]}…"


def _elapsed(run: Run) -> float:
    try:
        return (_parsed(run.finished_at) - _parsed(run.created_at)).total_seconds()
    except ValueError:
        return 0.0


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time(text: str) -> str:
    try:
        return f"{_parsed(text):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    if minutes >= 60:  # noqa: PLR2004 - minutes of an hour
        return f"{int(minutes // 60)} h {int(minutes % 60)} min"
    if minutes:
        return f"{int(minutes)} min {int(rest)} s"
    return f"{rest:.2f} s" if rest < 10 else f"{rest:.1f} s"  # noqa: PLR2004 - two digits say enough
