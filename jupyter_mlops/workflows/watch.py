"""Compare today's data with what was, put the report on record, and write its page."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from msgspec.structs import replace

from jupyter_mlops.errors import DataError, UsageError
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import samples
from jupyter_mlops.workflows.acting import acting, allow
from jupyter_mlops.workflows.samples import LIVE, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    from jupyter_mlops.records.drift import DriftReport
    from jupyter_mlops.settings import Settings

# From here samples are counted in bins, part by part, so that memory doesn't grow with them.
LARGE_BYTES = 512 << 20


@dataclass(frozen=True)
class How:
    """Say how two samples are compared.

    ``time`` is a column of times; ``reference_window`` and ``current_window`` say which rows count by it, ``by`` compares
    each hour, day, week, month, quarter or year of what is current. ``binned`` counts in bins whatever the size (False:
    never), ``profile`` keeps what was counted of the current sample. ``progress`` is told how many bytes were read.
    ``label``, ``prediction`` and ``score`` are columns of what came true and what a model said: with them its quality is
    compared over time too; an alarm is a window worse by ``margin``. ``keep_reference`` keeps the reference sorted on disk
    for the next comparison with it.
    """

    time: str = ""
    reference_window: str = ""
    current_window: str = ""
    by: str = ""
    binned: bool | None = None
    profile: Path | None = None
    label: str = ""
    prediction: str = ""
    score: str = ""
    margin: float | None = None
    keep_reference: bool = False
    progress: Callable[[int], None] = lambda _: None

    @property
    def windowed(self) -> bool:
        """Whether rows are chosen by time."""
        return bool(self.time or self.reference_window or self.current_window or self.by)


def drift(
    settings: Settings,
    reference: str,
    current: str,
    *,
    columns: Sequence[str] | None = None,
    report: Path | None = None,
    how: How | None = None,
    clock: Callable[[], str] = stamp.now,
) -> DriftReport:
    """Compare two samples and put the report on record.

    Args:
        settings: the project.
        reference: what was: a file, a folder or pattern of files, a dataset ``name[@version]``, ``live:model``, or a profile.
        current: what is, likewise.
        columns: which columns to compare; default: all, or what a model takes where one side is its live traffic.
        report: where to write the HTML page, if anywhere.
        how: which rows, and by which means.
        clock: gives the time of the record.

    Raises:
        DataError: when a sample is missing, unreadable or empty, or nothing can be compared.
        NotFoundError: when there is no such dataset.
        UsageError: when a window or period is none.
        DeniedError: when whoever runs this may not, or may not read one of the two.
    """
    how = how or How()
    allow(settings, "drift")
    store = open_store(settings)
    pair = (samples.resolve(store, reference), samples.resolve(store, current))
    named = [subject for sample in pair for subject in sample.subjects]
    for subject in named:
        allow(settings, "read", subject)
        allow(settings, "drift", subject)
    at = clock()
    compared = replace(
        _compared(settings, pair, columns, how, same_sample=reference == current),
        report_id=_report_id(at),
        parents=tuple(dict.fromkeys((*pair[0].parents, *pair[1].parents))),
        created_at=at,
    )
    subject = named[0] if named else str(compared.ref)
    with acting(settings, "drift", subject, reference=reference, current=current) as act:
        compared = replace(compared, author=stamp.author())
        if report is not None:
            write_report(compared, report)
        store.ledger.append(compared)
        act.note(record=str(compared.ref), drifted=compared.drifted)
    return compared


def _compared(
    settings: Settings,
    pair: tuple[Sample, Sample],
    columns: Sequence[str] | None,
    how: How,
    *,
    same_sample: bool,
) -> DriftReport:
    first, second = pair
    if _in_bins(first, second, how):
        from jupyter_mlops.workflows import streams

        compared = streams.compare(first, second, columns, how, settings.drift)
    elif how.windowed:
        compared = _by_time(pair, columns, how, settings.drift, same_sample=same_sample)
    else:
        compared = _whole(settings, pair, columns, how)
    how = _with_outcomes(how, pair)
    if how.label or how.prediction or how.score:
        from jupyter_mlops.workflows import quality

        compared = quality.add(compared, first, second, how, same_sample=same_sample)
    return compared


def _with_outcomes(how: How, pair: tuple[Sample, Sample]) -> How:
    """Where both sides are live traffic and labels came for both, quality is compared without being asked for."""
    if how.label or how.prediction or how.score or not all(samples.LABEL in each.outcomes for each in pair):
        return how
    first, second = (each.outcomes for each in pair)
    names = {what: name for what, name in first.items() if second.get(what) == name}
    if samples.LABEL not in names or not names.keys() & {samples.PREDICTION, samples.SCORE}:
        return how
    return dataclasses.replace(
        how,
        label=names[samples.LABEL],
        prediction=names.get(samples.PREDICTION, ""),
        score=names.get(samples.SCORE, ""),
    )


def write_report(compared: DriftReport, path: Path) -> None:
    """Write a report's HTML page to ``path``; its folder is made when it isn't there.

    Raises:
        DataError: when it can't be written there.
    """
    from jupyter_mlops.monitoring.report import render

    write(path, render(compared).encode())


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; its folder is made when it isn't there.

    Raises:
        DataError: when it can't be written there.
    """
    from jupyter_mlops.store.files import write_atomic

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror}", hint="name another file") from None


