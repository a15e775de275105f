from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from jupyter_mlops import settings as configuration
from jupyter_mlops.data import versions
from jupyter_mlops.errors import DataError, MlopsError, NotFoundError, SettingsError, UsageError
from jupyter_mlops.interfaces.cli.drift import command
from jupyter_mlops.records.serving import Prediction
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows.streams import merge_profiles
from jupyter_mlops.workflows.watch import How, drift

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(workspace: Path) -> Path:
    """Write the same kind of people before and after, older by a standard deviation after."""
    random = np.random.default_rng(0)
    for name, shift in (("before", 0.0), ("after", 1.0)):
        frame = pd.DataFrame({"age": random.normal(shift, 1, 400), "city": random.choice(["a", "b"], 400)})
        frame.to_csv(workspace / f"{name}.csv", index=False)
        frame.to_parquet(workspace / f"{name}.parquet")
    return workspace


def test_files_of_two_formats(data: Path) -> None:
    report = drift(configuration.load(), "before.csv", "after.parquet")
    assert report.drifted
    assert report.columns[0].name == "age"
    assert (report.reference, report.current) == ("before.csv", "after.parquet")
    ledger = open_store(configuration.load()).ledger
    assert ledger.get(str(report.ref)) == report
    assert report.author
    assert report.created_at


def test_dataset_versions_are_its_parents(data: Path) -> None:
    settings = configuration.load()
    store = open_store(settings)
    old, new = (versions.add(store, "people", data / f"{name}.csv") for name in ("before", "after"))
    report = drift(settings, f"people@{old.version[:8]}", "people")
    assert report.parents == (str(old.ref), str(new.ref))
    assert report.drifted
    assert store.ledger.children(str(old.ref), "drift") == [report]


def log(workspace: Path, *predictions: dict[str, list[float]]) -> None:
    with_log = PredictionLog(workspace / ".mlops" / "predictions.db")
    for number, inputs in enumerate(predictions):
        rows = len(next(iter(inputs.values())))
        prediction = Prediction(
            prediction_id=f"p{number}",
            deployment="d1",
            model="churn",
            version=1 + number % 2,
            rows=rows,
            inputs=inputs,
        )
        with_log.append([prediction])
    with_log.close()


def test_live_traffic_is_compared_by_what_the_model_takes(data: Path) -> None:
    log(data, *({"age": [float(age), age + 0.5]} for age in range(10, 60)))
    report = drift(configuration.load(), "before.csv", "live:churn")
    assert [column.name for column in report.columns] == ["age"]
    assert (report.current_rows, report.parents) == (100, ("deployment/d1",))
    assert report.drifted
    assert drift(configuration.load(), "before.csv", "live:churn@1").current_rows == 50


def test_a_frame_of_several_inputs(data: Path) -> None:
    log(data, {"age": [1.0, 2.0], "height": [1.0, 2.0]})
    report = drift(configuration.load(), "live:churn", "before.csv")
    assert [column.name for column in report.columns] == ["age"]


@pytest.mark.parametrize("values", [[[1.5, 2.5], [3.5, 4.5]], [1.5, 2.5, 3.5, 4.5]])
def test_a_matrix_becomes_columns(workspace: Path, values: list[object]) -> None:
    with_log = PredictionLog(workspace / ".mlops" / "predictions.db")
    with_log.append(
        [
            Prediction(
                prediction_id="p", deployment="d", model="churn", version=1, rows=2, inputs={"input": values}
            )
        ]
    )
    with_log.close()
    pd.DataFrame({"x0": [1.5, 3.5], "x1": [2.5, 4.5]}).to_csv("before.csv", index=False)
    report = drift(configuration.load(), "before.csv", "live:churn")
    assert {column.name: column.effect for column in report.columns} == {"x0": 0, "x1": 0}


