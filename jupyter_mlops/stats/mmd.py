"""Maximum mean discrepancy: do two tables come from one distribution, by a kernel over all pairs of rows?"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]

PERMUTATIONS = 999
FEWEST_ROWS = 20
# With fewer permutations beyond the statistic, the tail is fitted: counted alone it never falls below 1/(permutations+1).
_COUNTED = 10
# Rows of a block of the kernel matrix, which is never held whole (16 MB at a time).
_BLOCK = 2_048
_FOR_MEDIAN = 1_000


class Discrepancy(NamedTuple):
    """Hold the unbiased squared MMD (about 0 for equal distributions), its p-value and the kernel's bandwidth."""

    statistic: float
    p_value: float
    bandwidth: float


def mmd(
    reference: Floats,
    current: Floats,
    *,
    permutations: int = PERMUTATIONS,
    bandwidth: float | None = None,
    seed: int = 0,
) -> Discrepancy | None:
    """Compare two tables by the Gaussian kernel's mean discrepancy; the p-value comes from permuted rows.

    Args:
        reference: rows x columns of finite numbers of like scale.
        current: rows x the same columns.
        permutations: how many; the p-value is counted from them where ten or more reach the statistic, and below that
            taken from a gamma distribution (Pearson's type III) with their mean, variance and skewness.
        bandwidth: of the kernel; default: the median distance between two rows.
        seed: draws permutations; the same seed gives the same answer.

    Returns:
        None where a side has fewer than 20 rows, or there are no columns.
    """
    # The shorter first: its sums are counted, and the other's are what is left, which would lose a small one's digits.
    first, second = (reference, current) if len(reference) <= len(current) else (current, reference)
    n, m = len(first), len(second)
    if n < FEWEST_ROWS or not reference.shape[1]:
        return None
    random = np.random.default_rng(seed)
    rows = np.concatenate([first, second])
    # Distances don't change, but rounding does, when the middle lies at 0.
    rows = (rows - rows.mean(axis=0)).astype(np.float32)
    width = _median_distance(rows, random) if bandwidth is None else bandwidth
    if width == 0:
        return Discrepancy(0.0, 1.0, 0.0)
    chosen = _chosen(n, n + m, permutations, random)
    within, total, of_row = _kernel_sums(rows, chosen, width)
    cross = chosen.T.astype(np.float64) @ of_row - within
    other = total - within - 2 * cross
    # Every row is at distance 0 from itself: those are left out.
    values = (within - n) / (n * (n - 1)) + (other - m) / (m * (m - 1)) - 2 * cross / (n * m)
    return Discrepancy(float(values[0]), _p_value(float(values[0]), values[1:]), width)


def _chosen(n: int, total: int, permutations: int, random: np.random.Generator) -> Singles:
    """Return which rows stand for the first table: as they are in the first column, then permuted."""
    chosen = np.zeros((total, permutations + 1), dtype=np.float32)
    chosen[:n, 0] = 1
    for column in range(1, permutations + 1):
        chosen[random.permutation(total)[:n], column] = 1
    return chosen


def _kernel_sums(rows: Singles, chosen: Singles, width: float) -> tuple[Floats, float, Floats]:
    """Sum the kernel over all pairs of chosen rows (for each choice), over all pairs, and over each row's pairs."""
    scaled = rows / np.float32(width * np.sqrt(2))
    squares = np.einsum("ij,ij->i", scaled, scaled)
    within, of_row = np.zeros(chosen.shape[1]), np.zeros(len(rows))
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(rows), _BLOCK)]
    for place, one in enumerate(blocks):
        for two in blocks[place:]:
            kernel = scaled[one] @ scaled[two].T
            kernel *= 2
            kernel -= squares[one, np.newaxis]
            kernel -= squares[two]
            np.minimum(kernel, 0, out=kernel)
            np.exp(kernel, out=kernel)
            twice = 1 if one == two else 2
            within += twice * np.einsum("ij,ij->j", kernel @ chosen[two], chosen[one], dtype=np.float64)
            of_row[one] += kernel.sum(axis=1, dtype=np.float64)
            if one != two:
                of_row[two] += kernel.sum(axis=0, dtype=np.float64)
    return within, float(of_row.sum()), of_row


def _median_distance(rows: Singles, random: np.random.Generator) -> float:
    some = rows if len(rows) <= _FOR_MEDIAN else rows[random.choice(len(rows), _FOR_MEDIAN, replace=False)]
    squares = np.einsum("ij,ij->i", some, some)
    distances = squares[:, np.newaxis] + squares - 2 * (some @ some.T)
    apart = distances[np.triu_indices(len(some), 1)]
    apart = apart[apart > 1e-6 * max(float(squares.max()), 1e-30)]
    return float(np.sqrt(np.median(apart))) if len(apart) else 0.0


def _p_value(statistic: float, permuted: Floats) -> float:
    beyond = int(np.count_nonzero(permuted >= statistic))
    counted = (beyond + 1) / (len(permuted) + 1)
    spread = float(permuted.std())
    if beyond >= _COUNTED or spread == 0:
        return counted
    skew = max(float(stats.skew(permuted)), 1e-3)
    fitted = float(stats.pearson3.sf((statistic - permuted.mean()) / spread, skew))
    return min(counted, max(fitted, 0.0))
