"""A version's figures as a running system, each measured when a condition asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.evaluation.measure import NO_ROWS
from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.evaluation.system import SystemFigure

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.evaluation.conditions import Metric
    from jupyter_mlops.records.evaluation import Accelerator
    from jupyter_mlops.store.bundles import Bundle
    from jupyter_mlops.workflows.as_served import Served
    from jupyter_mlops.workflows.on_gpu import OnGpu


class SystemProbe:
    """Measure a version; ``problem`` says why it isn't ``served``.

    Args:
        folder: its bundle's.
        bundle: the bundle, loaded.
        served: the serving process of it, where a figure that takes one was asked for.
        problem: why there are no rows to ask it about.
        gpu: what became of it on a GPU.
    """

    def __init__(
        self,
        folder: Path,
        bundle: Bundle,
        served: Served | None = None,
        problem: str = NO_ROWS,
        gpu: OnGpu | None = None,
    ) -> None:
        self._folder = folder
        self._bundle = bundle
        self._served = served
        self._problem = problem
        self._gpu = gpu

    @property
    def accelerator(self) -> Accelerator | None:
        """The GPU that it answered the test rows on, where it did."""
        return None if self._gpu is None else self._gpu.accelerator

    def __call__(self, metric: Metric) -> SystemFigure:
        """Measure one figure.

        Raises:
            NotMeasurableError: with the reason why it can't be measured here.
        """
        if metric.name in names.GPU:
            if self._gpu is None:
                raise NotMeasurableError(self._problem)
            return self._gpu.figure(metric)
        if metric.name == "model_size_mb":
            size = sum((self._folder / name).stat().st_size for name in self._bundle.manifest.files)
            return SystemFigure(size / 1e6)
        if self._served is None:
            raise NotMeasurableError(self._problem)
        if metric.name == "latency_ms":
            return self._served.latency(names.LATENCIES[metric.part], metric.keyword("batch") or 1)
        if metric.name == "throughput_rows_per_s":
            return self._served.throughput(metric.keyword("batch"))
        return self._served.memory()
