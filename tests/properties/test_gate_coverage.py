"""How often the intervals of simulated gates cover the true figure; the whole table is ``benchmarks/gate_coverage.py``."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.gate_coverage import coverage, true_value
from jupyter_mlops.evaluation.conditions import parse

SIMULATIONS = int(os.environ.get("JUPYTER_MLOPS_TEST_SIMULATIONS", "120"))


@pytest.mark.parametrize(
    "text",
    [
        "accuracy >= champion.accuracy",
        "f1 >= 0",
        "roc_auc >= champion.roc_auc",
        "log_loss >= 0",
        "mean_absolute_error >= champion.mean_absolute_error",
        "r2 >= 0",
    ],
)
def test_intervals_of_gates_cover_as_often_as_they_say(text: str) -> None:
    condition = parse(text)
    found = coverage(condition, true_value(condition, times=1), 200, SIMULATIONS)
    noise = np.sqrt(0.05 * 0.95 / SIMULATIONS)
    # A hundredth of what they are said to miss, for so few rows, and what chance makes of so few simulations.
    assert 0.94 - 3 * noise <= found.share
    assert found.share <= 0.97 + 3 * noise
    # No side is missed by itself all the time.
    assert max(found.above, found.below) <= (0.05 + 3 * noise) * SIMULATIONS
