"""How differently a classifier treats groups: gaps between groups' rates.

Everything is counted from ``outcomes``: an array (... x groups x 2 x 2) of rows by group, true class and predicted
class, where class 1 is the favourable one. Leading dimensions are resamples. A rate without rows under it is
unknown and left out of the gap; with fewer than two known rates the gap is NaN.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

# Below it a group's rate says little: it is named and left out.
SMALLEST_GROUP = 30


def demographic_parity_difference(outcomes: Floats) -> Floats:
    """Return the largest gap in the share predicted 1, over groups."""
    return _gap(_ratio(outcomes[..., :, 1].sum(axis=-1), outcomes.sum(axis=(-1, -2))))


def equal_opportunity_difference(outcomes: Floats) -> Floats:
    """Return the largest gap in the true positive rate, over groups."""
    return _gap(_ratio(outcomes[..., 1, 1], outcomes[..., 1, :].sum(axis=-1)))


def equalized_odds_difference(outcomes: Floats) -> Floats:
    """Return the larger of the gaps in true and in false positive rate, over groups."""
    false_positive = _gap(_ratio(outcomes[..., 0, 1], outcomes[..., 0, :].sum(axis=-1)))
    return np.fmax(equal_opportunity_difference(outcomes), false_positive)


def _ratio(part: Floats, whole: Floats) -> Floats:
    unknown = np.full(np.broadcast(part, whole).shape, np.nan)
    ratio: Floats = np.divide(part, whole, out=unknown, where=whole > 0)
    return ratio


def _gap(rates: Floats) -> Floats:
    known = np.isfinite(rates)
    highest = np.where(known, rates, -np.inf).max(axis=-1)
    lowest = np.where(known, rates, np.inf).min(axis=-1)
    return np.where(known.sum(axis=-1) > 1, highest - np.where(np.isfinite(lowest), lowest, 0.0), np.nan)
