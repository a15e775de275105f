"""Run a PyTorch model on a device in batches of several sizes, and say of each what it took."""

from __future__ import annotations

from itertools import cycle
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from jupyter_mlops.evaluation.device.meter import Meter
from jupyter_mlops.evaluation.device.nvml import LostError
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.evaluation import Accelerator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.device.nvml import Gpu
    from jupyter_mlops.store.networks import Network

BATCHES = (1, 64, 1024)
# Power and utilisation are means of a GPU's own over up to a second, so a shorter time says little.
SECONDS = 2.0
WARM_UP_SECONDS = 0.5
# All test rows go through in the largest of these that the memory takes.
WHOLE = (4096, 1024, 64, 1)


class BatchRun(Value, frozen=True, kw_only=True):
    """Report one batch size: ``calls`` are when each batch was sent and answered (ns); ``problem`` why it has none."""

    rows: int
    calls: tuple[tuple[int, int], ...] = ()
    warm_up_s: float = 0.0
    peak_memory_mb: float | None = None
    utilisation: float | None = None
    power_w: float | None = None
    energy_j: float | None = None
    problem: str = ""


class GpuRun(Value, frozen=True, kw_only=True):
    """Report a model on a GPU: what that is, each batch size, or the ``problem`` that stood in the way of all."""

    accelerator: Accelerator | None = None
    runs: tuple[BatchRun, ...] = ()
    problem: str = ""


def run(
    network: Network,
    values: NDArray[Any],
    batches: tuple[int, ...],
    gpu: Gpu,
    device: str,
    *,
    seconds: float = SECONDS,
) -> tuple[GpuRun, NDArray[Any] | None]:
    """Run ``network`` on ``device``, smallest batches first; what fails is said, and ends it.

    Args:
        network: the model, on the CPU.
        values: the rows, as an array.
        batches: rows a batch.
        gpu: what the device is for NVML.
        device: what it is for PyTorch.
        seconds: how long each size is measured.

    Returns:
        The report, and the model's outputs for all rows where it could give them.
    """
    described, idle = gpu.described, gpu.read().used
    sizes = sorted(set(batches))
    runs: dict[int, BatchRun] = {}
    outputs, problem = None, ""
    try:
        _guarded(lambda: network.to(device), gpu, "the model's weights")
        outputs = _whole(network, values, gpu)
        for rows in sizes:
            runs[rows] = _batch(network, values, rows, Meter(gpu.read, idle), gpu, seconds)
        described = msgspec.structs.replace(described, shared_with=gpu.others())
    except NotMeasurableError as error:
        problem = str(error)
    left = {rows: BatchRun(rows=rows, problem=problem) for rows in sizes if rows not in runs}
    found = (*runs.values(), *left.values())
    return GpuRun(accelerator=described, runs=found, problem="" if runs else problem), outputs


def _whole(network: Network, values: NDArray[Any], gpu: Gpu) -> NDArray[Any]:
    """Return the outputs for all rows, in smaller parts where the memory doesn't take larger ones."""
    import torch

    for rows in WHOLE[:-1]:
        try:
            return network.outputs(values, rows)
        except RuntimeError as error:
            if not _is_full(error):
                raise _failed(error, gpu) from None
            torch.cuda.empty_cache()
    found: NDArray[Any] = _guarded(lambda: network.outputs(values, WHOLE[-1]), gpu, "a single row")
    return found


def _batch(
    network: Network, values: NDArray[Any], rows: int, meter: Meter, gpu: Gpu, seconds: float
) -> BatchRun:
    def measured() -> BatchRun:
        parts = cycle(_parts(network, values, rows))
        started = perf_counter()
        for part in parts:
            network.asked(part)
            if perf_counter() - started > WARM_UP_SECONDS:
                break
        warm_up = perf_counter() - started
        with meter:
            calls = _timed(network, parts, seconds, meter)
        usage = meter.usage
        return BatchRun(
            rows=rows,
            calls=calls,
            warm_up_s=warm_up,
            peak_memory_mb=usage.peak / 1e6,
            utilisation=usage.utilisation,
            power_w=usage.power,
            energy_j=usage.energy,
        )

    found: BatchRun = _guarded(measured, gpu, f"{rows:,} rows a batch")
    return found


def _timed(
    network: Network, parts: Iterator[Any], seconds: float, meter: Meter
) -> tuple[tuple[int, int], ...]:
    calls = []
    ends = perf_counter() + seconds
    while perf_counter() < ends and not meter.lost:
        sent = perf_counter_ns()
        network.asked(next(parts))
        calls.append((sent, perf_counter_ns()))
    return tuple(calls)


def _parts(network: Network, values: NDArray[Any], rows: int) -> list[Any]:
    """Return the rows in batches that are all full, from the first again where there are too few."""
    from jupyter_mlops.store.networks import as_tensor

    count = max(1, len(values) // rows)
    places = np.arange(count * rows) % len(values)
    return list(as_tensor(network.module, values[places]).split(rows))


def _guarded(work: Callable[[], Any], gpu: Gpu, what: str) -> Any:
    try:
        return work()
    except RuntimeError as error:
        raise _full(gpu, what) if _is_full(error) else _failed(error, gpu) from None


def _is_full(error: RuntimeError) -> bool:
    import torch

    # CUDA says it in words where it isn't PyTorch that asked for the memory.
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)


def _full(gpu: Gpu, what: str) -> NotMeasurableError:
    described, used, others = gpu.described, gpu.read().used / 1e6, gpu.others()
    shared = f"; on it as well: {', '.join(others)}" if others else ""
    return NotMeasurableError(
        f"out of memory: no room for {what} on {described.name}, {used:,.0f} of {described.memory_mb:,.0f} MB "
        f"in use{shared}"
    )


def _failed(error: Exception, gpu: Gpu) -> NotMeasurableError:
    """Return what became of the GPU, rather than what PyTorch saw of it."""
    said = " ".join(str(error).split())[:300]
    try:
        gpu.read()
    except LostError as lost:
        return LostError(f"{lost} ({said})")
    return NotMeasurableError(f"the model fails on the GPU: {type(error).__name__}: {said}")
