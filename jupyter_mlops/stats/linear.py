"""How a figure of weighted sums moves with them: its gradient, which gives each row's influence and a standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Floats: TypeAlias = NDArray[np.float64]

# In standard deviations of each sum: small against its curvature, large against rounding.
_STEP = 1e-3


def gradients(finish: Callable[[Floats], Floats], totals: Floats, scales: Floats) -> Floats:
    """Differentiate the figures ``finish(totals)`` by each sum (resamples x k), by differences of fourth order.

    Args:
        finish: maps sums (resamples x k) to figures (resamples).
        totals: where to differentiate.
        scales: the standard deviation of each sum; where it is zero, so is the derivative.
    """
    slopes = np.zeros_like(totals)
    for column in np.flatnonzero(scales > 0):
        step = np.zeros(totals.shape[1])
        step[column] = _STEP * scales[column]
        near = finish(totals + step) - finish(totals - step)
        far = finish(totals + 2 * step) - finish(totals - 2 * step)
        slopes[:, column] = (8 * near - far) / (12 * step[column])
    return slopes
