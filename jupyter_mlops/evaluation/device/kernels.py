"""What resamples: a GPU where there is one and enough to do, else the processors.

The weights are the same everywhere, so the device changes how long a figure takes, and nothing else but its rounding.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jupyter_mlops.stats import resampling

if TYPE_CHECKING:
    from jupyter_mlops.stats.resampling import Kernels

RESAMPLES = 2_000
# Draws that the processors take some seconds for; below it, loading PyTorch and reaching the GPU takes longer.
WORTH_A_GPU = 5_000_000_000
# The same where PyTorch is loaded already, because the model is one of its own.
WORTH_CALLING = 200_000_000


def kernels_for(draws: int) -> Kernels:
    """Choose what computes so many draws (rows x resamples) soonest."""
    if draws >= (WORTH_CALLING if "torch" in sys.modules else WORTH_A_GPU):
        from jupyter_mlops.evaluation.device import kernels_torch

        found = kernels_torch.on_gpu()
        if found is not None:
            return found
    return resampling.kernels_for(draws)


def device(rows: int) -> str:
    """Name what resamples so many rows, for the record."""
    name = kernels_for(rows * RESAMPLES).name
    return name if name.startswith("torch") else f"cpu ({name})"