def chosen(first: Sequence[str], second: Sequence[str], pair: tuple[Sample, Sample]) -> list[str] | None:
    """Return the columns that live traffic and the other side share; None where neither side is live.

    Training data has a target and keys that no request carries; that is no drift.
    """
    if not any(sample.name.startswith(LIVE) for sample in pair):
        return None
    beside = {samples.TIME, *(name for sample in pair for name in sample.outcomes.values())}
    return [name for name in first if name in set(second) and name not in beside]


def _in_bins(first: Sample, second: Sample, how: How) -> bool:
    counted = first.profile is not None or second.profile is not None or how.profile is not None
    if how.windowed and (counted or how.binned):
        raise UsageError("rows can't be chosen by time where they are counted in bins", hint="choose one")
    if how.keep_reference and (how.windowed or counted or how.binned):
        raise UsageError(
            "a reference is kept where all of its rows are compared exactly",
            hint="leave out --keep-reference, or windows, bins and profiles",
        )
    if counted or how.binned is not None:
        return counted or bool(how.binned)
    return (
        not how.windowed and not how.keep_reference and max(first.size_bytes, second.size_bytes) > LARGE_BYTES
    )


def _whole(
    settings: Settings, pair: tuple[Sample, Sample], columns: Sequence[str] | None, how: How
) -> DriftReport:
    from jupyter_mlops.monitoring.drift import compare
    from jupyter_mlops.workflows import references

    first, second = pair
    if how.keep_reference:
        one = references.keep(settings, first)
    else:
        one = references.find(settings, first) or first.table()
    two = second.table()
    wanted = columns or chosen(one.columns, two.columns, pair)
    return compare(one, two, columns=wanted, rule=settings.drift)


def _by_time(
    pair: tuple[Sample, Sample], columns: Sequence[str] | None, how: How, rule: str, *, same_sample: bool
) -> DriftReport:
    from jupyter_mlops.monitoring import over_time

    frames = tuple(sample.frame().rename(columns=str).reset_index(drop=True) for sample in pair)
    time = how.time or (samples.TIME if any(sample.traffic is not None for sample in pair) else "")
    wanted = columns or chosen(list(frames[0].columns), list(frames[1].columns), pair)
    return over_time.compare(
        _named(pair, frames, how),
        over_time.Windows(time, how.reference_window, how.current_window, how.by, same_sample=same_sample),
        columns=wanted,
        rule=rule,
    )


def _named(
    pair: tuple[Sample, Sample], frames: tuple[pd.DataFrame, ...], how: How
) -> dict[str, tuple[str, pd.DataFrame]]:
    windows = (how.reference_window, how.current_window)
    return {
        side: (f"{sample.name}, {window}" if window else sample.name, frame)
        for side, sample, frame, window in zip(("reference", "current"), pair, frames, windows, strict=True)
    }


def _report_id(at: str) -> str:
    digits = "".join(character for character in at if character.isdigit())[:14]
    return f"{digits[:8]}-{digits[8:]}-{uuid4().hex[:6]}"
