"""How differently a classifier treats groups: differences and ratios of groups' rates.

Everything is counted from ``outcomes``: an array (... x groups x 2 x 2) of rows by group, true class and predicted
class, where class 1 is the one that counts. Leading dimensions are resamples. A rate with too few rows under it, or
none, is unknown and left out; with fewer than two known rates the figure is NaN, and so is a ratio of nothing but zeros.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jupyter_mlops.stats.extremes import Extreme

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

# Below it a group's rate says little: it is named and left out.
SMALLEST_GROUP = 30
# Of the rows that a rate is a share of: those of one class, for most rates.
SMALLEST_BASE = 10


class Rate(NamedTuple):
    """Say which cells of (true class, predicted class) a rate is the share of, and of which."""

    hits: tuple[tuple[int, int], ...]
    base: tuple[tuple[int, int], ...]


_ALL = ((0, 0), (0, 1), (1, 0), (1, 1))
RATES = {
    "selection rate": Rate(((0, 1), (1, 1)), _ALL),
    "true positive rate": Rate(((1, 1),), ((1, 0), (1, 1))),
    "false positive rate": Rate(((0, 1),), ((0, 0), (0, 1))),
    "false negative rate": Rate(((1, 0),), ((1, 0), (1, 1))),
    "precision": Rate(((1, 1),), ((0, 1), (1, 1))),
}
_CRITERIA = {
    "demographic_parity": ("selection rate",),
    "equalized_odds": ("true positive rate", "false positive rate"),
    "equal_opportunity": ("true positive rate",),
    "predictive_parity": ("precision",),
    "false_positive_rate": ("false positive rate",),
    "false_negative_rate": ("false negative rate",),
}
# Of each figure the rates that it compares; of several it is the worst one's.
CRITERIA = {f"{name}_{kind}": rates for name, rates in _CRITERIA.items() for kind in ("difference", "ratio")}


def counts(outcomes: Floats, rate: str) -> tuple[Floats, Floats]:
    """Return what a rate of each group is the share of: hits and base, (... x groups)."""
    hits, base = (sum(outcomes[..., i, j] for i, j in cells) for cells in RATES[rate])
    return np.asarray(hits, dtype=np.float64), np.asarray(base, dtype=np.float64)


def known(outcomes: Floats, rate: str, smallest: int = SMALLEST_BASE) -> Flags:
    """Say of which groups a rate has rows enough under it."""
    enough: Flags = counts(outcomes, rate)[1] >= smallest
    return enough


def figure(name: str, outcomes: Floats, use: dict[str, Flags] | None = None) -> Floats:
    """Return a fairness figure of each resample.

    Args:
        name: one of ``CRITERIA``.
        outcomes: ... x groups x 2 x 2.
        use: of each rate the groups to compare; by default all that have rows under it.
    """
    ratio = name.endswith("_ratio")
    found = []
    for rate in CRITERIA[name]:
        rates = _share(*counts(outcomes, rate))
        if use is not None:
            rates = np.where(use[rate], rates, np.nan)
        found.append(_ratio(rates) if ratio else gap(rates))
    worst: Floats = np.fmin.reduce(found) if ratio else np.fmax.reduce(found)
    return worst


def contrasts(name: str, outcomes: Floats, use: dict[str, Flags]) -> Extreme:
    """Compare all pairs of groups for a fairness figure, from their counts alone: what its interval comes from.

    The groups are apart, so a rate of each is a share with its Wilson interval, and two of them make the interval of
    their difference (Newcombe's hybrid of the scores) or ratio. The figure is the largest of several such differences:
    all that may be the largest hold jointly. Unlike resampling it can say that a gap may well be none.
    """
    extremes = Extreme(ratio=name.endswith("_ratio"))
    for rate in CRITERIA[name]:
        hits, base = (column[use[rate]] for column in counts(outcomes, rate))
        if len(base) > 1:
            extremes.add_shares(hits, base)
    return extremes


def gap(rates: Floats) -> Floats:
    """Return the difference between the highest and the lowest known figure of groups (... x groups)."""
    low, high = _ends(rates)
    difference: Floats = high - low
    return difference


def _share(part: Floats, whole: Floats) -> Floats:
    unknown = np.full(np.broadcast(part, whole).shape, np.nan)
    share: Floats = np.divide(part, whole, out=unknown, where=whole > 0)
    return share


def _ends(rates: Floats) -> tuple[Floats, Floats]:
    """Return the lowest and the highest known rate; NaN with fewer than two."""
    there = np.isfinite(rates)
    several = there.sum(axis=-1) > 1
    low = np.where(several, np.where(there, rates, np.inf).min(axis=-1), np.nan)
    high = np.where(several, np.where(there, rates, -np.inf).max(axis=-1), np.nan)
    return low, high


def _ratio(rates: Floats) -> Floats:
    return _share(*_ends(rates))
