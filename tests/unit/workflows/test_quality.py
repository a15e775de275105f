from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from jupyter_mlops import settings as configuration
from jupyter_mlops.errors import DataError, MlopsError, UsageError
from jupyter_mlops.interfaces.cli.drift import command
from jupyter_mlops.workflows.watch import How, drift

if TYPE_CHECKING:
    from jupyter_mlops.records.drift import DriftReport

CENSUS = Path(__file__).parents[3] / "example_notebooks" / "employment_ma.parquet"


def people(
    seed: int, rows: int, *, worth: float = 1.0, yes: int | str = 1, no: int | str = 0
) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    x = random.normal(0, 1.5, rows)
    true = random.random(rows) < 1 / (1 + np.exp(-worth * x))
    when = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.linspace(0, 9.9, rows), unit="D")
    return pd.DataFrame(
        {
            "x": x,
            "when": when,
            "score": 1 / (1 + np.exp(-x)),
            "said": np.where(x > 0, yes, no),
            "true": np.where(true, yes, no),
        }
    )


def measured(current: pd.DataFrame, how: How, reference: pd.DataFrame | None = None) -> DriftReport:
    (people(0, 3_000) if reference is None else reference).to_parquet("before.parquet")
    current.to_parquet("after.parquet")
    return drift(configuration.load(), "before.parquet", "after.parquet", columns=["x"], how=how)


def test_a_model_that_became_worse_day_by_day(workspace: Path) -> None:
    days = pd.concat([people(1, 9_000).head(4_500), people(2, 9_000, worth=0.2).tail(4_500)])
    report = measured(
        days.sample(frac=1, random_state=0), How(label="true", score="score", time="when", by="day")
    )
    accuracy, area = report.performance
    assert [window.start for window in accuracy.windows][:2] == ["2026-01-01", "2026-01-02"]
    assert [window.alarm for window in area.windows] == [False] * 5 + [True] * 5
    assert "The model's accuracy was worse than" in report.summary
    assert any("2026-01-06" <= change.at < "2026-01-08" for change in report.changes)


def test_labels_that_have_not_come(workspace: Path) -> None:
    current = people(1, 1_000).drop(columns="true")
    report = measured(current, How(label="true", score="score"))
    assert all(window.value is None for window in report.performance[0].windows)
    assert "accuracy can only be estimated, for want of labels, at its lowest 0." in report.summary
    assert report.changes == ()
    few = people(1, 1_000)
    few.loc[20:, "true"] = np.nan
    report = measured(few, How(label="true", prediction="said"))
    assert "accuracy can't be told: too few labels in each window" in report.summary
    some = people(1, 1_000)
    some.loc[500:, "true"] = np.nan
    windows = measured(some, How(label="true", prediction="said")).performance[0].windows
    assert [window.labelled for window in windows] == [100] * 5 + [0] * 5


def test_words_and_many_classes(workspace: Path) -> None:
    words = people(0, 1_000, yes="yes", no="no")
    [accuracy, area] = measured(words, How(label="true", prediction="said", score="score"), words).performance
    assert (accuracy.metric, area.metric) == ("accuracy", "roc_auc")
    assert area.reference == pytest.approx(0.8, abs=0.05)
    three = words.assign(true=np.tile(["a", "b", "c", "c"], 250), said="c")
    [only] = measured(three, How(label="true", prediction="said", score="score"), three).performance
    assert only.reference == 0.5
    strange = three.assign(said="never met")
    assert measured(strange, How(label="true", prediction="said"), three).performance[0].alarm


def test_amounts(workspace: Path) -> None:
    frame = people(0, 1_000).assign(true=lambda rows: rows["x"] + 0.1, said=lambda rows: rows["x"])
    [error] = measured(frame, How(label="true", prediction="said"), frame).performance
    assert (error.metric, error.alarm) == ("mean_absolute_error", False)
    assert error.reference == pytest.approx(0.1)


@pytest.mark.parametrize(
    "how, message, kind",
    [
        (How(label="true"), "needs a label and a prediction or a score", UsageError),
        (How(score="score"), "needs a label and a prediction or a score", UsageError),
        (
            How(label="true", score="scor"),
            "before.parquet has no column 'scor'; did you mean score?",
            DataError,
        ),
        (
            How(label="tru", score="score"),
            "before.parquet has no column 'tru'; did you mean true?",
            DataError,
        ),
        (How(label="x", score="score"), "amounts need a prediction", UsageError),
    ],
)
def test_bad_input_is_one_line(workspace: Path, how: How, message: str, kind: type[MlopsError]) -> None:
    with pytest.raises(kind) as caught:
        measured(people(1, 100), how)
    assert message in str(caught.value)


def test_a_reference_without_labels(workspace: Path) -> None:
    for reference, message in (
        (people(0, 100).assign(true=np.nan), "before.parquet has no labels in 'true'"),
        (people(0, 20), "too few labels"),
    ):
        with pytest.raises(DataError, match=message):
            measured(people(1, 100), How(label="true", score="score"), reference)


def test_the_command(workspace: Path) -> None:
    people(0, 2_000).to_csv("before.csv", index=False)
    people(1, 2_000, worth=0.1).to_csv("after.csv", index=False)
    arguments = ["before.csv", "after.csv", "--label", "true", "--prediction", "said", "--score", "score"]
    run = CliRunner().invoke(command, [*arguments, "--columns", "x"], standalone_mode=False)
    assert run.exception is None
    assert "accuracy, reference 0.7" in run.output
    assert "worse than the reference" in run.output
    assert "estimated 0.7" in run.output


def test_the_census_raises_no_alarm(workspace: Path) -> None:
    """A model of 2015 is as good from 2016 to 2018, and so it is by estimate; people's answers differ somewhat."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    census = pd.read_parquet(CENSUS)
    answers = ["SCHL", "MAR", "RELP", "DIS", "ESP", "MIG", "MIL", "SEX", "RAC1P"]
    census["older"] = census["AGEP"] // 5
    past = census[census["year"] == 2015].sample(frac=1, random_state=0)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=2_000))
    model.fit(past[[*answers, "older"]].head(6_000), past["employed"].head(6_000))
    census["score"] = model.predict_proba(census[[*answers, "older"]])[:, 1]
    held_out = census.loc[past.index[6_000:]]
    held_out.to_parquet("before.parquet")
    census[census["year"] > 2015].to_parquet("after.parquet")
    how = How(label="employed", score="score", time="year", by="year")
    found = drift(configuration.load(), "before.parquet", "after.parquet", columns=answers, how=how)
    for metric in found.performance:
        assert not metric.alarm
        for window in metric.windows:
            assert window.value is not None
            assert window.estimated_interval is not None
            assert window.estimated_interval[0] - 0.01 < window.value < window.estimated_interval[1] + 0.01
    assert "The model's accuracy holds at 0." in found.summary
    assert max(column.effect or 0 for column in found.columns) < 0.02
