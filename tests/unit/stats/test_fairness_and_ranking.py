from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.stats import fairness, ranking

# groups x (true 0, true 1) x (said 0, said 1)
OUTCOMES = np.array([[[40.0, 10.0], [5.0, 45.0]], [[30.0, 20.0], [20.0, 30.0]]])


def test_the_gaps() -> None:
    expected = {
        "demographic_parity_difference": 0.05,
        "demographic_parity_ratio": 0.5 / 0.55,
        "equal_opportunity_difference": 0.3,
        "equal_opportunity_ratio": 0.6 / 0.9,
        "equalized_odds_difference": 0.3,
        "equalized_odds_ratio": 0.5,
        "predictive_parity_difference": 45 / 55 - 0.6,
        "false_positive_rate_difference": 0.2,
        "false_negative_rate_ratio": 0.25,
    }
    for name, value in expected.items():
        assert fairness.figure(name, OUTCOMES) == pytest.approx(value), name
    assert fairness.figure("equalized_odds_difference", OUTCOMES[:, ::-1, :]) == pytest.approx(0.3)


def test_a_rate_of_no_rows_is_left_out_and_never_divides_by_zero() -> None:
    no_positives = OUTCOMES.copy()
    no_positives[1, 1] = 0
    assert np.isnan(fairness.figure("equal_opportunity_difference", no_positives))
    assert fairness.figure("equalized_odds_difference", no_positives) == pytest.approx(0.2)
    assert np.isnan(fairness.figure("demographic_parity_difference", np.zeros((2, 2, 2))))
    nobody_called = OUTCOMES * [[1.0, 0.0], [1.0, 0.0]]
    assert np.isnan(fairness.figure("demographic_parity_ratio", nobody_called))
    assert fairness.figure("demographic_parity_difference", nobody_called) == 0


def test_ranking_without_one_class_has_no_value() -> None:
    scores = np.array([0.1, 0.2, 0.3])
    assert np.isnan(ranking.roc_auc(np.ones(3), scores)(np.ones((1, 3))))[0]
    assert np.isnan(ranking.average_precision(np.zeros(3), scores)(np.ones((1, 3))))[0]
