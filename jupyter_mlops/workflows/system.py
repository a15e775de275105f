"""A version's figures as a running system, each measured when a condition asks for it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.evaluation import latency, names
from jupyter_mlops.evaluation.measure import NO_ROWS
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.evaluation.system import SystemFigure, resampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.conditions import Metric
    from jupyter_mlops.records.model import ModelVersion
    from jupyter_mlops.store.bundles import Bundle
    from jupyter_mlops.store.opened import Store


class SystemProbe:
    """Measure a version; ``problem`` says why it has no ``features`` to be asked with."""

    def __init__(
        self, store: Store, model: ModelVersion, bundle: Bundle, problem: str = NO_ROWS, features: Any = None
    ) -> None:
        self._folder = store.bundles.path(model.bundle)
        self._bundle = bundle
        self._problem = problem
        self._features = features

    def __call__(self, metric: Metric) -> SystemFigure:
        """Measure one figure.

        Raises:
            NotMeasurableError: with the reason why it can't be measured here.
        """
        if metric.name in names.GPU:
            raise NotMeasurableError(_gpu_problem())
        if metric.name == "model_size_mb":
            size = sum((self._folder / name).stat().st_size for name in self._bundle.manifest.files)
            return SystemFigure(size / 1e6)
        if self._features is None:
            raise NotMeasurableError(self._problem)
        percent = names.LATENCIES[metric.part]
        timed = self._milliseconds
        draws = resampled(timed, lambda drawn: np.percentile(drawn, percent, axis=1))
        return SystemFigure(float(np.percentile(timed, percent)), draws)

    @cached_property
    def _milliseconds(self) -> NDArray[np.float64]:
        return latency.single_row_milliseconds(self._bundle.model.predict, self._features)


def _gpu_problem() -> str:
    return "figures of the GPU are not available yet" if Path("/dev/nvidiactl").exists() else "no GPU here"
