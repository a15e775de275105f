"""Weights for resampling that depend on seed, resample and row alone: every kernel, on every device, draws the same.

A hash of the three is a uniform number of 16 bits, and its Poisson(1) quantile is how often the row is drawn. No state
is carried from draw to draw, so any resample can be made again, by any thread, without those before it. Rows that stand
for many equal ones draw from the Poisson distribution around their count.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Words: TypeAlias = NDArray[np.uint64]
Bytes: TypeAlias = NDArray[np.uint8]

# The finishing steps of SplitMix64 (Steele, Lea and Flood, 2014), and the step between its states.
STEP = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB
# One hash serves four rows, 16 bits each.
ROWS_A_WORD = 4


def mixed(words: Words) -> Words:
    """Hash 64-bit words so that each bit of the answer depends on all bits of the word."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(FIRST)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(SECOND)
    return words ^ (words >> np.uint64(31))


def keys(seed: int, start: int, stop: int) -> Words:
    """Return the key of each resample from ``start`` up to ``stop``."""
    resamples = np.arange(start, stop, dtype=np.uint64)
    of_seed = mixed(np.array([seed], dtype=np.uint64) + np.uint64(STEP))
    return mixed(mixed(resamples * np.uint64(STEP)) ^ of_seed)


def poisson(seed: int, start: int, stop: int, rows: int) -> Bytes:
    """Draw how often each of ``rows`` rows is in the resamples from ``start`` up to ``stop`` (resamples x rows)."""
    blocks = np.arange(-(-rows // ROWS_A_WORD), dtype=np.uint64) * np.uint64(STEP)
    words = mixed(keys(seed, start, stop)[:, np.newaxis] + blocks)
    drawn: Bytes = TABLE[words.astype("<u8", copy=False).view("<u2")[:, :rows]]
    return drawn


def poisson_counts(seed: int, start: int, stop: int, counts: Floats) -> Floats:
    """Draw around each row's count (resamples x rows); a count of 1 draws as in ``poisson`` but for the precision."""
    from scipy.special import pdtr

    places = np.arange(len(counts), dtype=np.uint64) * np.uint64(STEP)
    words = mixed(keys(seed, start, stop)[:, np.newaxis] + places)
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
    drawn = np.empty(uniform.shape)
    for place, count in enumerate(counts):
        spread = 10 * np.sqrt(count) + 20
        values = np.arange(max(0, np.floor(count - spread)), count + spread)
        drawn[:, place] = values[0] + np.searchsorted(pdtr(values, count), uniform[:, place])
    return drawn


def _table() -> Bytes:
    """Tabulate the quantiles of Poisson(1) at 65536 levels."""
    levels = (np.arange(65536) + 0.5) / 65536
    chances = np.exp(-1.0) / np.cumprod([1.0, *range(1, 12)])
    return np.searchsorted(np.cumsum(chances), levels).astype(np.uint8)


TABLE = _table()
