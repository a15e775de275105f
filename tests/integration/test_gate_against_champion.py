"""A logged version, judged against the champion that is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import jupyter_mlops as mlops
from jupyter_mlops import settings as configuration
from jupyter_mlops.records.pipeline import Gate
from jupyter_mlops.workflows.evaluate import evaluate_gate
from jupyter_mlops.workflows.models import promote

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

GATE = Gate(
    model="churn",
    conditions=("roc_auc >= champion.roc_auc - 0.005", 'demographic_parity_difference["sex"] <= 0.2'),
    cell=0,
)


def test_the_champion_is_who_was_promoted(workspace: Path) -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame({"a": random.normal(size=500), "b": random.normal(size=500)})
    y = (X.a + 0.5 * random.normal(size=500) > 0).astype(int)
    sex = {"sex": np.where(random.random(500) < 0.5, "f", "m")}
    settings = configuration.load()

    mlops.log_model(LogisticRegression().fit(X, y), "churn", test=(X, y), sensitive=sex)
    first = evaluate_gate(settings, GATE)
    assert first.passed
    assert first.conditions[0].reason == "no champion yet"

    promote(settings, "churn/1")
    worse = LogisticRegression(C=1e-9).fit(X.assign(a=0.0), y)
    mlops.log_model(worse, "churn", test=(X, y), sensitive=sex)
    second = evaluate_gate(settings, GATE)
    assert (second.version, second.champion, second.passed) == (2, 1, False)
    assert second.conditions[0].status == "failed"
    assert second.conditions[0].p_value is not None
    assert second.conditions[0].p_value > 0.9
    assert evaluate_gate(settings, GATE, version=1).passed
