"""The kernels of ``resampling``, compiled: the weights of a resample are drawn, used and forgotten row by row."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from jupyter_mlops.stats.compiled import njit
from jupyter_mlops.stats.weights import FIRST, SECOND, STEP

Floats: TypeAlias = NDArray[np.float64]
Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]
Places: TypeAlias = NDArray[np.int64]

_STEP, _FIRST, _SECOND = np.uint64(STEP), np.uint64(FIRST), np.uint64(SECOND)
_30, _27, _31, _16, _LOW = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(16), np.uint64(0xFFFF)
# Rows whose summands stay in the processor's cache.
_BLOCK = 1024


def _draw(key: np.uint64, table: Bytes, weights: Bytes) -> None:
    """Fill ``weights`` (as many as whole words give) with the draws of the resample with this key."""
    state = key
    for word in range(len(weights) // 4):
        mixed = (state ^ (state >> _30)) * _FIRST
        mixed = (mixed ^ (mixed >> _27)) * _SECOND
        mixed ^= mixed >> _31
        place = 4 * word
        weights[place] = table[mixed & _LOW]
        mixed >>= _16
        weights[place + 1] = table[mixed & _LOW]
        mixed >>= _16
        weights[place + 2] = table[mixed & _LOW]
        weights[place + 3] = table[mixed >> _16]
        state += _STEP


def _sums(keys: Words, table: Bytes, summands: Floats, totals: Floats) -> None:
    """Sum the ``summands`` (k x rows) under each resample's weights into ``totals`` (resamples x k)."""
    width, rows = summands.shape
    weights = np.empty((rows + 3) // 4 * 4, dtype=np.uint8)
    for resample in range(len(keys)):
        draw(keys[resample], table, weights)
        for column in range(width):
            total = 0.0
            for row in range(rows):
                total += weights[row] * summands[column, row]
            totals[resample, column] = total


def _squares(keys: Words, table: Bytes, summands: Floats, gradients: Floats, totals: Floats) -> None:
    """Sum the squares of ``gradients @ summands`` (resamples x rows) under each resample's weights."""
    width, rows = summands.shape
    weights = np.empty((rows + 3) // 4 * 4, dtype=np.uint8)
    linear = np.empty(_BLOCK)
    for resample in range(len(keys)):
        draw(keys[resample], table, weights)
        total = 0.0
        for start in range(0, rows, _BLOCK):
            size = min(_BLOCK, rows - start)
            linear[:size] = 0.0
            for column in range(width):
                factor = gradients[resample, column]
                for row in range(size):
                    linear[row] += factor * summands[column, start + row]
            for row in range(size):
                total += weights[start + row] * linear[row] * linear[row]
        totals[resample] = total


def _areas(keys: Words, table: Bytes, order: Places, signs: Bytes, ends: Bytes, areas: Floats) -> None:
    """Add up the pairs ranked right, counted in whole numbers, as a share of all pairs; ``order`` is ascending."""
    weights = np.empty((order.max() + 4) // 4 * 4, dtype=np.uint8)
    for resample in range(len(keys)):
        draw(keys[resample], table, weights)
        twice, below, hits, misses, positives = 0, 0, 0, 0, 0
        for place in range(len(order)):
            weight = int(weights[order[place]])
            hit = weight * int(signs[place])
            hits += hit
            misses += weight - hit
            if ends[place]:
                twice += hits * (2 * below + misses)
                below += misses
                positives += hits
                hits = misses = 0
        pairs = positives * below
        areas[resample] = twice / (2 * pairs) if pairs else np.nan


def _precisions(keys: Words, table: Bytes, order: Places, signs: Bytes, ends: Bytes, means: Floats) -> None:
    """Average the precision at each positive row; ``order`` is from the highest score down."""
    weights = np.empty((order.max() + 4) // 4 * 4, dtype=np.uint8)
    for resample in range(len(keys)):
        draw(keys[resample], table, weights)
        total, found, seen, hits = 0.0, 0, 0, 0
        for place in range(len(order)):
            weight = int(weights[order[place]])
            hits += weight * int(signs[place])
            seen += weight
            if ends[place]:
                found += hits
                if hits:
                    total += hits * (found / seen)
                hits = 0
        means[resample] = total / found if found else np.nan


draw = njit(_draw)
# Sums may be added in any order, which the processor does several at a time.
sums = njit(_sums, fastmath={"reassoc", "contract"})
squares = njit(_squares, fastmath={"reassoc", "contract"})
areas = njit(_areas)
precisions = njit(_precisions)
