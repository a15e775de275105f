"""The drift reports at a glance, and what live traffic is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_mlops import settings as configuration
from jupyter_mlops.errors import DeniedError, NotFoundError
from jupyter_mlops.records.access import Grant
from jupyter_mlops.records.drift import ColumnDrift, DriftReport
from jupyter_mlops.records.model import ModelVersion, Signature, TestData
from jupyter_mlops.records.serving import Prediction
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows import drift_reports, models

if TYPE_CHECKING:
    from jupyter_mlops.settings import Settings

pytestmark = pytest.mark.usefixtures("workspace")


def report(name: str, *columns: ColumnDrift, current: str = "monday.csv", parent: str = "") -> DriftReport:
    return DriftReport(
        report_id=name,
        drifted=any(column.drifted for column in columns),
        reference="people@4f2a",
        current=current,
        reference_rows=9,
        current_rows=9,
        columns=columns,
        summary="It drifted.",
        parents=(parent,) if parent else (),
        created_at=f"2026-01-{name}",
    )


def column(
    name: str, *, drifted: bool = False, p: float | None = 0.5, effect: float | None = 0.1
) -> ColumnDrift:
    return ColumnDrift(name=name, kind="numeric", drifted=drifted, tests={}, p_value=p, effect=effect)


def served(settings: Settings, name: str, requests: int) -> None:
    log = PredictionLog(settings.state / "predictions.db")
    log.append(
        [
            Prediction(prediction_id=f"{name}{n}", deployment="d", model=name, version=1, rows=1)
            for n in range(requests)
        ]
    )
    log.close()


def model(settings: Settings, name: str, version: int, *, test: str = "", data: str = "") -> None:
    open_store(settings).ledger.append(
        ModelVersion(
            name=name,
            version=version,
            bundle="b",
            signature=Signature(layout="array", inputs=(), outputs=()),
            datasets=(data,) if data else (),
            test=TestData(dataset=test, target="y", features=()) if test else None,
        )
    )


def test_the_newest_reports_with_their_worst_columns() -> None:
    settings = configuration.load()
    assert drift_reports.newest(settings) == ()
    columns = (
        column("age", drifted=True, p=1e-9, effect=0.5),
        column("income", p=0.001, effect=0.05),
        column("sex"),
        column("gone", p=None, effect=None),
        column("fifth"),
    )
    ledger = open_store(settings).ledger
    for day in range(10, 20):
        ledger.append(report(f"{day}", *columns))
    shown = drift_reports.newest(settings)
    assert [each.report_id for each in shown] == ["19", "18", "17", "16", "15"]
    assert shown[0].title == "monday.csv against people@4f2a"
    age, income, sex, gone = shown[0].columns
    assert (age.verdict, age.share, age.effect, age.p_value) == ("drifted", 1.0, "PSI 0.500", "< 0.001")
    assert (income.verdict, income.share) == ("small change", 0.2)
    assert sex.verdict == "same"
    assert (gone.verdict, gone.share, gone.effect) == ("not compared", 0.0, "")
    assert shown[0].rest == 1
    assert "<html" in drift_reports.page(settings, "19")
    with pytest.raises(NotFoundError, match="no drift report 1999"):
        drift_reports.page(settings, "1999")


def test_reports_on_what_may_not_be_read_are_not_shown() -> None:
    settings = configuration.load()
    ledger = open_store(settings).ledger
    ledger.append(
        report("10", parent="dataset/secret@4f"),
        report("11", parent="dataset/open@4f"),
        report("12", current="live:secret@3, last 7 days"),
        Grant(grant_id="a", user="ann", role="admin", created_at="2026"),
        Grant(grant_id="b", user="bob", role="viewer", names="open*", created_at="2026"),
    )
    with stamp.speaking_for("ann"):
        assert len(drift_reports.newest(settings)) == 3
    with stamp.speaking_for("bob"):
        assert [each.report_id for each in drift_reports.newest(settings)] == ["11"]
        with pytest.raises(NotFoundError):
            drift_reports.page(settings, "10")
        with pytest.raises(DeniedError):
            drift_reports.sides(settings, "open")


def test_live_traffic_is_held_against_what_the_champion_was_judged_on() -> None:
    settings = configuration.load()
    assert drift_reports.traffic(settings) == ()
    (settings.root / "mlops.toml").write_text('mlflow_sync = "off"\n')
    model(settings, "churn", 1, test="dataset/churn-test@aa", data="dataset/people@11")
    model(settings, "churn", 2, test="dataset/churn-test@bb")
    model(settings, "bare", 1)
    model(settings, "idle", 1)
    served(settings, "churn", 3)
    served(settings, "bare", 1)
    shown = {each.model: (each.requests, each.reference) for each in drift_reports.traffic(settings)}
    assert shown == {"churn": (3, "churn-test@bb"), "bare": (1, "")}
    models.promote(settings, "churn/1")
    assert drift_reports.sides(settings, "churn") == ("churn-test@aa", "live:churn")
    with pytest.raises(NotFoundError, match="no data"):
        drift_reports.sides(settings, "bare")
    with pytest.raises(NotFoundError, match="never served"):
        drift_reports.sides(settings, "idle")


def test_without_test_rows_it_is_what_the_model_was_made_from() -> None:
    settings = configuration.load()
    model(settings, "churn", 1, data="dataset/people@11")
    served(settings, "churn", 1)
    assert drift_reports.sides(settings, "churn") == ("people@11", "live:churn")
