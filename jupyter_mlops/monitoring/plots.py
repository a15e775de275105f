"""The two distributions of a column, small enough to keep with the report: shares in bins, shares of categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jupyter_mlops.monitoring.columns import Categories, Floats

BINS = 30
MOST_BARS = 12
# The scale ends here on either side; the first and last bin hold what lies beyond.
TRIM = 0.005
# Up to here every whole number is a float.
_EXACT = 2.0**53


def histogram(reference: Floats, current: Floats, *, dates: bool = False) -> dict[str, Any]:
    """Bin two sorted samples on one scale; shares of each sample's values.

    Few whole numbers get a bin each, so that bins and values don't beat against each other.
    """
    finite = [
        side[np.searchsorted(side, -np.inf, side="right") : np.searchsorted(side, np.inf)]
        for side in (reference, current)
    ]
    sides = [side for side in finite if len(side)]
    if not sides:
        return {}
    low = min(side[int(TRIM * (len(side) - 1))] for side in sides)
    high = max(side[int(np.ceil((1 - TRIM) * (len(side) - 1)))] for side in sides)
    edges = _edges(float(low), float(high), whole=not dates and all(map(_whole, sides)))
    return {
        "edges": edges.tolist(),
        "dates": dates,
        "reference": _binned(finite[0], edges),
        "current": _binned(finite[1], edges),
    }


def bars(reference: Categories, current: Categories) -> dict[str, Any]:
    """Return the shares of the most frequent categories on either side; the rest is one bar."""
    shares = [side.counts / max(side.counts.sum(), 1.0) for side in (reference, current)]
    order = np.argsort(-np.maximum(*shares), kind="stable")
    shown = order if len(order) <= MOST_BARS else order[: MOST_BARS - 1]
    rest = order[len(shown) :]
    labels = [reference.labels[i] for i in shown]
    values = [[float(side[i]) for i in shown] for side in shares]
    if len(rest):
        labels.append(f"{len(rest)} others")
        values = [[*value, float(side[rest].sum())] for value, side in zip(values, shares, strict=True)]
    return {"labels": labels, "reference": values[0], "current": values[1]}


def _whole(ordered: Floats) -> bool:
    some = ordered[:: 1 + len(ordered) // 100]
    if not np.array_equal(some, np.round(some)):
        return False
    low, high = float(ordered[0]), float(ordered[-1])
    if high - low > len(ordered) // 100 or max(-low, high) >= _EXACT:
        return np.array_equal(ordered, np.round(ordered))
    # Looked for, the few whole numbers between the ends are found faster than by a pass over all values.
    places = np.arange(low, high + 1)
    ends = [np.searchsorted(ordered, places, side=side) for side in ("left", "right")]
    return int((ends[1] - ends[0]).sum()) == len(ordered)


def _edges(low: float, high: float, *, whole: bool) -> Floats:
    if whole and high - low < 1e9:  # noqa: PLR2004 - beyond it halves are lost in rounding
        step = max(1.0, np.ceil((high - low + 1) / BINS))
        return np.arange(low - 0.5, high + step, step)
    if low == high:
        spread = abs(low) * 1e-3 or 0.5
        return np.array([low - spread, low + spread])
    # Halved first: the distance between the largest floats is no float.
    return 2 * np.linspace(low / 2, high / 2, BINS + 1)


def _binned(ordered: Floats, edges: Floats) -> list[float]:
    if not len(ordered):
        return [0.0] * (len(edges) - 1)
    inner = np.searchsorted(ordered, edges[1:-1], side="left")
    marks = np.concatenate([[0], inner, [len(ordered)]])
    shares = np.diff(marks) / len(ordered)
    return [float(share) for share in shares]
