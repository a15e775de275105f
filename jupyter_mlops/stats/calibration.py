"""What chance a score is worth: a smooth curve from scores to chances, with how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats: TypeAlias = NDArray[np.float64]

_EDGE = 1e-6
# Holds the curve still where one class is perfectly apart from the other; it counts as much as a row in a hundred.
_RIDGE = 1e-2
_STEPS = 50
_SETTLED = 1e-9


@dataclass(frozen=True)
class Calibration:
    """Hold a logistic curve, quadratic in the score's log-odds (or, of scores that are no chances, in the score)."""

    weights: Floats
    covariance: Floats
    as_odds: bool
    middle: float
    spread: float

    def chances(self, scores: Floats) -> Floats:
        """Return what chance of being positive each score is worth."""
        return _chances(self._terms(scores), self.weights)

    def neighbours(self, scores: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Yield pairs of curves a standard error to either side, one pair for each independent direction."""
        values, vectors = np.linalg.eigh(self.covariance)
        terms = self._terms(scores)
        for value, vector in zip(values, vectors.T, strict=True):
            step = np.sqrt(max(value, 0.0)) * vector
            yield _chances(terms, self.weights - step), _chances(terms, self.weights + step)

    def _terms(self, scores: Floats) -> Floats:
        return _terms((_plain(scores, as_odds=self.as_odds) - self.middle) / self.spread)


def fit(scores: Floats, labels: Floats) -> Calibration | None:
    """Learn the curve from rows with labels (0 and 1); None where they are all of one class, or all scores are alike."""
    as_odds = bool(np.all((scores >= 0) & (scores <= 1)))
    plain = _plain(scores, as_odds=as_odds)
    middle, spread = float(plain.mean()), float(plain.std())
    if labels.min() == labels.max() or spread == 0:
        return None
    terms = _terms((plain - middle) / spread)
    weights, information = np.zeros(terms.shape[1]), np.eye(terms.shape[1])
    for _ in range(_STEPS):
        chances = _chances(terms, weights)
        slope = terms.T @ (labels - chances) - _RIDGE * weights
        information = (terms * (chances * (1 - chances))[:, np.newaxis]).T @ terms
        information += _RIDGE * np.eye(terms.shape[1])
        step = np.linalg.solve(information, slope)
        # Held short, or the first step may overshoot to where all chances are 0 or 1.
        weights = weights + step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < _SETTLED:
            break
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return Calibration(weights, covariance, as_odds, middle, spread)


def _plain(scores: Floats, *, as_odds: bool) -> Floats:
    if not as_odds:
        return scores
    odds: Floats = special.logit(np.clip(scores, _EDGE, 1 - _EDGE))
    return odds


def _terms(places: Floats) -> Floats:
    return np.column_stack([np.ones(len(places)), places, places**2])


def _chances(terms: Floats, weights: Floats) -> Floats:
    chances: Floats = special.expit(terms @ weights)
    return chances
