"""A model's quality over time, of samples that hold what it said and (some of) what came true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec.structs import replace

from jupyter_mlops.errors import DataError, NotFoundError, UsageError
from jupyter_mlops.monitoring import over_time, performance, windows
from jupyter_mlops.monitoring.performance import Outcomes
from jupyter_mlops.workflows import samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.records.drift import DriftReport
    from jupyter_mlops.workflows.samples import Sample
    from jupyter_mlops.workflows.watch import How

# Without a period, rows in their own order are cut into so many windows.
WINDOWS = 10
# For a window, where labels come here and there: half as many again as it must have.
LABELS = performance.FEWEST_ROWS * 3 // 2
_MOST_CLASSES = 20
_SURE = 0.5


def add(
    report: DriftReport, reference: Sample, current: Sample, how: How, *, same_sample: bool = False
) -> DriftReport:
    """Add to a report how good the model's predictions are, window by window, and where its errors changed.

    Args:
        report: what was found of the data.
        reference: what was; it has labels.
        current: what is, with as many labels as have come.
        how: which columns hold what, and which rows count.
        same_sample: whether both are one sample: then no current row is in the reference.

    Raises:
        DataError: when a column isn't there, the reference has no labels, or a window no rows.
        UsageError: when it isn't said which columns hold what.
    """
    if not how.label or not (how.prediction or how.score):
        raise UsageError(
            "the model's quality needs a label and a prediction or a score",
            hint="--label COLUMN, and --prediction COLUMN or --score COLUMN",
        )
    before, after = (
        sample.frame().rename(columns=str).reset_index(drop=True) for sample in (reference, current)
    )
    if how.reference_window or how.current_window:
        before, after = _chosen(before, after, (reference, current), how, same_sample=same_sample)
    for sample, frame in ((reference, before), (current, after)):
        for column in filter(None, (how.prediction, how.score, how.label if frame is before else "")):
            _there(frame, column, sample.name)
    if not before[how.label].notna().any():
        raise DataError(
            f"{reference.name} has no labels in {how.label!r}", hint="name a reference with labels"
        )
    after, times = _in_order(after, current, how)
    outcomes = _outcomes(before, after, how)
    margin = performance.MARGIN if how.margin is None else how.margin
    found = performance.over_windows(*outcomes, _windows(outcomes[1], times, how), margin=margin)
    if not found:
        raise DataError(
            f"{reference.name} has too few labels to measure anything by",
            hint=f"a reference needs {performance.FEWEST_ROWS} rows with labels",
        )
    seen = tuple(
        replace(change, at="" if times is None else str(times.iloc[change.row])[:16])
        for change in performance.changes(outcomes[1])
    )
    return replace(report, performance=found, changes=seen, summary=f"{report.summary} {_sentence(found)}")


def _chosen(
    before: pd.DataFrame, after: pd.DataFrame, pair: tuple[Sample, Sample], how: How, *, same_sample: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    time = how.time or (samples.TIME if any(sample.traffic is not None for sample in pair) else "")
    sides = {"reference": (pair[0].name, before), "current": (pair[1].name, after)}
    chosen = over_time.Windows(time, how.reference_window, how.current_window, same_sample=same_sample)
    rows, now = over_time.rows(sides, chosen)
    return before.loc[rows].reset_index(drop=True), after.loc[now].reset_index(drop=True)


def _there(frame: pd.DataFrame, column: str, name: str) -> None:
    if column not in frame.columns:
        near = NotFoundError.of("column", column, frame.columns)
        raise DataError(f"{name} has no column {column!r}", hint=near.hint, **near.details)


def _in_order(frame: pd.DataFrame, sample: Sample, how: How) -> tuple[pd.DataFrame, pd.Series[Any] | None]:
    column = how.time or (samples.TIME if sample.traffic is not None else "")
    if not column:
        return frame, None
    _there(frame, column, sample.name)
    times = windows.times_of(frame[column], column)
    order = times.argsort(kind="stable")
    return frame.iloc[order].reset_index(drop=True), times.iloc[order].reset_index(drop=True)


def _windows(after: Outcomes, times: pd.Series[Any] | None, how: How) -> list[tuple[str, NDArray[np.bool_]]]:
    if how.by and times is not None:
        return list(windows.periods(times, how.by))
    places = np.arange(len(after.labels))
    # Few labels are enough for fewer windows; where there are none, rows are.
    told = len(after.labelled.labels) or len(places)
    count = min(WINDOWS, max(1, told // LABELS))
    parts = [part for part in np.array_split(places, count) if len(part)]
    return [(_called(part, times), (places >= part[0]) & (places <= part[-1])) for part in parts]


def _called(part: NDArray[np.int64], times: pd.Series[Any] | None) -> str:
    if times is None:
        return f"row {part[0] + 1:,}"
    return f"{times.iloc[part[0]]:%Y-%m-%d %H:%M}"


def _outcomes(before: pd.DataFrame, after: pd.DataFrame, how: How) -> tuple[Outcomes, Outcomes]:
    labels = [
        frame[how.label] if how.label in frame else pd.Series(np.nan, frame.index)
        for frame in (before, after)
    ]
    known = labels[0].dropna()
    classes = sorted(known.unique(), key=lambda value: (str(type(value)), value))
    amounts = pd.api.types.is_float_dtype(known.dtype) and (
        len(classes) > _MOST_CLASSES or not np.array_equal(known, known.round())
    )
    if amounts:
        if not how.prediction:
            raise UsageError("amounts need a prediction", hint="--prediction COLUMN")
        first, second = (
            Outcomes(_floats(each), _floats(frame[how.prediction]), numeric=True)
            for each, frame in zip(labels, (before, after), strict=True)
        )
        return first, second
    codes = {value: float(place) for place, value in enumerate(classes)}
    binary = len(classes) == 2  # noqa: PLR2004 - what the word means
    if not binary and not how.prediction:
        raise UsageError(f"{len(classes)} classes need a prediction", hint="--prediction COLUMN")
    first, second = (
        _coded(each, frame, codes, how, binary=binary)
        for each, frame in zip(labels, (before, after), strict=True)
    )
    return first, second


def _coded(
    labels: pd.Series[Any], frame: pd.DataFrame, codes: dict[Any, float], how: How, *, binary: bool
) -> Outcomes:
    """Turn classes into numbers: of two, the later in order is the positive one; a class never met before is its own."""
    scores = _floats(frame[how.score]) if how.score and binary else None
    if how.prediction:
        said = frame[how.prediction].map(codes).fillna(-1.0).to_numpy(dtype=np.float64)
    else:
        assert scores is not None  # noqa: S101 - one of the two is there
        said = np.where(scores >= _SURE, 1.0, 0.0)
    new = (labels.notna() & ~labels.isin(list(codes))).to_numpy()
    true = np.where(new, float(len(codes)), _floats(labels.map(codes)))
    return Outcomes(true, said, scores)


def _floats(values: pd.Series[Any]) -> NDArray[np.float64]:
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _sentence(found: tuple[Any, ...]) -> str:
    parts = []
    for each in found:
        name = each.metric.replace("_", " ")
        bad = [window.start for window in each.windows if window.alarm]
        unlabelled = all(window.value is None for window in each.windows)
        if bad:
            parts.append(
                f"{name} was worse than {each.reference:.3f} by {each.margin:.3g} or more from {bad[0]} on"
            )
        elif unlabelled:
            guesses = [window.estimated for window in each.windows if window.estimated is not None]
            parts.append(
                f"{name} can only be estimated, for want of labels, at its lowest {min(guesses):.3f}"
                if guesses
                else f"{name} can't be told: too few labels in each window"
            )
        else:
            parts.append(f"{name} holds at {each.reference:.3f}")
    return f"The model's {'; '.join(parts)}."
