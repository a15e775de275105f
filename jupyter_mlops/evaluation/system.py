"""What a version needs and gives as a running system, beside what it predicts: time, memory, size, a GPU's figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.conditions import Metric

DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class SystemFigure:
    """Hold a measured figure; ``draws`` are resampled values of it, which its interval comes from.

    Figures of two versions were measured at different times, so their draws are independent.
    """

    value: float
    draws: NDArray[np.float64] | None = None
    note: str = ""

    @property
    def ci(self) -> tuple[float, float] | None:
        """The 95% interval, where the figure varies."""
        return None if self.draws is None else interval(self.draws)


# Measures one figure of a version; raises NotMeasurableError with the reason where it can't be.
Probe: TypeAlias = "Callable[[Metric], SystemFigure]"


def resampled(
    values: NDArray[np.float64],
    figure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return ``DRAWS`` values of a figure over resampled ``values``; ``figure`` maps draws x values to draws."""
    random = np.random.default_rng(seed)
    return figure(random.choice(values, size=(DRAWS, len(values))))


def interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the middle 95% of resampled values."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
