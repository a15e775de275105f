"""Many tests at a time: p-values that keep the rate of false discoveries, or of any error at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for their number; ``None`` (not tested) stays ``None`` and doesn't count.

    Rejecting what is below ``alpha`` afterwards keeps the expected share of false discoveries below ``alpha``.
    """
    import numpy as np

    tested = [index for index, p in enumerate(p_values) if p is not None]
    if not tested:
        return list(p_values)
    raw = np.array([p_values[index] for index in tested], dtype=np.float64)
    order = np.argsort(raw, kind="stable")[::-1]
    ranks = np.arange(len(raw), 0, -1)
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(1.0, np.minimum.accumulate(raw[order] * len(raw) / ranks))
    answer = list(p_values)
    for index, p in zip(tested, corrected, strict=True):
        answer[index] = float(p)
    return answer


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for their number; ``None`` (not tested) stays ``None`` and doesn't count.

    Rejecting what is at most ``alpha`` afterwards makes even one error with a chance of at most ``alpha``, however the
    tests hang together.
    """
    order = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    answer, highest = list(p_values), 0.0
    for rank, (p, index) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        answer[index] = highest
    return answer