@pytest.mark.parametrize(
    "current, message",
    [
        ("aftr.csv", "no file aftr.csv; did you mean after.csv"),
        ("nowhere/x.csv", "no file nowhere/x.csv; name a CSV or Parquet file"),
        (".mlops.d", "no table is in .mlops.d"),
        ("mlops.txt", "mlops.txt is not a table; a table is one of: csv"),
        ("zero.csv", "zero.csv is empty"),
        ("header.csv", "header.csv has no rows"),
        ("bad.parquet", "bad.parquet can't be read as parquet"),
        ("other.csv", "before.csv and other.csv have no column in common"),
        ("people", "'people' is neither a file nor a dataset: no dataset 'people'"),
        ("live:churn", "live:churn: nothing was served in this project yet; serve it"),
        ("live:churn@x", "'x' is not a version number"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_record(data: Path, current: str, message: str) -> None:
    (data / "mlops.txt").write_text("x")
    (data / "zero.csv").touch()
    (data / ".mlops.d").mkdir()
    (data / "header.csv").write_text("age,city\n")
    (data / "bad.parquet").write_text("x")
    (data / "other.csv").write_text("q\n1\n")
    with pytest.raises(MlopsError) as caught:
        drift(configuration.load(), "before.csv", current, report=data / "out.html")
    assert message in str(caught.value)
    assert isinstance(caught.value, DataError | NotFoundError)
    assert not (data / "out.html").exists()
    assert not (data / ".mlops").exists()


def test_a_model_that_nobody_asked(data: Path) -> None:
    log(data, {"age": [1.0]})
    with pytest.raises(DataError, match="no prediction of 'other' is in the log"):
        drift(configuration.load(), "before.csv", "live:other")


def test_a_report_that_cannot_be_written_leaves_no_record(data: Path) -> None:
    with pytest.raises(DataError, match="can't be written"):
        drift(configuration.load(), "before.csv", "after.csv", report=data / "before.csv" / "r.html")
    assert open_store(configuration.load()).ledger.find("drift") == []


def test_the_command(data: Path) -> None:
    run = CliRunner().invoke(
        command, ["before.csv", "after.csv", "-o", "out/report.html"], standalone_mode=False
    )
    assert run.exception is None
    assert run.return_value == 0
    assert run.output.splitlines()[0].split() == [
        "column",
        "kind",
        "verdict",
        "effect",
        "(PSI)",
        "corrected",
        "p",
        "note",
    ]
    assert "age" in run.output.splitlines()[1]
    assert "1 of 2 columns drifted between before.csv (400 rows) and after.csv (400 rows)" in run.output
    assert "report: out/report.html" in run.output
    assert (data / "out" / "report.html").read_text().startswith("<!doctype html>")


def test_the_commands_json_and_exit_status(data: Path) -> None:
    arguments = ["before.csv", "after.csv", "--json", "--columns", "age", "--fail-on-drift"]
    run = CliRunner().invoke(command, arguments, standalone_mode=False)
    document = json.loads(run.output)
    assert run.return_value == 1
    assert document["drifted"] is True
    [column] = document["columns"]
    assert (column["name"], column["kind"], column["drifted"]) == ("age", "numeric", True)
    assert column["tests"]["ks"]["p_value"] < 0.001
    assert document["multivariate"]["classifier"]["drifted"] is True
    calm = CliRunner().invoke(command, ["before.csv", "before.csv", "--fail-on-drift"], standalone_mode=False)
    assert calm.return_value == 0


def test_counted_in_bins_part_by_part(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drift(configuration.load(), "before.csv", "after.csv")
    monkeypatch.setattr("jupyter_mlops.data.frames.PART_ROWS", 90)
    read: list[int] = []
    how = How(binned=True, progress=read.append)
    report = drift(configuration.load(), "before.parquet", "after.parquet", how=how)
    assert (report.current_rows, report.reference_rows) == (400, 400)
    assert [column.name for column in report.columns] == [column.name for column in whole.columns]
    assert report.columns[0].tests["ks"].statistic == pytest.approx(
        whole.columns[0].tests["ks"].statistic, abs=0.01
    )
    assert report.multivariate["classifier"]["drifted"]
    sizes = [(data / f"{name}.parquet").stat().st_size for name in ("before", "before", "after")]
    assert sum(read) == sum(sizes)
    assert len(read) > 12


def test_large_files_are_counted_in_bins(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlops.workflows.watch.LARGE_BYTES", 100)
    notes = {c.name: c.note for c in drift(configuration.load(), "before.csv", "after.csv").columns}
    assert "counted in bins" in notes["age"]
    exact = drift(configuration.load(), "before.csv", "after.csv", how=How(binned=False))
    assert exact.columns[0].note == ""


def test_many_files_are_one_sample(data: Path) -> None:
    (data / "days").mkdir()
    for number in (1, 2):
        (data / "days" / f"{number}.csv").write_bytes((data / "after.csv").read_bytes())
    (data / "days" / "_SUCCESS").touch()
    for text in ("days", "days/*.csv", str(data / "days" / "?.csv")):
        assert drift(configuration.load(), "before.csv", text).current_rows == 800


def test_profiles_are_kept_merged_and_compared(data: Path) -> None:
    settings = configuration.load()
    drift(settings, "before.csv", "before.csv", how=How(profile=data / "old.profile"))
    for name in ("a", "b"):
        drift(settings, "old.profile", "after.csv", how=How(profile=data / f"{name}.profile"))
    merged = merge_profiles([data / "a.profile", data / "b.profile"], data / "both.profile")
    assert merged.rows == 800
    assert drift(settings, "old.profile", "?.profile").current_rows == 800
    report = drift(settings, "old.profile", "both.profile", columns=["age"])
    assert (report.reference_rows, report.current_rows) == (400, 800)
    assert report.drifted
    with pytest.raises(DataError, match=r"a\.profile is a profile, before\.csv isn't"):
        drift(settings, "before.csv", "a.profile")
    (data / "bad.profile").write_text("{}")
    with pytest.raises(DataError, match=r"bad\.profile is no profile"):
        drift(settings, "bad.profile", "after.csv")


@pytest.mark.parametrize(
    "current, columns, message",
    [
        ("header.csv", None, "header.csv has no rows"),
        ("other.csv", None, "other.csv has no column of the reference; one has age, city; the other q"),
        ("after.csv", ["ages"], "before.csv has no column 'ages'; did you mean age?"),
    ],
)
def test_bad_input_counted_in_bins(data: Path, current: str, columns: list[str] | None, message: str) -> None:
    (data / "header.csv").write_text("age,city\n")
    (data / "other.csv").write_text("q\n1\n")
    with pytest.raises(DataError) as caught:
        drift(configuration.load(), "before.csv", current, columns=columns, how=How(binned=True))
    assert message in str(caught.value)


def test_windows_and_bins_do_not_go_together(data: Path) -> None:
    with pytest.raises(UsageError, match="can't be chosen by time"):
        drift(configuration.load(), "before.csv", "after.csv", how=How(binned=True, by="day", time="age"))


def test_a_parquet_file_with_an_index(workspace: Path) -> None:
    frame = pd.DataFrame({"a.b": [0.5, 1.5], "c": ["x", "y"]}, index=["r", "s"])
    frame.to_parquet("x.parquet")
    report = drift(configuration.load(), "x.parquet", "x.parquet")
    assert {column.name for column in report.columns} == {"a.b", "c"}
    pd.DataFrame({0: [0.5, 1.5]}).rename(columns=str).to_parquet("y.parquet")
    assert drift(configuration.load(), "y.parquet", "y.parquet").columns[0].name == "0"


def test_live_traffic_by_the_day(data: Path) -> None:
    with_log = PredictionLog(data / ".mlops" / "predictions.db")
    random = np.random.default_rng(0)
    for day in range(1, 11):
        prediction = Prediction(
            prediction_id=f"p{day}",
            deployment="d1",
            model="churn",
            version=1,
            rows=100,
            inputs={"age": random.normal(3.0 if day == 10 else 0.0, 1, 100).tolist()},
            created_at=f"2026-01-{day:02}T12:00:00+00:00",
        )
        with_log.append([prediction])
    with_log.close()
    how = How(current_window="last 1 day", reference_window="last 7 days", by="day")
    report = drift(configuration.load(), "live:churn", "live:churn", how=how)
    assert report.drifted
    assert (report.reference_rows, report.current_rows) == (700, 100)
    assert [period.start for period in report.over_time if period.drifted] == ["2026-01-10"]
    calm = drift(
        configuration.load(), "live:churn", "live:churn", how=How(current_window="2026-01-05..2026-01-06")
    )
    assert (calm.reference_rows, calm.current_rows) == (800, 200)


def test_the_commands_windows(data: Path) -> None:
    frame = pd.DataFrame({"year": np.repeat([2015, 2016], 200), "age": np.tile(np.arange(200.0), 2) / 7})
    frame.to_csv("years.csv", index=False)
    arguments = ["years.csv", "years.csv", "--time", "year", "--current-window", "2016-01-01..2016-12-31"]
    run = CliRunner().invoke(command, [*arguments, "--by", "year"], standalone_mode=False)
    assert run.exception is None
    assert "years.csv, 2016-01-01..2016-12-31 (200 rows)" in run.output
    assert "2016-01-01        200 rows  no drift" in run.output


def test_the_rule_of_the_settings(data: Path) -> None:
    (data / "mlops.toml").write_text('drift = "p < 0.05 and psi > 100"\n')
    report = drift(configuration.load(), "before.csv", "after.csv", columns=["age"])
    assert not report.columns[0].drifted
    (data / "mlops.toml").write_text('drift = "phi > 100"\n')
    with pytest.raises(SettingsError, match="no figure 'phi'"):
        drift(configuration.load(), "before.csv", "after.csv")
