"""Real people: a model of 2015 judged on 2016 to 2018, by sex and race, and against its champion."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from fairlearn import metrics as oracle
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier

import jupyter_mlops as mlops
from jupyter_mlops import settings as configuration
from jupyter_mlops.evaluation.conditions import parse
from jupyter_mlops.evaluation.measure import Subject, measure
from jupyter_mlops.evaluation.rows import TestRows, predict
from jupyter_mlops.records.pipeline import Gate
from jupyter_mlops.workflows.evaluate import evaluate_gate
from jupyter_mlops.workflows.models import promote

pytestmark = pytest.mark.slow

SURVEY = Path(__file__).parents[2] / "example_notebooks" / "employment_ma.parquet"
QUESTIONS = [
    "AGEP",
    "SCHL",
    "MAR",
    "RELP",
    "DIS",
    "CIT",
    "MIG",
    "MIL",
    "NATIVITY",
    "DEAR",
    "DEYE",
    "DREM",
    "SEX",
]
PROTECTED = ("SEX", "RAC1P")
CRITERIA = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equal_opportunity_difference",
)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    survey = pd.read_parquet(SURVEY)
    return survey[survey["AGEP"] >= 16].reset_index(drop=True)


def trained(people: pd.DataFrame, depth: int = 9) -> DecisionTreeClassifier:
    of_2015 = people[people["year"] == 2015]
    learner = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=30, random_state=0)
    return learner.fit(of_2015[QUESTIONS], of_2015["employed"])


def test_the_models_quality_holds_over_the_years(people: pd.DataFrame) -> None:
    model = trained(people)
    lows, highs = [], []
    for year in (2016, 2017, 2018):
        current = people[people["year"] == year]
        rows = TestRows("classification", current["employed"].to_numpy())
        subject = Subject(predict(model, current[QUESTIONS], classification=True, with_scores=False))
        found = measure(parse("accuracy >= 0.77"), rows, subject)
        assert found.value is not None
        assert found.value >= 0.77
        assert found.ci is not None
        lows.append(found.ci[0])
        highs.append(found.ci[1])
    assert max(lows) < min(highs)


def test_a_gate_by_sex_and_race_and_against_the_champion(workspace: Path, people: pd.DataFrame) -> None:
    later = people[people["year"] > 2015].reset_index(drop=True)
    test = (later[QUESTIONS], later["employed"])
    sensitive = {name: later[name] for name in PROTECTED}
    settings = configuration.load()
    gate = Gate(
        model="employment",
        conditions=(
            "accuracy.worst_slice >= 0.6",
            "accuracy.worst_found_slice >= 0.5",
            "accuracy(noise=0.1) >= 0.7",
            "accuracy(missing=0.1) >= 0.7",
            'calibration_gap["SEX"] <= 0.05',
            *(
                f'{name}["{by}"] {">= 0.5" if "ratio" in name else "<= 0.3"}'
                for name in CRITERIA
                for by in PROTECTED
            ),
            'demographic_parity_difference["SEX", "RAC1P"] <= 0.3',
        ),
        cell=0,
    )

    model = trained(people)
    mlops.log_model(model, "employment", test=test, sensitive=sensitive)
    first = evaluate_gate(settings, gate)
    assert first.passed
    found = {result.text.partition(" ")[0]: result for result in first.conditions}
    answers = model.predict(later[QUESTIONS])
    for by in PROTECTED:
        sizes = later[by].value_counts()
        kept = later[by].isin(sizes.index[sizes >= 30])
        for name in CRITERIA:
            expected = getattr(oracle, name)(
                later["employed"][kept], answers[kept], sensitive_features=later[by][kept]
            )
            result = found[f'{name}["{by}"]']
            assert result.value == pytest.approx(expected), result.text
            assert result.ci is not None
            assert result.ci[0] <= expected <= result.ci[1]
    assert found['demographic_parity_difference["RAC1P"]'].reason.startswith(
        "left out, fewer than 30 rows: RAC1P=5 (20 rows), RAC1P=7 (11 rows)"
    )
    assert found["accuracy.worst_found_slice"].reason.startswith("found: ")
    assert found["accuracy(noise=0.1)"].reason.startswith(
        "noise of 0.1 standard deviations, 5 rounds; without it"
    )
    searched = [part for part in first.slices if part.found]
    assert searched
    assert all(part.figures[0].value < accuracy_score(later["employed"], answers) for part in searched)

    promote(settings, "employment/1")
    replacing = Gate(model="employment", conditions=("accuracy >= champion.accuracy - 0.01",), cell=0)
    mlops.log_model(trained(people, depth=8), "employment", test=test, sensitive=sensitive)
    [as_good] = evaluate_gate(settings, replacing).conditions
    assert as_good.status == "passed"
    assert as_good.p_value is not None
    assert as_good.p_value < 0.025

    mlops.log_model(trained(people.assign(AGEP=40)), "employment", test=test, sensitive=sensitive)
    [worse] = evaluate_gate(settings, replacing).conditions
    assert worse.status == "failed"
