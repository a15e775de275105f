"""A network's batch evaluation on the GPU: throughput, memory, utilisation, power and energy by batch size.

    python benchmarks/gpu_evaluation.py [--width 4096] [--rows 100000] [--seconds 2]

Run as a gate runs it: the bundle in a process of its own, NVML read every 20 ms, warm-up apart. Without a GPU it says so,
and shows the CPU's throughput alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from jupyter_mlops.evaluation.device import batches
from jupyter_mlops.records.model import Manifest, Signature, Tensor
from jupyter_mlops.store.bundles import Bundles
from jupyter_mlops.store.keys import Keys
from jupyter_mlops.store.networks import Network
from jupyter_mlops.store.objects import Objects
from jupyter_mlops.workflows import on_gpu

if TYPE_CHECKING:
    from jupyter_mlops.records.evaluation import AcceleratorBatch

FEATURES = 256


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=batches.SECONDS)
    options = parser.parse_args()
    on_gpu.SECONDS = options.seconds
    torch.manual_seed(0)
    layers = [
        nn.Linear(FEATURES, options.width),
        nn.ReLU(),
        nn.Linear(options.width, options.width),
        nn.ReLU(),
    ]
    model = Network(nn.Sequential(*layers, nn.Linear(options.width, 10)))
    values = np.random.default_rng(0).normal(size=(options.rows, FEATURES)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = Keys(folder / "keys")
        bundles = Bundles(folder / "bundles", Objects(folder / "objects"), keys)
        bundle = bundles.path(bundles.write(model, manifest()))
        found = on_gpu.attempt(model, bundle, keys.folder, values, (16384,))
    if found.report.problem:
        print(found.report.problem)
    gpu = found.accelerator
    if gpu is not None:
        shared = f", shared with {', '.join(gpu.shared_with)}" if gpu.shared_with else ""
        print(f"{gpu.name}, {gpu.memory_mb:,.0f} MB, driver {gpu.driver}{shared}")
        heads = ("rows/s", 14), ("MB", 9), ("busy %", 8), ("W", 7), ("J/1,000", 9), ("warm-up s", 11)
        print(f"{'rows a batch':>12}" + "".join(head.rjust(width) for head, width in heads))
        for batch in gpu.batches:
            print(f"{batch.rows:>12,}  {batch.problem}" if batch.problem else line(batch))
    print(f"the CPU, 1,024 rows a batch: {on_cpu(model, values, options.seconds):,.0f} rows/s")


def line(batch: AcceleratorBatch) -> str:
    cells = [(batch.rows_per_s, 14, 0), (batch.peak_memory_mb, 9, 0), (batch.utilisation, 8, 0)]
    cells += [(batch.power_w, 7, 0), (batch.energy_j_per_1000, 9, 3), (batch.warm_up_s, 11, 2)]
    shown = (
        "-".rjust(width) if value is None else f"{value:>{width},.{places}f}"
        for value, width, places in cells
    )
    return f"{batch.rows:>12,}{''.join(shown)}"


def on_cpu(model: Network, values: np.ndarray, seconds: float) -> float:
    model.outputs(values[:1024])
    rows, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        rows += len(model.outputs(values[:1024], 1024))
    return rows / (time.perf_counter() - started)


def manifest() -> Manifest:
    signature = Signature(
        layout="array",
        inputs=(Tensor(name="input", datatype="FP32", shape=(-1, FEATURES), dtype="float32"),),
        outputs=(Tensor(name="predict", datatype="FP32", shape=(-1, 10), dtype="float32"),),
    )
    return Manifest(name="network", task="other", signature=signature)


if __name__ == "__main__":
    main()
