"""Do two samples come from one distribution? Statistics and p-values for one column.

Samples of numbers are passed **sorted and without missing values** (``tidy`` makes them so), so that each column is
sorted once for all tests. Infinities keep their place in the order; only ``wasserstein`` leaves them out, because a
distance to infinity says nothing. Samples of categories are passed as counts over the same categories.
Where a statistic has no meaning (an empty side) the answer is ``None``, never NaN.
"""

from __future__ import annotations

import sys
import threading
import warnings
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from jupyter_mlops.stats.sorted_gaps import Blocks, area_between, largest_gap

Floats: TypeAlias = NDArray[np.float64]

BINS = 10
# Up to here the exact distribution of KS costs milliseconds; beyond it the limit is the same to three digits.
EXACT_BELOW = 1_000
# From here (rows of both, in effect) the corrected limit is right to 1% where p is 1e-15, and to 5 digits where it matters.
LIMIT_FROM = 5_000
# Half a row in every bin keeps the logarithm of PSI finite where one side has none.
PSEUDO_COUNT = 0.5
# Between these, squares of numbers are numbers.
_SMALLEST_SCALE, _LARGEST_SCALE = 1e-100, 1e100


_one_at_a_time = threading.Lock()


class Outcome(NamedTuple):
    """Hold a statistic and, where there is a test behind it, its p-value."""

    statistic: float
    p_value: float | None = None


