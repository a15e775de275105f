from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.errors import DataError, UsageError
from jupyter_mlops.monitoring import windows
from jupyter_mlops.monitoring.over_time import Windows, compare
from jupyter_mlops.monitoring.rule import DEFAULT

HOURS = pd.Series(pd.date_range("2026-01-05", periods=28 * 24, freq="h"))  # four weeks from a Monday


@pytest.mark.parametrize(
    "text, rows",
    [("", 672), ("all", 672), ("last 7 days", 168), ("Last 12 hours", 12), ("last 1 week", 168),
     ("2026-01-05..2026-01-06", 48), ("2026-01-05 .. 2026-01-05T06:00", 6), ("2027-01-01..2027-01-02", 0)],
)  # fmt: skip
def test_rows_of_what_is_current(text: str, rows: int) -> None:
    assert windows.current_rows(HOURS, windows.parse(text)).sum() == rows


@pytest.mark.parametrize(
    "text, rows",
    [("all", 671), ("last 7 days", 168), ("same hour", 27), ("same weekday", 95),
     ("same weekday and hour", 3), ("2026-01-05..2026-01-05", 24)],
)  # fmt: skip
def test_no_current_row_is_in_the_reference(text: str, rows: int) -> None:
    now = HOURS[-1:]
    found = windows.reference_rows(HOURS, windows.parse(text), now, same_sample=True)
    assert found.sum() == rows
    assert not found[-1]


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "last 0 days",
        "last days",
        "2026-02-30..2026-03-01",
        "2026-02-02..2026-02-01",
        "last 2 years",
    ],
)
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(UsageError, match=r"window|day that is none|before it begins"):
        windows.parse(text)


def test_only_a_reference_has_the_same_hours() -> None:
    with pytest.raises(UsageError, match="--reference-window"):
        windows.current_rows(HOURS, windows.parse("same hour"))


def test_periods_in_turn() -> None:
    starts = [start for start, _ in windows.periods(HOURS, "weeks")]
    assert starts == ["2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26"]
    assert sum(rows.sum() for _, rows in windows.periods(HOURS, "day")) == 672
    with pytest.raises(UsageError, match="no period 'decade'"):
        next(windows.periods(HOURS, "decade"))


@pytest.mark.parametrize(
    "values, first",
    [
        ([2015, 2016], "2015-01-01"),
        (["2015-02-01T10:00+02:00", None], "2015-02-01 08:00"),
        (pd.to_datetime(["2015-02-01"]).tz_localize("Asia/Tokyo"), "2015-01-31 15:00"),
    ],
)
def test_times(values: object, first: str) -> None:
    assert windows.times_of(pd.Series(values), "when")[0] == pd.Timestamp(first)


@pytest.mark.parametrize("values", [[1.5e9, 2.0], ["soon"], [None], [[1]]])
def test_what_is_no_time(values: list[object]) -> None:
    with pytest.raises(DataError, match="when"):
        windows.times_of(pd.Series(values), "when")


def daily(shifted_day: int | None = None) -> pd.DataFrame:
    random = np.random.default_rng(0)
    when = pd.Series(pd.date_range("2026-01-05", periods=14 * 240, freq="6min"))
    # By day and night it is another distribution: only like hours compare.
    x = random.normal(np.where(when.dt.hour < 12, 0, 5), 1)
    if shifted_day is not None:
        x[(when.dt.day == shifted_day).to_numpy()] += 1
    return pd.DataFrame({"when": when, "x": x})


def test_the_same_hours_compare() -> None:
    sides = {"reference": ("a", daily()), "current": ("a", daily())}
    by_hour = Windows("when", "same hour", "last 6 hours", same_sample=True)
    assert not compare(sides, by_hour, rule=DEFAULT).drifted
    whole = Windows("when", "all", "last 6 hours", same_sample=True)
    report = compare(sides, whole, rule=DEFAULT)
    assert report.drifted
    assert report.current_rows == 60
    assert [column.name for column in report.columns] == ["x"]


def test_each_day_is_held_against_the_others() -> None:
    frame = daily(shifted_day=12)
    sides = {"reference": ("a", frame), "current": ("a", frame)}
    report = compare(sides, Windows("when", "", "last 7 days", by="day", same_sample=True), rule="p < 0.001")
    drifted = {period.start: period.drifted for period in report.over_time}
    assert drifted["2026-01-12"]
    assert sum(drifted.values()) == 1
    assert len(drifted) == 14
    assert [period.rows for period in report.over_time if period.start < "2026-01-12"] == [0] * 7


def test_days_against_training_data() -> None:
    sides = {"reference": ("old", daily()), "current": ("new", daily(shifted_day=9))}
    report = compare(sides, Windows("when", by="day"), rule=DEFAULT)
    assert [period.start for period in report.over_time if period.drifted] == ["2026-01-09"]
    assert report.over_time[4].columns == ("x",)


def test_bad_windows_are_one_line() -> None:
    sides = {"reference": ("old", daily()), "current": ("new", daily())}
    for chosen, message in (
        (Windows(""), "which column holds the times"),
        (Windows("wen"), "new has no column 'wen'; did you mean when"),
        (Windows("when", current="2030-01-01..2030-02-01"), "new has no rows in its window"),
        (Windows("when", reference="2030-01-01..2030-02-01"), "old has no rows in its window"),
    ):
        with pytest.raises(DataError) as caught:
            compare(sides, chosen, rule=DEFAULT)
        assert message in str(caught.value)


def test_since_when_a_column_is_other_than_before() -> None:
    days = 30
    for change in (18, days):
        random = np.random.default_rng(change)
        place = np.repeat(np.arange(days), 200)
        current = pd.DataFrame(
            {
                "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(place, unit="D"),
                "x": random.normal(0, 1, len(place)) + (place >= change),
                "code": random.choice(["a", "b"], len(place)),
            }
        )
        reference = pd.DataFrame({"x": random.normal(0, 1, 3_000), "code": random.choice(["a", "b"], 3_000)})
        sides = {"reference": ("before", reference), "current": ("after", current)}
        report = compare(sides, Windows("when", by="day"), columns=["x", "code"], rule=DEFAULT)
        found = {column.name: (column.changes, column.note) for column in report.columns}
        assert found["code"] == ((), "")
        expected = (("2026-01-19",), "changed from 2026-01-19 on") if change < days else ((), "")
        assert found["x"] == expected
