"""What ``sorted_gaps`` measures, against a sample whose blocks were summed up before; compiled.

A sample that many others are compared with lies in main memory, the ends and sums of its blocks in the cache: these alone
settle most blocks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from jupyter_mlops.stats.compiled import njit

if TYPE_CHECKING:
    from jupyter_mlops.stats.sorted_gaps import Floats

_FIRST_LOOKS = 256
# Halving a range leaves one half waiting, so as many wait as a length has bits.
_MOST_WAITING = 128
# Sums in any order, several at a time.
_summing = partial(njit, fastmath={"reassoc", "contract"})


@njit
def _below(ordered: Floats, value: float, low: int, high: int) -> int:
    while low < high:
        middle = (low + high) >> 1
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@njit
def _upto(ordered: Floats, value: float, low: int, high: int) -> int:
    while low < high:
        middle = (low + high) >> 1
        if ordered[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low


@njit
def largest_gap(kept: Floats, firsts: Floats, size: int, other: Floats) -> int:
    """Return the largest gap between two distribution functions, times both sample sizes.

    Args:
        kept: sorted, without NaN, not empty.
        firsts: the first value of each block of it.
        size: of those blocks.
        other: likewise sorted, not empty.
    """
    n, m = len(kept), len(other)
    best = _first_look(n, firsts, size, other)
    # Ranges of places in ``kept``: from, to before, and how much of ``other`` is below and up to the values around them.
    waiting = np.empty((_MOST_WAITING, 6), dtype=np.int64)
    waiting[0, :2], waiting[0, 2:4], waiting[0, 4:] = (0, n), 0, m
    count = 1
    while count:
        count -= 1
        low, high, below, upto, last_below, last_upto = waiting[count]
        # The gap is largest at, or just before, a value of ``kept``; no value of the range can do better than this.
        if low >= high or max(high * m - upto * n, last_below * n - low * m) <= best:
            continue
        place = (low + high) >> 1
        start = place - place % size
        if start >= low:
            place, value = start, firsts[start // size]
        else:
            value = kept[place]
        left = _below(other, value, below, last_below)
        right = _upto(other, value, max(left, upto), last_upto)
        best = max(best, (place + 1) * m - right * n, left * n - place * m)
        lower = max(place * m - upto * n, left * n - low * m)
        upper = max(high * m - right * n, last_below * n - (place + 1) * m)
        # The half that may hold more is looked at first: that may settle the other.
        first, second = (count + 1, count) if lower > upper else (count, count + 1)
        _put(waiting[first], low, place, below, upto, left, right)
        _put(waiting[second], place + 1, high, left, right, last_below, last_upto)
        count += 2
    return best


@njit
def _put(into: Floats, *values: int) -> None:
    for place, value in enumerate(values):
        into[place] = value


@njit
def _first_look(n: int, firsts: Floats, size: int, other: Floats) -> int:
    m, best, left, right = len(other), 0, 0, 0
    for block in range(0, len(firsts), 1 + len(firsts) // _FIRST_LOOKS):
        left = _below(other, firsts[block], left, m)
        right = _upto(other, firsts[block], max(left, right), m)
        best = max(best, (block * size + 1) * m - right * n, left * n - block * size * m)
    return best


@njit
def area_between(
    kept: Floats, firsts: Floats, lasts: Floats, sums: Floats, base: float, size: int, other: Floats
) -> float:
    """Integrate the distance between two quantile functions.

    Args:
        kept: sorted and finite, not empty.
        firsts: the first value of each block of it.
        lasts: their last values.
        sums: their sums, of differences from ``base``.
        base: what is taken off values before they are summed.
        size: of those blocks.
        other: likewise sorted and finite, not empty.
    """
    n, m = len(kept), len(other)
    # All in units of 1/n of a value of ``other``; a block may end inside such a value.
    area, whole, part = 0.0, 0, 0
    for block in range(len(firsts)):
        low, high = block * size, min((block + 1) * size, n)
        end, end_part = divmod(high * m, n)
        opening, closing = other[whole], other[(high * m - 1) // n]
        if lasts[block] > opening and firsts[block] < closing:
            area += _looked_into(kept, other, low, high, whole, part)
        elif firsts[block] == lasts[block] and opening == closing:
            area += abs(firsts[block] - opening) * (high - low) * m
        else:
            held = _sum(other, whole, end, base) * n - (opening - base) * part
            if end_part:
                held += (other[end] - base) * end_part
            area += abs(sums[block] * m - held)
        whole, part = end, end_part
    return area / n / m


@_summing
def _sum(values: Floats, low: int, high: int, base: float) -> float:
    total = 0.0
    for place in range(low, high):
        total += values[place] - base
    return total


@njit
def _looked_into(kept: Floats, other: Floats, low: int, high: int, whole: int, part: int) -> float:
    """Integrate over a block where the two functions may cross, value by value."""
    n, m = len(kept), len(other)
    area = 0.0
    for place in range(low, high):
        wanted = m
        while n - part <= wanted:
            area += abs(kept[place] - other[whole]) * (n - part)
            wanted -= n - part
            whole, part = whole + 1, 0
        if wanted:
            area += abs(kept[place] - other[whole]) * wanted
            part += wanted
    return area