def tidy(values: ArrayLike, room: Floats | None = None) -> Floats:
    """Return ``values`` as sorted floats without missing ones.

    Args:
        values: in any order; NaN is missing.
        room: where to sort them, as many places as there are values; new memory takes a third as long as sorting.
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    ordered = np.empty_like(numbers) if room is None else room
    ordered[:] = numbers
    ordered.sort()
    # NaN sorts to the end, so cutting is a search and not a scan.
    return ordered[: np.searchsorted(ordered, np.nan)]


def ks(reference: Floats, current: Floats, *, blocks: Blocks | None = None) -> Outcome | None:
    """Compare two sorted samples by the largest gap between their distribution functions (Kolmogorov-Smirnov).

    Args:
        reference: sorted, without missing values.
        current: likewise.
        blocks: those of the reference, where they are known.
    """
    n, m = len(reference), len(current)
    if not (n and m):
        return None
    statistic = largest_gap(reference, current, blocks) / (n * m)
    return Outcome(statistic=statistic, p_value=_ks_p_value(statistic, reference, current))


def wasserstein(
    reference: Floats, current: Floats, *, spread: float | None = None, blocks: Blocks | None = None
) -> Outcome | None:
    """Measure how far values moved on average, in standard deviations of the reference; infinities are left out.

    Where the reference is constant, the standard deviation of both samples together is the unit.

    Args:
        reference: sorted, without missing values.
        current: likewise.
        spread: the standard deviation of the reference's finite values, where it is known already.
        blocks: the reference's blocks, where they are known.
    """
    a, b = (_finite(sample) for sample in (reference, current))
    if not (len(a) and len(b)):
        return None
    scale = max(abs(a[0]), abs(a[-1]), abs(b[0]), abs(b[-1]))
    if scale == 0:
        return Outcome(statistic=0.0)
    if not _SMALLEST_SCALE < scale < _LARGEST_SCALE:
        # Scaled first, so that neither squares nor differences of huge numbers overflow, nor those of tiny ones vanish.
        a, b, spread, blocks = a / scale, b / scale, None, None
    distance = area_between(a, b, blocks)
    if distance == 0:
        return Outcome(statistic=0.0)
    unit = deviation(a) if spread is None else spread
    moved = distance / (unit or float(np.std(np.concatenate([a, b]))))
    # Of a reference that hardly varies at all, any distance is out of all numbers.
    return Outcome(statistic=min(moved, sys.float_info.max))


def deviation(ordered: Floats) -> float:
    """Return the standard deviation of the finite values of a sorted sample; exactly 0 where they are all the same."""
    finite = _finite(ordered)
    if not len(finite) or finite[0] == finite[-1]:
        return 0.0
    scale = max(abs(finite[0]), abs(finite[-1]))
    if _SMALLEST_SCALE < scale < _LARGEST_SCALE:
        return float(np.std(finite))
    return float(np.std(finite / scale)) * float(scale)


def bin_counts(reference: Floats, current: Floats, bins: int = BINS) -> tuple[Floats, Floats]:
    """Count two sorted samples in bins cut at the reference's quantiles; a value that many rows share is a bin.

    Returns:
        The counts of both, of equal length; bins that are empty in both are left out.
    """
    source = reference if len(reference) else current
    if not len(source):
        return np.zeros(0), np.zeros(0)
    positions = np.arange(1, bins) * len(source) // bins
    cuts = np.unique(source[positions])
    left, right = (np.searchsorted(source, cuts, side=side) for side in ("left", "right"))
    atom = (right - left) * bins >= len(source)
    counts = tuple(_cut(sample, cuts, atom) for sample in (reference, current))
    present = (counts[0] + counts[1]) > 0
    return counts[0][present], counts[1][present]


def psi(reference: ArrayLike, current: ArrayLike) -> Outcome | None:
    """Return the population stability index of two vectors of counts over the same bins.

    Half a row is added to every bin. By custom 0.1 is a small and 0.25 a large change.
    """
    a, b = (np.asarray(counts, dtype=np.float64) for counts in (reference, current))
    if not (a.sum() and b.sum()):
        return None
    p, q = ((counts + PSEUDO_COUNT) / (counts.sum() + PSEUDO_COUNT * len(counts)) for counts in (a, b))
    return Outcome(statistic=float(np.sum((q - p) * np.log(q / p))))


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> Outcome | None:
    """Return the Jensen-Shannon distance (base 2, from 0 to 1) of two vectors of counts over the same bins."""
    a, b = (np.asarray(counts, dtype=np.float64) for counts in (reference, current))
    if not (a.sum() and b.sum()):
        return None
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return Outcome(statistic=float(np.sqrt(np.clip(divergence, 0.0, 1.0))))


def chi_squared(reference: ArrayLike, current: ArrayLike) -> Outcome | None:
    """Test two vectors of counts over the same categories for the same shares (Pearson, no correction)."""
    table = np.array([reference, current], dtype=np.float64)
    rows = table.sum(axis=1)
    if not rows.all():
        return None
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:  # noqa: PLR2004 - one category leaves nothing to differ in
        return Outcome(statistic=0.0, p_value=1.0)
    expected = np.outer(rows, table.sum(axis=0)) / rows.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return Outcome(statistic=statistic, p_value=float(special.chdtrc(table.shape[1] - 1, statistic)))


def ks_p_value(statistic: float, n: int, m: int) -> float:
    """Return the p-value of a Kolmogorov-Smirnov statistic of samples of ``n`` and ``m`` values, by its limit."""
    if statistic == 0:
        return 1.0
    size = max(1, round(n * m / (n + m)))
    if size < LIMIT_FROM:
        return float(np.clip(stats.kstwo.sf(statistic, size), 0.0, 1.0))
    root = np.sqrt(size)
    # Vrbik's correction to the limit's argument; scipy's own way costs up to a second from here on.
    argument = statistic * root + 1 / (6 * root) + (statistic * root - 1) / (4 * size)
    return float(np.clip(special.kolmogorov(argument), 0.0, 1.0))


def _ks_p_value(statistic: float, reference: Floats, current: Floats) -> float:
    n, m = len(reference), len(current)
    if statistic and max(n, m) <= EXACT_BELOW and np.isfinite(reference).all() and np.isfinite(current).all():
        # One thread at a time: what is done to warnings is done to all of them.
        with _one_at_a_time, warnings.catch_warnings():
            # Where rounding takes its exact value just beyond 1, scipy warns and gives the limit's, which is near 1.
            warnings.simplefilter("ignore", RuntimeWarning)
            return float(np.clip(stats.ks_2samp(reference, current, method="exact").pvalue, 0.0, 1.0))
    return ks_p_value(statistic, n, m)


def _finite(ordered: Floats) -> Floats:
    return ordered[
        np.searchsorted(ordered, -np.inf, side="right") : np.searchsorted(ordered, np.inf, side="left")
    ]


def _cut(ordered: Floats, cuts: Floats, atom: NDArray[np.bool_]) -> Floats:
    right = np.searchsorted(ordered, cuts, side="right")
    left = np.searchsorted(ordered, cuts[atom], side="left")
    marks = np.sort(np.concatenate([left, right, [0, len(ordered)]]))
    return np.diff(marks).astype(np.float64)


def _relative_entropy(p: Floats, q: Floats) -> float:
    positive = p > 0
    return float(np.sum(p[positive] * np.log2(p[positive] / q[positive])))
