"""Labels that were told to the serving process make live traffic a sample whose model's quality is compared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from jupyter_mlops import settings as configuration
from jupyter_mlops.interfaces.cli.drift import command
from jupyter_mlops.records.serving import Feedback, Prediction
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows import samples
from jupyter_mlops.workflows.watch import How, drift

if TYPE_CHECKING:
    from pathlib import Path

DAYS, ROWS = 10, 300

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WINDOWS = How(current_window="last 3 days", reference_window="all")


def serve(workspace: Path, *, worth: tuple[float, ...] = (1.0,) * DAYS, labelled: float = 1.0) -> None:
    """Answer as many rows a day; scores are worth what they say times ``worth`` of the day."""
    random = np.random.default_rng(1)
    log = PredictionLog(workspace / ".mlops" / "predictions.db")
    for day, today in enumerate(worth):
        x = random.normal(0, 1.5, ROWS)
        scores = 1 / (1 + np.exp(-x))
        true = random.random(ROWS) < 1 / (1 + np.exp(-today * x))
        log.append(
            [
                Prediction(
                    prediction_id=f"p{day}",
                    deployment="d1",
                    model="churn",
                    version=1,
                    rows=ROWS,
                    inputs={"x": x.tolist(), "y": x.tolist()},
                    outputs={
                        "predict": (x > 0).astype(int).tolist(),
                        "predict_proba": np.column_stack([1 - scores, scores]).tolist(),
                    },
                    created_at=(BEGIN + timedelta(days=day, hours=1)).isoformat(),
                )
            ]
        )
        told = np.flatnonzero(random.random(ROWS) < labelled)
        log.tell(
            "churn", [Feedback(prediction_id=f"p{day}", row=int(row), label=int(true[row])) for row in told]
        )
    log.close()


def test_quality_is_compared_without_being_asked_for(workspace: Path) -> None:
    serve(workspace, worth=(1.0,) * 7 + (0.0,) * 3)
    report = drift(configuration.load(), "live:churn", "live:churn", how=WINDOWS)
    assert sorted(column.name for column in report.columns) == ["x", "y"]
    assert (report.reference_rows, report.current_rows) == (7 * ROWS, 3 * ROWS)
    accuracy, area = report.performance
    assert accuracy.alarm
    assert area.alarm
    assert accuracy.reference == pytest.approx(0.75, abs=0.04)
    assert sum(window.labelled for window in accuracy.windows) == 3 * ROWS
    result = CliRunner().invoke(
        command,
        ["live:churn", "live:churn", "--current-window", "last 3 days", "--fail-on-drift", "--columns", "x"],
        standalone_mode=False,
    )
    assert result.return_value == 1, result.output
    assert "worse than the reference" in result.output


def test_a_model_that_is_as_good_as_ever_with_half_of_the_labels(workspace: Path) -> None:
    serve(workspace, labelled=0.5)
    report = drift(configuration.load(), "live:churn", "live:churn", how=WINDOWS)
    assert not any(measured.alarm for measured in report.performance)
    assert not report.drifted
    labelled = sum(window.labelled for window in report.performance[0].windows)
    assert labelled == pytest.approx(1.5 * ROWS, rel=0.1)


def test_few_labels_are_enough_for_fewer_windows(workspace: Path) -> None:
    serve(workspace, labelled=0.05)
    found = drift(configuration.load(), "live:churn", "live:churn")
    for each in found.performance:
        assert 1 < len(each.windows) < 10
        assert all(window.value is not None for window in each.windows)


def test_without_labels_nothing_is_said_of_quality(workspace: Path) -> None:
    serve(workspace, labelled=0.0)
    report = drift(configuration.load(), "live:churn", "live:churn", how=WINDOWS)
    assert report.performance == ()


def test_what_came_true_is_no_drift_of_the_data(workspace: Path) -> None:
    serve(workspace, worth=(1.0,))
    random = np.random.default_rng(1)
    before = pd.DataFrame({"x": random.normal(0, 1.5, 400), "y": random.normal(0, 1.5, 400), "label": 0})
    before.to_csv("before.csv", index=False)
    settings = configuration.load()
    for how in (How(), How(binned=True)):
        for sides in (("before.csv", "live:churn"), ("live:churn", "before.csv")):
            report = drift(settings, *sides, how=how)
            compared = {column.name for column in report.columns if column.tests}
            assert compared == {"x", "y"}
            assert report.performance == ()


def answered(workspace: Path, outputs: dict[str, list[Any]], inputs: dict[str, list[Any]]) -> samples.Sample:
    log = PredictionLog(workspace / ".mlops" / "predictions.db")
    log.append(
        [
            Prediction(
                prediction_id="p",
                deployment="d",
                model="churn",
                version=1,
                rows=2,
                inputs=inputs,
                outputs=outputs,
            )
        ]
    )
    log.tell("churn", [Feedback(prediction_id="p", row=1, label="yes")])
    log.close()
    return samples.resolve(open_store(configuration.load()), "live:churn")


def test_inputs_keep_their_names(workspace: Path) -> None:
    sample = answered(workspace, {"predict": ["no", "yes"]}, {"label": [1, 2], "prediction": [3, 4]})
    assert sample.outcomes == {"prediction": "prediction_", "label": "label_"}
    assert sample.traffic is not None
    assert sample.traffic["label"].tolist() == [1, 2]
    assert sample.traffic["label_"].dropna().tolist() == ["yes"]
    assert sample.traffic["prediction_"].tolist() == ["no", "yes"]


@pytest.mark.parametrize("outputs", [{}, {"predict_proba": [[0.1, 0.2, 0.7]] * 2}])
def test_a_model_of_other_outputs(workspace: Path, outputs: dict[str, list[Any]]) -> None:
    sample = answered(workspace, outputs, {"x": [1.0, 2.0]})
    assert sample.outcomes == {"label": "label"}


def test_a_request_without_a_value_leaves_numbers_numbers(workspace: Path) -> None:
    answered(workspace, {"predict": ["no", "yes"]}, {"x": [1, 2], "y": [True, False]})
    log = PredictionLog(workspace / ".mlops" / "predictions.db")
    log.append(
        [
            Prediction(
                prediction_id="q",
                deployment="d",
                model="churn",
                version=1,
                rows=1,
                inputs={"x": [None], "y": [None]},
                outputs={"predict": ["no"]},
            )
        ]
    )
    log.close()
    sample = samples.resolve(open_store(configuration.load()), "live:churn")
    assert sample.traffic is not None
    assert sample.traffic["x"].dtype == np.float64
    assert sample.traffic["x"].tolist()[:2] == [1, 2]
    assert sample.traffic["y"].tolist() == [True, False, None]
