from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.errors import DataError
from jupyter_mlops.monitoring.drift import compare
from jupyter_mlops.monitoring.tables import table
from jupyter_mlops.records.drift import ColumnDrift, DriftReport

ROWS = 3_000


def frame(seed: int, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.normal(shift, 1, ROWS),
            "height": random.normal(0, 1, ROWS),
            "city": random.choice(["a", "b", "c"], ROWS),
            "code": random.integers(0, 5, ROWS),
        }
    )


def one(before: object, after: object) -> ColumnDrift:
    report = compare(pd.DataFrame({"x": before}), pd.DataFrame({"x": after}))
    assert msgspec.json.decode(msgspec.json.encode(report), type=DriftReport) == report
    return report.columns[0]


def test_a_shift_is_found_and_stands_first() -> None:
    report = compare(frame(1), frame(2, shift=0.6), names=("2015", "2018"))
    assert report.drifted
    assert [column.name for column in report.columns if column.drifted] == ["age"]
    worst = report.columns[0]
    assert worst.name == "age"
    assert set(worst.tests) == {"ks", "psi", "wasserstein", "jensen_shannon"}
    assert worst.tests["wasserstein"].statistic == pytest.approx(0.6, abs=0.06)
    assert report.summary.startswith(
        "1 of 4 columns drifted between 2015 (3,000 rows) and 2018 (3,000 rows); age (PSI "
    )
    assert report.multivariate["classifier"]["drifted"]


def test_equal_data_has_not_drifted() -> None:
    report = compare(frame(1), frame(2))
    assert not report.drifted
    assert report.summary.startswith("No column of 4 drifted")
    assert {column.name: column.kind for column in report.columns}["code"] == "categorical"


def test_false_alarms_are_as_rare_as_the_rule_says() -> None:
    columns = sum(
        compare(frame(seed).head(300), frame(seed + 1_000).head(300), jointly=False).drifted
        for seed in range(200)
    )
    # At a level of 5% 10 are expected; more than 19 would come once in 400 times.
    assert columns <= 19
    together = sum(compare(frame(seed).head(200), frame(seed + 500).head(200)).drifted for seed in range(15))
    assert together <= 4


def test_a_small_shift_of_many_rows_is_drift_unless_the_rule_says_otherwise() -> None:
    random = np.random.default_rng(0)
    before, after = (pd.DataFrame({"x": random.normal(shift, 1, 50_000)}) for shift in (0, 0.05))
    [column] = compare(before, after).columns
    assert column.drifted
    strict = compare(before, after, rule="p < 0.05 and psi >= 0.1")
    assert not strict.columns[0].drifted
    assert strict.rule == "p < 0.05 and psi >= 0.1"
    assert "1 differs beyond chance, but little" in strict.summary
    assert column.p_value is not None
    assert column.p_value < 0.001
    assert column.effect is not None
    assert column.effect < 0.1


def test_missing_values_drift_too() -> None:
    values = np.random.default_rng(0).normal(size=2_000)
    column = one(values, np.where(np.arange(2_000) % 4 == 0, np.nan, values))
    assert column.drifted
    assert column.tests["missing"].statistic == pytest.approx(0.25)
    assert column.note == "missing: 0.0% before, 25.0% now"


def test_unseen_categories() -> None:
    column = one(["a", "b"] * 100, ["a", "z"] * 100)
    assert column.drifted
    assert column.tests["unseen"].statistic == 0.5
    assert column.note == "1 unseen value: z"


