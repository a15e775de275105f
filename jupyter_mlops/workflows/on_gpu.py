"""A version on a GPU, in a process of its own: its answers there, and what it took."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from jupyter_mlops.evaluation import latency
from jupyter_mlops.evaluation.device import batches, nvml
from jupyter_mlops.evaluation.device.__main__ import OUTPUTS, REPORT, ROWS
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.evaluation.system import SystemFigure
from jupyter_mlops.records.evaluation import AcceleratorBatch
from jupyter_mlops.store.networks import Network
from jupyter_mlops.workflows import tied

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.evaluation.conditions import Metric
    from jupyter_mlops.evaluation.device.batches import BatchRun, GpuRun
    from jupyter_mlops.records.evaluation import Accelerator

# A GPU that hangs says nothing at all; seconds.
PATIENCE = 900
DEVICE = "cuda:0"
# How long each batch size is measured.
SECONDS = batches.SECONDS


@dataclass(frozen=True, slots=True)
class OnGpu:
    """Hold what became of a version on a GPU: the report, and its outputs for all rows where there are some."""

    report: GpuRun
    outputs: NDArray[Any] | None = None

    @property
    def accelerator(self) -> Accelerator | None:
        """The GPU that it answered the test rows on, with what each batch size took; None where it didn't."""
        gpu = self.report.accelerator
        if gpu is None or self.outputs is None:
            return None
        return msgspec.structs.replace(gpu, batches=tuple(_kept(run) for run in self.report.runs))

    def answering(self, model: Any) -> Any:
        """Return the model as it answers the test rows: as it did on the GPU, else by itself."""
        return model if self.outputs is None else model.knowing(self.outputs)

    def figure(self, metric: Metric) -> SystemFigure:
        """Return a figure: at the batch size that the condition names, else at the fastest; memory at its largest.

        Raises:
            NotMeasurableError: with what stood in its way.
        """
        if self.report.problem:
            raise NotMeasurableError(self.report.problem)
        batch = metric.keyword("batch")
        done = [run for run in self.report.runs if not run.problem]
        if batch is None:
            run = max(done, key=_speed if metric.name != "gpu_peak_memory_mb" else _memory)
        else:
            (run,) = (each for each in self.report.runs if each.rows == batch)
        if run.problem:
            raise NotMeasurableError(run.problem)
        return self._noted(_figure(metric.name, run))

    def _noted(self, figure: SystemFigure) -> SystemFigure:
        gpu = self.report.accelerator
        shared = gpu.shared_with if gpu is not None else ()
        note = f"{figure.note}; shared with {', '.join(shared)}" if shared else figure.note
        return SystemFigure(figure.value, figure.draws, note)


def attempt(model: Any, bundle: Path, keys: Path, features: Any, sizes: tuple[int, ...] | None) -> OnGpu:
    """Run a bundle's model on a GPU where there is one and it can make use of it; else the report says why not.

    Args:
        model: the bundle's model.
        bundle: its folder.
        keys: the folder of the keys that are believed.
        features: the test rows, as the model takes them.
        sizes: rows a batch that conditions ask for, beside the usual ones; None where only answers are wanted.
    """
    try:
        with nvml.opened():
            pass
    except NotMeasurableError as error:
        return _none(str(error))
    if not isinstance(model, Network):
        return _none("only a PyTorch module, logged as it is, runs on a GPU; this model runs on the CPU")
    values = np.asarray(features)
    if values.dtype.kind not in "biuf":
        return _none("the test rows aren't numbers")
    wanted = () if sizes is None else (*batches.BATCHES, *sizes)
    return run(bundle, keys, values, wanted)


def _none(problem: str) -> OnGpu:
    return OnGpu(batches.GpuRun(problem=problem))


def run(bundle: Path, keys: Path, values: NDArray[Any], sizes: tuple[int, ...]) -> OnGpu:
    """Run a bundle's model on a GPU, once over all rows and then in batches of each of ``sizes``.

    Args:
        bundle: its folder.
        keys: the folder of the keys that are believed.
        values: the test rows as numbers.
        sizes: rows a batch that are measured.
    """
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as name:
        folder = Path(name)
        np.save(folder / ROWS, values, allow_pickle=False)
        arguments = ["--bundle", str(bundle), "--keys", str(keys), "--folder", name, "--device", DEVICE]
        arguments += ["--seconds", str(SECONDS), "--batches", *map(str, sorted(set(sizes)))]
        problem = _worked(tied.command("jupyter_mlops.evaluation.device", *arguments))
        if problem:
            return _none(problem)
        report = msgspec.json.decode((folder / REPORT).read_bytes(), type=batches.GpuRun)
        outputs = np.load(folder / OUTPUTS) if (folder / OUTPUTS).is_file() else None
        return OnGpu(report, outputs)


def _worked(command: list[str]) -> str:
    """Run a command; return what went wrong, empty for nothing."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return f"the GPU gave no answer in {PATIENCE / 60:.0f} minutes"
    if not done.returncode:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    return f"the process on the GPU died ({ended}){': ' + said[-1][:300] if said else ''}"


def _figure(name: str, run: BatchRun) -> SystemFigure:
    at = f"{run.rows:,} {'row' if run.rows == 1 else 'rows'} a batch"
    if name == "gpu_throughput_rows_per_s":
        rate = latency.rate(np.array(run.calls), run.rows)
        return SystemFigure(rate.value, rate.draws, at)
    kept = _kept(run)
    value, what = {
        "gpu_peak_memory_mb": (kept.peak_memory_mb, "memory"),
        "gpu_utilisation": (kept.utilisation, "utilisation"),
        "gpu_power_w": (kept.power_w, "power"),
        "gpu_energy_j_per_1000": (kept.energy_j_per_1000, "energy"),
    }[name]
    if value is None:
        raise NotMeasurableError(f"this GPU, or the part of it that is in use, doesn't tell its {what}")
    return SystemFigure(value, None, at)


def _kept(run: BatchRun) -> AcceleratorBatch:
    if run.problem:
        return AcceleratorBatch(rows=run.rows, problem=run.problem)
    energy = None if run.energy_j is None else run.energy_j / (len(run.calls) * run.rows) * 1_000
    return AcceleratorBatch(
        rows=run.rows,
        rows_per_s=_speed(run),
        peak_memory_mb=run.peak_memory_mb,
        utilisation=run.utilisation,
        power_w=run.power_w,
        energy_j_per_1000=energy,
        warm_up_s=run.warm_up_s,
    )


def _speed(run: BatchRun) -> float:
    return latency.rate(np.array(run.calls), run.rows).value


def _memory(run: BatchRun) -> float:
    return run.peak_memory_mb or 0.0
