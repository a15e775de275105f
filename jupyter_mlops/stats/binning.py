"""Numbers counted in bins that don't change: memory stays the same however many there are, and counts just add up.

A value that many rows share (an atom) is a bin of its own. Without that, what lies beside it would be counted with it,
and a distribution function read off the bins could be wrong by as much as the atom weighs.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

BINS = 256
# Sorted at a time: small enough for the cache, and sorting that little is faster than looking each value's bin up.
_AT_ONCE = 32_768
_LARGEST_SUM = 1e290


class Counted(NamedTuple):
    """Hold how many values lie in each bin, the sum of the finite ones, and how many values were missing.

    Bin ``i`` holds what is at least ``cuts[i - 1]`` and less than ``cuts[i]``; the first and the last are open.
    """

    counts: Counts
    sums: Floats
    missing: int


class Gap(NamedTuple):
    """Hold the largest gap between two distribution functions, as far as bins show it: it is ``low`` to ``high``."""

    low: float
    high: float


def cuts(ordered: Floats, bins: int = BINS) -> Floats:
    """Return where to cut: about ``bins`` bins of like weight, and one for each atom (a value of a bin's weight or more).

    Args:
        ordered: a sample that stands for the reference: sorted, without missing values.
        bins: how many bins; there are up to twice as many cuts.
    """
    finite = ordered[np.isfinite(ordered)]
    if not len(finite):
        return np.zeros(0)
    values, counts = np.unique(finite, return_counts=True)
    atoms = values if len(values) <= bins else values[counts * bins >= len(finite)]
    rest = finite[~np.isin(finite, atoms)]
    between = rest[np.arange(1, bins) * len(rest) // bins] if len(rest) else rest
    found: Floats = np.unique(np.concatenate([atoms, np.nextafter(atoms, np.inf), between]))
    return found


def count(values: ArrayLike, at: Floats, *, compiled: bool = False) -> Counted:
    """Count values in bins.

    Args:
        values: in any order; NaN is missing.
        at: the cuts.
        compiled: whether there are more than a hundred million to count in all, so that loading compiled code pays.
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    if compiled and (found := _compiled(numbers, at)) is not None:
        return found
    counts, sums, missing = np.zeros(len(at) + 1, dtype=np.int64), np.zeros(len(at) + 1), 0
    for start in range(0, len(numbers), _AT_ONCE):
        part = np.sort(numbers[start : start + _AT_ONCE])
        known = int(np.searchsorted(part, np.nan))
        missing += len(part) - known
        marks = np.concatenate([[0], np.searchsorted(part[:known], at), [known]])
        counts += np.diff(marks)
        sums += _sums(part[:known], marks)
    return Counted(counts, sums, missing)


def _compiled(numbers: Floats, at: Floats) -> Counted | None:
    """Count without sorting; None where the cuts lie too close together in places, or some sums are too large."""
    from jupyter_mlops.stats import compiled_binning

    cells = compiled_binning.cells(at)
    if cells is None:
        return None
    found = Counted(*compiled_binning.count(np.ascontiguousarray(numbers), at, cells))
    return found if (np.abs(found.sums) < _LARGEST_SUM).all() else None


def add(first: Counted, second: Counted) -> Counted:
    """Join what was counted in two places, in the same bins."""
    return Counted(first.counts + second.counts, first.sums + second.sums, first.missing + second.missing)


def ks(reference: Counts, current: Counts, at: Floats) -> Gap | None:
    """Return bounds of the Kolmogorov-Smirnov statistic: what the cuts show, and what could hide inside a bin."""
    if not (reference.sum() and current.sum()):
        return None
    f, g = (np.concatenate([[0.0], np.cumsum(side) / side.sum()]) for side in (reference, current))
    low = float(np.abs(f - g).max())
    # Inside a bin one function may have climbed fully before the other starts; not where the bin holds a single value.
    single = (
        np.concatenate([[False], np.nextafter(at[:-1], np.inf) >= at[1:], [False]]) if len(at) else [False]
    )
    hidden = np.where(single, 0.0, np.maximum(f[1:] - g[:-1], g[1:] - f[:-1]))
    return Gap(low, max(low, float(hidden.max())))


def wasserstein(reference: Counted, current: Counted) -> float | None:
    """Return the distance that the values moved on average, taking each bin's values to be at their mean."""
    sides = [(side.sums, side.counts) for side in (reference, current)]
    if not all(counts.sum() for _, counts in sides):
        return None
    places, steps = [], []
    for sign, (sums, counts) in zip((1.0, -1.0), sides, strict=True):
        held = counts > 0
        places.append(sums[held] / counts[held])
        steps.append(sign * counts[held] / counts.sum())
    where = np.concatenate(places)
    order = np.argsort(where, kind="stable")
    gaps = np.cumsum(np.concatenate(steps)[order])[:-1]
    return float(np.abs(gaps) @ np.diff(where[order]))


def spread(counted: Counted) -> float:
    """Return about the standard deviation: that of the bins' means."""
    held = counted.counts > 0
    if not held.any():
        return 0.0
    means, weights = counted.sums[held] / counted.counts[held], counted.counts[held]
    middle = np.average(means, weights=weights)
    return float(np.sqrt(np.average((means - middle) ** 2, weights=weights)))


def fewer(reference: Counts, current: Counts, bins: int) -> tuple[Floats, Floats]:
    """Join neighbouring bins to about ``bins`` of like weight in the reference (in the current, where that is empty)."""
    source = reference if reference.sum() else current
    level = np.minimum((np.cumsum(source) - source) * bins // max(int(source.sum()), 1), bins - 1)
    starts = np.flatnonzero(np.diff(level, prepend=-1))
    first, second = (np.add.reduceat(side, starts).astype(np.float64) for side in (reference, current))
    present = (first + second) > 0
    return first[present], second[present]


def _sums(ordered: Floats, marks: Counts) -> Floats:
    """Sum the finite values between marks."""
    low, high = np.searchsorted(ordered, -np.inf, side="right"), np.searchsorted(ordered, np.inf)
    within = np.clip(marks, low, high)
    # A place behind the last value, so that a bin may start there; between equal marks reduceat gives a value, not 0.
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(np.append(ordered[:high], 0.0), within[:-1])
    # Held down, so that no number of them adds up to infinity.
    return np.clip(np.where(np.diff(within) > 0, sums, 0.0), -_LARGEST_SUM, _LARGEST_SUM)