@pytest.mark.parametrize(
    "before, after, kind, drifted, note",
    [
        ([1.5] * 200, [1.5] * 200, "numeric", False, ""),
        ([1.5] * 200, [2.5] * 200, "numeric", True, "1.5 before, 2.5 now"),
        ([np.nan] * 200, [np.nan] * 200, "other", False, "no values on either side"),
        ([1.5, 2.5] * 100, [np.nan] * 200, "numeric", True, "no values in the current data"),
        ([np.nan] * 200, ["a"] * 200, "categorical", True, "no values in the reference data"),
        ([1.5] * 200, ["a"] * 200, "other", True, "type changed from float64 to str"),
        ([True, False] * 100, [True, False] * 100, "boolean", False, ""),
        ([True, False] * 100, ["a"] * 200, "categorical", True, "1 unseen value: a"),
        ([f"a{i}" for i in range(200)], [f"b{i}" for i in range(200)], "text", False,
         "compared by length and words"),
        ([np.inf, 1.5] * 100, [np.inf, 1.5] * 100, "numeric", False,
         "infinite values: 100 in the reference, 100 in the current data"),
        ([np.inf] * 200, [-np.inf] * 200, "numeric", True,
         "inf before, -inf now; infinite values: 200 in the reference, 200 in the current data"),
        ([1e308, -1e308] * 100, [5e-324] * 200, "numeric", True, "is 4.94066e-324 throughout"),
        ([1j] * 200, [1j] * 200, "other", False, ""),
        (["2026-01-01", "2026-01-02"] * 100, ["2026-01-02", "n/k"] * 100, "other", True,
         "type changed from date to str"),
        (["2026-01-01", "2026-01-02"] * 100, ["2026-01-02"] * 200, "date", True, "is 2026-01-02 00:00:00 throughout"),
    ],
)  # fmt: skip
def test_odd_columns_have_defined_answers(
    before: list[object], after: list[object], kind: str, drifted: bool, note: str
) -> None:
    column = one(before, after)
    assert (column.kind, column.drifted, column.note) == (kind, drifted, note)


def test_dates() -> None:
    before = pd.date_range("2015-01-01", periods=500, freq="h", tz="UTC")
    column = one(before, before + pd.Timedelta(300, "h"))
    assert (column.kind, column.drifted) == ("date", True)
    assert column.plot["dates"] is True


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%d"])
def test_dates_in_words_are_dates(form: str) -> None:
    hours = pd.date_range("2015-01-01", periods=500, freq="h")
    before = pd.Series(hours.floor("D") if form == "%Y-%m-%d" else hours)
    after = before + pd.Timedelta(12, "D")
    gaps = before.dt.strftime(form).where(before.index > 0)
    assert one(before, before.dt.strftime(form)).drifted is False
    now = one(gaps, after.dt.strftime(form))
    dates = one(before.where(gaps.notna()), after)
    assert (now.kind, now.tests) == ("date", dates.tests)


def test_unique_text_that_goes_missing() -> None:
    column = one([f"a{i}" for i in range(200)], [f"b{i}" if i % 2 else None for i in range(200)])
    assert (column.kind, column.drifted) == ("text", True)


def test_columns_of_one_side_are_told_but_no_drift() -> None:
    report = compare(frame(1).assign(old=1), frame(2).assign(new=1))
    assert not report.drifted
    notes = {column.name: column.note for column in report.columns if column.note}
    assert notes == {"old": "only in the reference data", "new": "only in the current data"}
    assert "on one side only: new, old" in report.summary


def test_the_columns_asked_for() -> None:
    report = compare(frame(1), frame(2), columns=["city", "age", "city"])
    assert {column.name for column in report.columns} == {"city", "age"}


def test_names_that_are_not_text() -> None:
    report = compare(pd.DataFrame({0: [1.5] * 9}), pd.DataFrame({"0": [1.5] * 9}))
    assert report.columns[0].name == "0"


