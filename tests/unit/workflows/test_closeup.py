"""A model version from near: gates beside the champion's, importance, and whether its data is as expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from jupyter_mlops import settings as configuration
from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation, Figure
from jupyter_mlops.records.expectation import ExpectationResult, Validation
from jupyter_mlops.records.explanation import Explanation, Importance
from jupyter_mlops.records.model import ModelVersion, Signature, TestData
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import models
from jupyter_mlops.workflows.closeup import closeup

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.settings import Settings

TRAINED, TESTED = "people@" + "a" * 64, "people-test@" + "b" * 64


@pytest.fixture
def settings(workspace: Path) -> Settings:
    """Three versions: the first two judged on the same rows, the third on others."""
    (workspace / "mlops.toml").write_text('mlflow_sync = "off"\n')
    settings = configuration.load()
    ledger = open_store(settings).ledger
    for number in (1, 2, 3):
        tested = TESTED if number < 3 else "people-test@" + "c" * 64
        version = ModelVersion(
            name="churn",
            version=number,
            bundle=f"b{number}",
            signature=Signature(layout="array", inputs=(), outputs=()),
            metrics={"train_loss": 0.3},
            datasets=(f"dataset/{TRAINED}",),
            test=TestData(dataset=f"dataset/{tested}", target="y", features=("a",)),
        )
        judged = Evaluation(
            model="churn",
            version=number,
            passed=True,
            conditions=(ConditionResult(text="accuracy >= 0.8", status="passed", value=0.9, threshold=0.8),),
            figures=(Figure(metric="accuracy", value=0.8 + number / 100, ci=(0.8, 0.9)),),
            parents=(str(version.ref), f"dataset/{tested}"),
            created_at=f"2026-01-0{number}",
        )
        ledger.append(version, judged)
    models.promote(settings, "churn/1")
    return settings


def put(settings: Settings, *records: Any) -> None:
    open_store(settings).ledger.append(*records)


def test_the_champions_figures_stand_beside_those_of_the_same_rows_only(settings: Settings) -> None:
    second, first, third = (closeup(settings, f"churn/{number}") for number in (2, 1, 3))
    (point,) = second.gates[0].sections[0].charts[0].points
    assert point.bar is not None
    assert point.bar.mark is not None
    for other in (first, third):
        (point,) = other.gates[0].sections[0].charts[0].points
        assert point.bar is not None
        assert point.bar.mark is None
    assert second.logged == {"train_loss": 0.3}
    with pytest.raises(NotFoundError):
        closeup(settings, "churn/9")


def test_what_it_decides_by(settings: Settings) -> None:
    assert closeup(settings, "churn/2").importance is None
    columns = tuple(
        Importance(feature=f"x{i}", loss=0.2 / (i + 1), loss_ci=(0.0, 0.3), protected="sex" if i == 1 else "")
        for i in range(12)
    )
    put(settings, Explanation(model="churn", version=2, importance=columns, metric="accuracy", rows=1_200))
    section = closeup(settings, "churn/2").importance
    assert section is not None
    (chart,) = section.charts
    assert [point.figure for point in chart.points[:2]] == ["0.200", "0.100"]
    assert chart.points[1].tag == "protected"
    assert chart.note == (
        "What accuracy loses when the column is shuffled among 1,200 test rows. 2 more columns are on record."
    )
    bars = [point.bar for point in chart.points]
    assert all(bar is not None and bar.base == bar.zero for bar in bars)


def test_attributions_stand_in_where_nothing_was_shuffled(settings: Settings) -> None:
    columns = (Importance(feature="x", attribution=12.0), Importance(feature="y"))
    put(
        settings,
        Explanation(
            model="churn", version=2, importance=columns, method="linear weights", scale="prediction"
        ),
    )
    section = closeup(settings, "churn/2").importance
    assert section is not None
    (chart,) = section.charts
    assert [(point.label, point.figure) for point in chart.points] == [("x", "12")]
    assert "moves the prediction of a row" in chart.note


def test_whether_its_data_is_as_expected(settings: Settings) -> None:
    trained, tested = closeup(settings, "churn/2").data
    assert (trained.name, trained.use, trained.passed) == ("people", "training", None)
    assert (tested.name, tested.use, tested.verdict) == ("people-test", "test", "nothing is expected of it")
    broken = ExpectationResult(
        column="age", expectation="min: 0", status="failed", failing=1_200, share=0.0133
    )
    whole = ExpectationResult(column="", expectation="rows: min 9", status="not evaluated", reason="no rows")
    fine = ExpectationResult(column="age", expectation="type: integer", status="passed")
    first = Validation(
        name="people", version="a" * 64, rows=9, passed=True, results=(fine,), created_at="2026-01-01"
    )
    put(
        settings,
        first,
        replace(first, passed=False, results=(fine, broken, whole), created_at="2026-01-02"),
    )
    trained, _ = closeup(settings, "churn/2").data
    assert trained.passed is False
    assert trained.verdict == "not as expected: 1 of 3 hold"
    assert trained.failures == ("age: min: 0, 1,200 rows (1.3%)", "rows: min 9, no rows")
