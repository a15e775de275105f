from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression

from jupyter_mlops.stats import calibration


def draw(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    odds = random.normal(0, 2, rows)
    true = special.expit(0.5 * odds - 1)
    return special.expit(odds), (random.random(rows) < true) * 1.0, true


def test_the_curve_is_found() -> None:
    scores, labels, true = draw(50_000)
    curve = calibration.fit(scores, labels)
    assert curve is not None
    assert curve.chances(scores) == pytest.approx(true, abs=0.03)


def test_it_is_logistic_regressions_curve() -> None:
    scores, labels, _ = draw(2_000)
    curve = calibration.fit(scores, labels)
    assert curve is not None
    odds = special.logit(scores)
    terms = np.column_stack([odds, odds**2])
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(terms, labels)
    assert curve.chances(scores) == pytest.approx(oracle.predict_proba(terms)[:, 1], abs=1e-3)


def test_how_sure_it_is() -> None:
    at = np.array([0.1, 0.5, 0.9])
    curves = [calibration.fit(*draw(1_000, seed)[:2]) for seed in range(200)]
    spread = np.std([curve.chances(at) for curve in curves if curve], axis=0)
    first = curves[0]
    assert first is not None
    said = np.sqrt(sum(((high - low) / 2) ** 2 for low, high in first.neighbours(at)))
    assert said == pytest.approx(spread, rel=0.3)


def test_scores_that_are_no_chances() -> None:
    scores = np.linspace(-5, 5, 1_000)
    labels = np.where(np.random.default_rng(0).random(1_000) < special.expit(scores), 1.0, 0.0)
    curve = calibration.fit(scores, labels)
    assert curve is not None
    assert curve.chances(scores) == pytest.approx(special.expit(scores), abs=0.1)


@pytest.mark.parametrize("scores", [np.linspace(0, 1, 100), np.linspace(-9, 9, 100)])
def test_classes_that_are_apart(scores: np.ndarray) -> None:
    curve = calibration.fit(scores, np.repeat([0.0, 1.0], 50))
    assert curve is not None
    chances = curve.chances(scores)
    assert np.isfinite(chances).all()
    assert chances[0] < 0.05
    assert chances[-1] > 0.95


def test_nothing_to_learn() -> None:
    assert calibration.fit(np.linspace(0, 1, 50), np.ones(50)) is None
    assert calibration.fit(np.full(50, 0.5), np.repeat([0.0, 1.0], 25)) is None