@pytest.mark.parametrize(
    "before, after, columns, message",
    [
        (frame(1).head(0), frame(1), None, "reference has no rows"),
        (frame(1), pd.DataFrame(index=[0, 1]), None, "current has no columns"),
        (frame(1)[["age"]], frame(1)[["city"]], None, "no column in common; one has age; the other city"),
        (frame(1), frame(1), ["ages"], "reference has no column 'ages'; did you mean age?"),
        (frame(1), frame(1).drop(columns="age"), ["age"], "current has no column 'age'"),
        (pd.concat([frame(1), frame(1)], axis=1), frame(1), None, "reference has two columns named 'age'"),
    ],
)
def test_what_cannot_be_compared(
    before: pd.DataFrame, after: pd.DataFrame, columns: list[str] | None, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        compare(before, after, columns=columns)
    assert message in str(caught.value)


def test_a_change_of_all_columns_together() -> None:
    random = np.random.default_rng(0)
    before = pd.DataFrame(random.normal(size=(4_000, 2)), columns=["a", "b"])
    after = before.copy()
    after["b"] = np.where(
        random.random(4_000) < 0.9, np.sort(after["b"])[after["a"].rank().astype(int) - 1], after["b"]
    )
    report = compare(before, after)
    assert not any(column.drifted for column in report.columns)
    assert report.drifted
    assert "all columns together tell the two apart with AUC" in report.summary


def test_whole_numbers_that_became_floats_have_not_changed() -> None:
    codes = np.random.default_rng(0).integers(0, 4, 1_000)
    before, after = (
        pd.DataFrame({"x": codes, "y": codes}),
        pd.DataFrame({"x": codes.astype(float), "y": codes}),
    )
    report = compare(before, after)
    assert not report.drifted
    assert report.multivariate["classifier"]["statistic"] < 0.6


def test_a_kept_reference_gives_the_same_report() -> None:
    random = np.random.default_rng(0)

    def people(shift: float, rows: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "age": np.where(random.random(rows) < 0.1, np.nan, random.normal(shift, 1, rows)),
                "code": random.integers(0, 5, rows),
                "city": np.array(["a", "b", None], dtype=object)[random.integers(0, 3, rows)],
                "when": pd.Timestamp("2026-01-01")
                + pd.to_timedelta(random.integers(0, 10**6, rows), unit="s"),
                "yes": random.random(rows) < 0.5,
            }
        )

    before = people(0, 12_000)
    kept = table(before, "reference", keep=True)
    for shift, rows in ((0.0, 300), (0.5, 60_000)):
        after = people(shift, rows)
        assert compare(kept, after) == compare(before, after)
    assert max(len(kept.side(name).values) for name in kept.columns) == 10_000


def test_embeddings_and_text() -> None:
    random = np.random.default_rng(0)

    def notes(shift: float, words: str) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "vector": list(random.normal(shift, 1, (400, 8))),
                "note": [f"{random.choice(words.split())} {random.integers(10**9)}" for _ in range(400)],
            }
        )

    same = compare(notes(0, "late lost"), notes(0, "late lost"), jointly=False)
    assert {column.name: column.kind for column in same.columns} == {"vector": "embedding", "note": "text"}
    assert not same.drifted
    other = compare(notes(0, "late lost"), notes(0.3, "late broken"), jointly=False)
    found = {column.name: column for column in other.columns}
    assert found["vector"].tests["mmd"].p_value is not None
    assert found["vector"].drifted
    assert found["note"].tests["vocabulary"].statistic == pytest.approx(0.5, abs=0.1)
    assert found["note"].drifted
    short = pd.DataFrame({"vector": [[1.0, 2.0]] * 9})
    [column] = compare(notes(0, "a")[["vector"]], short).columns
    assert (column.drifted, column.note) == (True, "vectors of 8 numbers before, of 2 now")
    uneven = pd.DataFrame({"vector": [np.ones(8)] * 1_000 + [np.ones(3)]})
    [column] = compare(notes(0, "a")[["vector"]], uneven).columns
    assert (column.drifted, column.note) == (True, "vectors of different lengths")
    empty = pd.DataFrame({"vector": [np.full(8, np.nan)] * 30})
    assert (
        compare(notes(0, "a")[["vector"]], empty).columns[0].note == "no vector of finite numbers on one side"
    )


def test_text_that_the_reference_has_too_is_no_drift() -> None:
    notes = pd.DataFrame({"note": [f"order {number}" for number in range(1_000)]})
    [column] = compare(notes, notes.sample(frac=1, random_state=0)).columns
    assert (column.kind, column.drifted) == ("text", False)
    [column] = compare(notes, notes.replace("order", "parcel", regex=True)).columns
    assert column.drifted
