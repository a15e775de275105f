"""What ``binning`` counts, without sorting: the first bits of a value say which cuts it may lie between; compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jupyter_mlops.stats.compiled import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.stats.binning import Counts, Floats

# Of a float, the sign, the exponent and 9 bits: a cell is a 512th of a power of 2 wide.
_SHIFT = 64 - 1 - 11 - 9
_IN_A_POWER = 512
# Cells reach from the whole span of the cuts down to a 2^32nd of it; nearer the first cut there is one cell.
_POWERS = 32
# Cuts that a value is compared with; a cell with more cuts in it can't be counted here.
MOST_IN_A_CELL = 3
_AT_ONCE = 2_048
# Neighbouring values are counted apart, so that none waits for the one before it.
_LANES = 4


class Cells(NamedTuple):
    """Hold how many cuts lie below each cell; cells are of the bits of ``value - lowest``, from ``base`` on."""

    lowest: float
    base: int
    below: NDArray[np.uint32]


def cells(at: Floats) -> Cells | None:
    """Lay cells over the cuts; None where some cell would have too many in it.

    Args:
        at: the cuts, finite and ascending.
    """
    if not len(at):
        return None
    with np.errstate(over="ignore"):
        away = at - at[0]
    if not (np.isfinite(away[-1]) and away[-1] > np.finfo(np.float64).tiny):
        return None
    keys = away.view(np.int64) >> _SHIFT
    base = int(keys[-1]) - _POWERS * _IN_A_POWER
    below = np.searchsorted(np.maximum(keys - base, 0), np.arange(_POWERS * _IN_A_POWER + 2))
    if np.diff(below).max() > MOST_IN_A_CELL:
        return None
    return Cells(float(at[0]), base, below.astype(np.uint32))


def count(values: Floats, at: Floats, over: Cells) -> tuple[Counts, Floats, int]:
    """Count values, and sum them, between cuts; NaN is counted as missing.

    Args:
        values: in any order, contiguous.
        at: the cuts.
        over: the cells laid over them.
    """
    bins = len(at) + 1
    held = np.zeros((_LANES * (bins + 1), 2))
    _count(values, over.lowest, over.base, over.below, np.append(at, [np.inf] * MOST_IN_A_CELL), bins, held)
    with np.errstate(over="ignore", invalid="ignore"):
        both = held.reshape(_LANES, bins + 1, 2).sum(axis=0)
    counts = both[:, 0].astype(np.int64)
    return counts[:-1], both[:-1, 1], int(counts[-1])


@njit
def _count(
    values: Floats,
    lowest: float,
    base: int,
    below: NDArray[np.uint32],
    at: Floats,
    bins: int,
    held: Floats,
) -> None:
    last = len(below) - 2
    keys, places = np.empty(_AT_ONCE, dtype=np.int64), np.empty(_AT_ONCE, dtype=np.uint32)
    # Unsigned, since compiled code looks whether a signed place counts from the end.
    one, two, lane, missing = np.uint32(1), np.uint32(2), np.uint32(bins + 1), np.uint32(bins)
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        # One step at a time over all of a part, so that each is done for several values at once.
        for i in range(len(part)):
            key: Any = (np.float64(part[i] - lowest).view(np.int64) >> _SHIFT) - base
            keys[i] = min(max(key, 0), last)
        for i in range(len(part)):
            value, first = part[i], np.uint32(below[np.uint32(keys[i])])
            place = first + np.uint32(value >= at[first])
            place += np.uint32(value >= at[first + one]) + np.uint32(value >= at[first + two])
            if np.isnan(value):
                place = missing
            places[i] = place + np.uint32(i % _LANES) * lane
        for i in range(len(part)):
            held[places[i], 0] += 1.0
            held[places[i], 1] += part[i]
