from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.errors import DataError
from jupyter_mlops.monitoring import binned
from jupyter_mlops.monitoring.binned_drift import compare_profiles
from jupyter_mlops.monitoring.drift import compare

DAYS = [f"2026-01-{1 + day % 28:02}" for day in range(200)]


def frame(seed: int, rows: int = 8_000, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    gone = random.random(rows) < 0.05
    return pd.DataFrame(
        {
            "n": np.where(gone, np.nan, random.normal(shift, 1, rows)),
            "zero": np.where(random.random(rows) < 0.6, 0.0, random.gamma(2, 1, rows) + shift),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 10**6, rows), unit="s"),
            "code": random.integers(0, 5, rows),
            "city": random.choice([f"c{i}" for i in range(30)], rows),
            "yes": random.random(rows) < 0.5 + shift / 5,
            "words": ["word " * int(n) + str(random.random()) for n in random.integers(1, 9, rows)],
        }
    )


def parts(whole: pd.DataFrame, size: int) -> list[pd.DataFrame]:
    return [whole.iloc[start : start + size] for start in range(0, len(whole), size)]


def test_parts_add_up_in_any_order() -> None:
    whole = frame(1)
    bins = binned.bins_of(whole.head(2_000))
    found = [binned.profile(part, bins) for part in parts(whole, 900)]
    forward, backward = found[0], found[-1]
    for each in found[1:]:
        forward = forward.merge(each)
    for each in reversed(found[:-1]):
        backward = backward.merge(each)
    once = binned.profile(whole, bins)
    for other in (forward, backward, binned.total(parts(whole, 77), bins)):
        assert other.rows == once.rows == 8_000
        for name, column in other.columns.items():
            same = msgspec.structs.replace(column, sums=once.columns[name].sums)
            assert same == once.columns[name]
            assert column.sums == pytest.approx(once.columns[name].sums)
    assert msgspec.json.decode(msgspec.json.encode(forward), type=binned.Profile) == forward


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_bins_find_what_exact_tests_find(shift: float) -> None:
    before, after = frame(1), frame(2, shift=shift)
    bins = binned.bins_of(before)
    report = compare_profiles(binned.profile(before, bins), binned.profile(after, bins))
    exact = {column.name: column for column in compare(before, after, jointly=False).columns}
    assert report.drifted == (shift > 0)
    for column in report.columns:
        other = exact[column.name]
        assert (column.kind, column.drifted) == (other.kind, other.drifted), column.name
        if column.kind in ("numeric", "date"):
            assert column.tests["ks"].statistic == pytest.approx(other.tests["ks"].statistic, abs=0.006)
            assert column.tests["psi"].statistic == pytest.approx(other.tests["psi"].statistic, abs=0.02)
            assert "counted in bins" in column.note
        elif column.kind != "text":
            assert column.tests["chi_squared"] == other.tests["chi_squared"]


def column_of(before: list[object], after: list[object]) -> tuple[bool, str]:
    bins = binned.bins_of(pd.DataFrame({"x": before}))
    first, second = (binned.profile(pd.DataFrame({"x": side}), bins) for side in (before, after))
    [column] = compare_profiles(first, second).columns
    return column.drifted, column.note


@pytest.mark.parametrize(
    "before, after, drifted, note",
    [
        ([1.5] * 200, [1.5] * 200, False, "KS between 0.0000 and 0.0000, counted in bins"),
        ([1.5] * 200, [2.5] * 200, True, "KS between 1.0000 and 1.0000, counted in bins"),
        ([None] * 200, [None] * 200, False, "can't be compared in bins"),
        ([1.5, 2.5] * 100, [None] * 200, True, "no values in the current data"),
        ([1.5, 2.5] * 100, ["x"] * 200, True, "type changed: 100% of the values are no numeric values any more"),
        ([1.5, 2.5] * 100, ["1.5", "2.5"] * 100, False, "KS between 0.0000 and 0.0000, counted in bins"),
        ([1.5, 2.5] * 100, [1.5, "x"] * 100, True, "100 values of another type"),
        ([1.5, np.inf] * 100, [1.5, -np.inf] * 100, True, "KS between 0.5000 and 0.5000, counted in bins"),
        (DAYS, DAYS, False, "counted in bins"),
        (DAYS, [pd.Timestamp(day) for day in DAYS], False, "counted in bins"),
        (DAYS, [*DAYS[1:], "n/k"], False, "; 1 value of another type"),
        (DAYS, ["2027-01-01"] * 200, True, "KS between 1.0000 and 1.0000"),
        (["a", "b"] * 100, ["a", "z"] * 100, True, "1 unseen value: z"),
        ([True, False] * 100, [True, False] * 100, False, ""),
        ([1, 2] * 100, [1.0, 2.0] * 100, False, ""),
        ([[1], [2]] * 100, [[1], [2]] * 100, False, ""),
        ([1j] * 200, [1j] * 200, False, "can't be compared in bins"),
    ],
)  # fmt: skip
def test_odd_columns(before: list[object], after: list[object], *, drifted: bool, note: str) -> None:
    found = column_of(before, after)
    assert found[0] is drifted
    assert note in found[1]


def test_columns_of_one_side() -> None:
    bins = binned.bins_of(frame(1)[["n", "code"]])
    before = binned.profile(frame(1), bins)
    report = compare_profiles(before, binned.profile(frame(2)[["n"]], bins), only_current=("new",))
    notes = {column.name: column.note for column in report.columns if not column.tests}
    assert notes == {"code": "only in the reference data", "new": "only in the current data"}


def test_more_categories_than_are_named() -> None:
    names = [f"c{i}" for i in range(1_500)]
    before = pd.DataFrame({"x": names * 4})
    bins = binned.bins_of(before)
    first, second = binned.profile(before, bins), binned.profile(pd.DataFrame({"x": names[::-1] * 4}), bins)
    assert (first.columns["x"].other, len(first.columns["x"].counts)) == (2_000, 1_000)
    assert first.merge(second).columns["x"].examples == second.columns["x"].examples
    assert not compare_profiles(first, second).drifted


def test_profiles_of_other_bins_do_not_add_up() -> None:
    first, second = (binned.profile(frame(seed), binned.bins_of(frame(seed))) for seed in (1, 2))
    with pytest.raises(DataError, match="different bins"):
        first.merge(second)
    with pytest.raises(DataError, match="a and b were counted in different bins"):
        compare_profiles(first, second, names=("a", "b"))
    with pytest.raises(DataError, match="a has no rows"):
        compare_profiles(binned.empty(first.bins), first, names=("a", "b"))


def test_rows_are_drawn_evenly_from_parts() -> None:
    drawn = binned.Drawn(500)
    for part in parts(pd.DataFrame({"x": np.arange(20_000)}), 333):
        drawn.add(part)
    rows = drawn.frame()["x"].to_numpy()
    assert len(rows) == len(set(rows)) == 500
    assert (np.diff(rows) > 0).all()
    assert rows.mean() == pytest.approx(10_000, rel=0.1)
    few = binned.Drawn(500)
    few.add(pd.DataFrame({"x": [1, 2]}))
    assert few.frame()["x"].tolist() == [1, 2]
