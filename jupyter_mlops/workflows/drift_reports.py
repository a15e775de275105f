"""The drift reports on record at a glance, and what a model's live traffic is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.drift import DriftReport
from jupyter_mlops.registry import standing
from jupyter_mlops.registry.standing import CHAMPION
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import allow, readable
from jupyter_mlops.workflows.samples import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_mlops.records.drift import ColumnDrift
    from jupyter_mlops.records.model import ModelVersion
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

SHOWN = 5
_WORST = 4
# By custom a PSI of 0.25 is a large change: there the bar is full.
_FULL = 0.25


class ColumnGlance(Value, frozen=True, kw_only=True):
    """Show one column: its verdict, its size in words, and as a share of what is by custom large."""

    name: str
    verdict: str
    tone: str
    effect: str
    share: float
    p_value: str


class ReportGlance(Value, frozen=True, kw_only=True):
    """Show one report; ``columns`` are the worst, ``rest`` how many more were compared."""

    report_id: str
    created_at: str
    author: str
    drifted: bool
    title: str
    summary: str
    columns: tuple[ColumnGlance, ...]
    rest: int


class Traffic(Value, frozen=True, kw_only=True):
    """Say of a model that was served how many requests came, and what they can be compared with."""

    model: str
    requests: int
    reference: str


def newest(settings: Settings) -> tuple[ReportGlance, ...]:
    """Return the newest reports that whoever asks may read.

    Raises:
        DeniedError: when they may read nothing of the project.
    """
    may_read = readable(settings)
    found = _reports(open_store(settings), may_read)
    return tuple(_glance(report) for report, _ in zip(found, range(SHOWN), strict=False))


def page(settings: Settings, report_id: str) -> str:
    """Return a report as one HTML page.

    Raises:
        NotFoundError: when there is none of that name, or it may not be read.
    """
    from jupyter_mlops.monitoring.report import render

    allow(settings, "read")
    may_read = readable(settings)
    for report in open_store(settings).ledger.find("drift", report_id, limit=1):
        if isinstance(report, DriftReport) and _may(report, may_read):
            return render(report)
    raise NotFoundError(
        f"no drift report {report_id}", hint="make one: jupyter mlops drift REFERENCE CURRENT"
    )


def traffic(settings: Settings) -> tuple[Traffic, ...]:
    """Return the models that were served and may be read, with what their traffic is held against."""
    from jupyter_mlops.store.predictions import PredictionLog

    path = settings.state / "predictions.db"
    if not path.is_file():
        return ()
    store, may_read = open_store(settings), readable(settings)
    log = PredictionLog(path)
    try:
        counted = {name: log.count(name) for name in store.ledger.names("model") if may_read(f"model/{name}")}
    finally:
        log.close()
    return tuple(
        Traffic(model=name, requests=count, reference=_reference(store, name))
        for name, count in counted.items()
        if count
    )


def sides(settings: Settings, model: str) -> tuple[str, str]:
    """Return the reference and the live traffic of a model, as ``jupyter mlops drift`` takes them.

    Raises:
        NotFoundError: when it was never served, or has no rows to be held against.
        DeniedError: when whoever asks may not compare data.
    """
    allow(settings, "drift")
    for served in traffic(settings):
        if served.model == model and served.reference:
            return served.reference, f"{LIVE}{model}"
        if served.model == model:
            raise NotFoundError(
                f"{model} has no data to hold its traffic against",
                hint="pass test=… to mlops.log_model",
            )
    raise NotFoundError(f"{model} was never served", hint=f"serve it: jupyter mlops serve {model}")


def _reference(store: Store, name: str) -> str:
    """Return the rows that the champion, or else the newest version, was judged on, or else what it was made from."""
    champion = standing.aliases(store, name).get(CHAMPION)
    versions = standing.versions(store, name)
    for version in sorted(versions, key=lambda each: each.version != champion):
        for dataset in _datasets(version):
            return dataset.removeprefix("dataset/")
    return ""


def _datasets(version: ModelVersion) -> Iterator[str]:
    if version.test is not None:
        yield version.test.dataset
    yield from version.datasets


def _reports(store: Store, may_read: Callable[[str], bool]) -> Iterator[DriftReport]:
    for found in store.ledger.find("drift", limit=4 * SHOWN):
        if isinstance(found, DriftReport) and _may(found, may_read):
            yield found


def _may(report: DriftReport, may_read: Callable[[str], bool]) -> bool:
    datasets = {parent.partition("@")[0] for parent in report.parents if parent.startswith("dataset/")}
    live = {
        f"model/{side.removeprefix(LIVE).partition(',')[0].partition('@')[0]}"
        for side in (report.reference, report.current)
        if side.startswith(LIVE)
    }
    return all(may_read(subject) for subject in datasets | live)


def _glance(report: DriftReport) -> ReportGlance:
    from jupyter_mlops.monitoring import rule as rules

    level = rules.parse(report.rule or rules.DEFAULT).level
    return ReportGlance(
        report_id=report.report_id,
        created_at=report.created_at,
        author=report.author,
        drifted=report.drifted,
        title=f"{report.current} against {report.reference}",
        summary=report.summary,
        columns=tuple(_column(column, level) for column in report.columns[:_WORST]),
        rest=max(0, len(report.columns) - _WORST),
    )


def _column(column: ColumnDrift, level: float) -> ColumnGlance:
    from jupyter_mlops.monitoring.report import p_text, verdict

    words, tone = verdict(column, level)
    return ColumnGlance(
        name=column.name,
        verdict=words,
        tone=tone,
        effect="" if column.effect is None else f"PSI {column.effect:.3f}",
        share=0.0 if column.effect is None else round(min(column.effect / _FULL, 1.0), 4),
        p_value=p_text(column.p_value),
    )
