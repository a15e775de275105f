"""How far apart two sorted samples are, exactly, without looking at every value.

Both measures work on blocks of one sample. What a block can contribute is bounded by its two ends, so only blocks
that could matter are looked into; with a million values on either side that is a few thousand searches.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]

# A block is cut into this many, and the first blocks are so large that there are between 64 and 512 of them.
_CUT = 8
_FEWEST_BLOCKS = 64
# Values in a block of quantiles, and how many values a look at the rest takes at a time (both stay in the cache).
_QUANTILES = 64
_AT_ONCE = 16_384
# So many times their range from 0, values are moved there first.
_FAR = 100.0
# Samples from here on are worth compiled code where one of them is compared again and again.
LONG = 100_000


class Blocks(NamedTuple):
    """Hold the first and last value of each block of a sorted sample, and the sum of its differences from ``base``."""

    firsts: Floats
    lasts: Floats
    sums: Floats
    base: float


def blocks_of(ordered: Floats) -> Blocks | None:
    """Sum up the blocks of a sample that many others are compared with; None where it is too short, or has infinities.

    Args:
        ordered: sorted, without NaN.
    """
    if len(ordered) < LONG or not np.isfinite(ordered[[0, -1]]).all():
        return None
    lasts = np.append(ordered[_QUANTILES - 1 : -1 : _QUANTILES], ordered[-1])
    base = float(ordered[0]) if _is_far(ordered) else 0.0
    sums = _even_sums(ordered - base) if base else _even_sums(ordered)
    return Blocks(ordered[::_QUANTILES].copy(), lasts, sums, base)


def largest_gap(first: Floats, second: Floats, blocks: Blocks | None = None) -> int:
    """Return the largest gap between two distribution functions, times both sample sizes: a whole number.

    Args:
        first: sorted, without NaN, not empty.
        second: likewise.
        blocks: those of ``first``, where they are known.
    """
    if blocks is not None and len(second) >= LONG:
        from jupyter_mlops.stats import compiled_gaps

        return compiled_gaps.largest_gap(first, blocks.firsts, _QUANTILES, second)
    few, many = (first, second) if len(first) <= len(second) else (second, first)
    n, m = len(few), len(many)
    size = 1
    while n // (size * _CUT) >= _FEWEST_BLOCKS:
        size *= _CUT
    starts, best = np.arange(0, n, size), 0
    while True:
        stops = np.minimum(starts + size, n)
        right = np.searchsorted(many, few[starts], side="right")
        left = np.searchsorted(many, few[stops - 1], side="left")
        # Both functions are steps, so the gap is largest at, or just before, a value of ``few``. These two are met ...
        met = max(int(((starts + 1) * m - right * n).max()), int((left * n - (stops - 1) * m).max()))
        best = max(best, met)
        if size == 1:
            return best
        # ... and within the block no value can do better than these.
        bound = np.maximum(stops * m - right * n, left * n - starts * m)
        open_blocks = starts[bound > best]
        if not len(open_blocks):
            return best
        size //= _CUT
        starts = (open_blocks[:, np.newaxis] + np.arange(_CUT) * size).ravel()
        starts = starts[starts < n]


def area_between(first: Floats, second: Floats, blocks: Blocks | None = None) -> float:
    """Integrate the distance between two quantile functions: the earth mover's distance in one dimension.

    Args:
        first: sorted and finite, not empty.
        second: likewise; of any length.
        blocks: those of ``first``, where they are known.
    """
    if blocks is not None and len(second) >= LONG:
        from jupyter_mlops.stats import compiled_gaps

        return compiled_gaps.area_between(
            first, blocks.firsts, blocks.lasts, blocks.sums, blocks.base, _QUANTILES, second
        )
    long, short = (first, second) if len(first) >= len(second) else (second, first)
    n, m = len(long), len(short)
    if n == m:
        return _mean_distance(long, short)
    marks = np.append(np.arange(0, n, _QUANTILES), n)
    starts, stops = marks[:-1], marks[1:]
    if _is_far(long):
        # Sums of values that lie far from 0 and near each other would lose what they differ in.
        long, short = long - long[0], short - long[0]
    # In units of 1/n of a value of ``short``; where a block ends inside such a value, it has a part of it.
    whole, part = np.divmod(marks * m, n)
    opening = short[whole[:-1]]
    closing = short[(stops * m - 1) // n]
    low, high = long[starts], long[stops - 1]
    of_long = _even_sums(long) / n
    cut = short[np.minimum(whole, m - 1)] * (part / n)
    of_short = (_sums(short, whole) - cut[:-1] + cut[1:]) / m
    area = np.abs(of_long - of_short)
    flat = (low == high) & (opening == closing)
    area[flat] = np.abs(low - opening)[flat] * ((stops - starts)[flat] / n)
    crossed = (low < closing) & (high > opening)
    return float(area[~crossed].sum()) + _looked_into(long, short, starts[crossed])


def _is_far(ordered: Floats) -> bool:
    return bool(max(abs(ordered[0]), abs(ordered[-1])) > _FAR * (ordered[-1] - ordered[0]))


def _even_sums(values: Floats) -> Floats:
    """Sum blocks of like length; the last may be shorter."""
    whole = len(values) - len(values) % _QUANTILES
    sums = values[:whole].reshape(-1, _QUANTILES).sum(axis=1)
    return sums if whole == len(values) else np.append(sums, values[whole:].sum())


def _sums(values: Floats, marks: Places) -> Floats:
    """Sum ``values`` between neighbouring marks; two marks may be the same place."""
    inside = np.minimum(marks[:-1], len(values) - 1)
    sums = np.add.reduceat(values, inside)
    # Between equal marks reduceat gives the value at the mark, and the last runs to the end.
    return np.where(marks[1:] > marks[:-1], sums, 0.0)


def _mean_distance(a: Floats, b: Floats) -> float:
    total, room = 0.0, np.empty(min(_AT_ONCE, len(a)))
    for start in range(0, len(a), _AT_ONCE):
        gap = np.subtract(
            a[start : start + _AT_ONCE], b[start : start + _AT_ONCE], out=room[: len(a) - start]
        )
        total += float(np.abs(gap, out=gap).sum())
    return total / len(a)


def _looked_into(long: Floats, short: Floats, starts: Places) -> float:
    """Integrate over the blocks where the two functions may cross, value by value."""
    n, m = len(long), len(short)
    total = 0.0
    per_look = max(1, _AT_ONCE // _QUANTILES)
    for begin in range(0, len(starts), per_look):
        i = (starts[begin : begin + per_look, np.newaxis] + np.arange(_QUANTILES)).ravel()
        i = i[i < n]
        # A value of ``long`` is narrower than one of ``short``, so it meets one of them or two.
        j, rest = np.divmod(i * m, n)
        first = np.minimum(n - rest, m)
        values = long[i]
        beyond = short[np.minimum(j + 1, m - 1)]
        # Not by a matrix product: its threads would wait for each other longer than this takes.
        total += float((np.abs(values - short[j]) * first + np.abs(values - beyond) * (m - first)).sum())
    return total / n / m
