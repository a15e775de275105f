"""Which rows of a sample count: all, the last days, between two days, or those of the same hours; and periods in turn."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from jupyter_mlops.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PERIODS = {"hour": "h", "day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
_UNITS = {
    "minute": pd.Timedelta(1, "min"),
    "hour": pd.Timedelta(1, "h"),
    "day": pd.Timedelta(1, "D"),
    "week": pd.Timedelta(7, "D"),
}
_LAST = re.compile(r"last\s+(\d+)\s*(minute|hour|day|week)s?")
_BETWEEN = re.compile(r"(\S+?)\s*\.\.\s*(\S+)")
_SAME = {
    "same hour": ("hour",),
    "same weekday": ("day_of_week",),
    "same weekday and hour": ("day_of_week", "hour"),
}
_HINT = (
    "a window is: all, last N hours (days, weeks), 2026-01-01..2026-01-31, "
    "same hour, same weekday, or same weekday and hour"
)
_FIRST_YEAR, _LAST_YEAR = 1000, 9999


class Window(NamedTuple):
    """Hold which rows count: a span of time up to the end, between two moments, or at like hours."""

    span: pd.Timedelta | None = None
    start: pd.Timestamp | None = None
    stop: pd.Timestamp | None = None
    alike: tuple[str, ...] = ()


def parse(text: str) -> Window:
    """Read a window as people write it.

    Raises:
        UsageError: when it is none.
    """
    plain = " ".join(text.lower().split())
    if plain in ("", "all"):
        return Window()
    if plain in _SAME:
        return Window(alike=_SAME[plain])
    if (last := _LAST.fullmatch(plain)) and int(last[1]):
        return Window(span=int(last[1]) * _UNITS[last[2]])
    if between := _BETWEEN.fullmatch(plain):
        try:
            start, stop = (pd.Timestamp(part) for part in between.groups())
        except ValueError:
            raise UsageError(f"{text!r} has a day that is none", hint=_HINT) from None
        # A day's name as the end means all of that day.
        whole = pd.Timedelta(1, "D") if re.fullmatch(r"\d{4}-\d\d-\d\d", between[2]) else pd.Timedelta(0)
        if start < stop + whole:
            return Window(start=_utc(start), stop=_utc(stop + whole))
        raise UsageError(f"{text!r} ends before it begins", hint=_HINT)
    raise UsageError(f"{text!r} is no window", hint=_HINT)


def times_of(values: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Read a column as moments in UTC; whole numbers from 1000 to 9999 are years.

    Raises:
        DataError: when it holds no times.
    """
    if pd.api.types.is_numeric_dtype(values.dtype) and values.dropna().between(_FIRST_YEAR, _LAST_YEAR).all():
        values = values.map(lambda year: f"{int(year)}-01-01", na_action="ignore")
    elif pd.api.types.is_numeric_dtype(values.dtype):
        raise DataError(f"{name} holds numbers, not times", hint="name a column of dates or years")
    try:
        moments = pd.to_datetime(values, utc=True, format="ISO8601" if values.dtype == object else None)
    except (ValueError, TypeError) as error:
        why = str(error).splitlines()[0]
        raise DataError(
            f"{name} can't be read as times: {why}", hint="write them as 2026-01-31 12:00"
        ) from None
    if not moments.notna().any():
        raise DataError(f"{name} holds no times", hint="name a column of dates or years")
    return moments.dt.tz_localize(None)


def current_rows(times: pd.Series[Any], window: Window) -> NDArray[np.bool_]:
    """Say which rows of the current sample count.

    Raises:
        UsageError: when it is a window that only a reference can have.
    """
    if window.alike:
        raise UsageError(
            "what is current can't be 'the same hours'", hint="say so of the reference: --reference-window"
        )
    if window.span is not None:
        window = Window(start=times.max() - window.span, stop=None)
        # Open at its start, so that the last 7 days are 7 days and not an instant of an eighth.
        late: NDArray[np.bool_] = (times > window.start).to_numpy()
        return late
    return _between(times, window)


def reference_rows(
    times: pd.Series[Any], window: Window, current: pd.Series[Any], *, same_sample: bool
) -> NDArray[np.bool_]:
    """Say which rows of the reference count; none that is current, so that nothing is compared with itself.

    Args:
        times: of the reference.
        window: the last N days are those before the current rows begin.
        current: the times of the current rows.
        same_sample: whether both are of one sample, so that the current rows are among the reference's.
    """
    start, stop = current.min(), current.max()
    if window.span is not None:
        earlier: NDArray[np.bool_] = ((times >= start - window.span) & (times < start)).to_numpy()
        return earlier
    rows = _between(times, window)
    if window.alike:
        rows &= np.isin(_place(times, window.alike), _place(current, window.alike))
    if same_sample:
        rows &= ~times.between(start, stop).to_numpy()
    return rows


def periods(times: pd.Series[Any], by: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each period's first day (or hour) and its rows, in order.

    Raises:
        UsageError: when there is no such period.
    """
    unit = by.strip().lower().removesuffix("s")
    if unit not in PERIODS:
        raise UsageError(f"no period {by!r}", hint=f"there are: {', '.join(PERIODS)}")
    found = times.dt.to_period(PERIODS[unit])
    for period in sorted(found.dropna().unique()):
        start = period.start_time
        yield (
            f"{start:%Y-%m-%d %H:%M}" if unit == "hour" else f"{start:%Y-%m-%d}",
            (found == period).to_numpy(),
        )


def _between(times: pd.Series[Any], window: Window) -> NDArray[np.bool_]:
    rows: NDArray[np.bool_] = times.notna().to_numpy().copy()
    if window.start is not None:
        rows &= (times >= window.start).to_numpy()
    if window.stop is not None:
        rows &= (times < window.stop).to_numpy()
    return rows


def _place(times: pd.Series[Any], names: tuple[str, ...]) -> NDArray[Any]:
    """Number the hours (of a week or day) or weekdays that times fall in."""
    place = np.zeros(len(times))
    for name in names:
        place = place * 24 + getattr(times.dt, name).to_numpy(dtype=np.float64)
    return place


def _utc(moment: pd.Timestamp) -> pd.Timestamp:
    return moment if moment.tzinfo is None else moment.tz_convert("UTC").tz_localize(None)
