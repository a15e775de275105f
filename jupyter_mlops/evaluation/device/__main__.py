"""``python -m jupyter_mlops.evaluation.device``: a bundle's model on a GPU, in a process that may die of it.

What a process has had on a GPU before doesn't count as the model's then, and a GPU that fails takes nobody along.
"""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.evaluation.device import batches, nvml, visible
from jupyter_mlops.evaluation.rows import NotMeasurableError

REPORT, ROWS, OUTPUTS = "report.json", "rows.npy", "outputs.npy"


def main(arguments: list[str] | None = None) -> None:
    """Run it, and leave a report, and the outputs where there are some, in the folder that the rows came in."""
    options = _options(arguments)
    try:
        report = _run(options)
    except (NotMeasurableError, MlopsError) as error:
        report = batches.GpuRun(problem=str(error))
    (options.folder / REPORT).write_bytes(msgspec.json.encode(report))


def _run(options: argparse.Namespace) -> batches.GpuRun:
    from jupyter_mlops.store.bundles import load_folder
    from jupyter_mlops.store.keys import Keys
    from jupyter_mlops.store.networks import Network

    identity = _identity(options.device)
    with nvml.opened(identity=identity) as gpu:
        model = load_folder(options.bundle, Keys(options.keys)).model
        if not isinstance(model, Network):
            raise NotMeasurableError("the model isn't a PyTorch module, so it has nothing to run on a GPU")
        values = np.load(options.folder / ROWS)
        report, outputs = batches.run(
            model, values, tuple(options.batches), gpu, options.device, seconds=options.seconds
        )
    if outputs is not None:
        np.save(options.folder / OUTPUTS, outputs)
    return report


def _identity(device: str) -> str:
    """Return what NVML calls the device that PyTorch will use, without using it; empty where that can't be told."""
    import torch

    if not device.startswith("cuda"):
        return ""
    if not torch.cuda.is_available():
        with nvml.opened():  # it says what is missing, but where the driver is fine
            raise NotMeasurableError(
                f"no GPU here that PyTorch {torch.__version__} can use: {_built(torch.version.cuda)}"
            )
    said = os.environ.get(visible.VARIABLE, "").split(",")[0].strip()
    if said.startswith("MIG-"):
        return said
    # Numbers aren't: CUDA counts the fastest GPU first, NVML goes by their place.
    with suppress(AttributeError):
        return f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    return ""


def _built(version: str | None) -> str:
    return f"it is built for CUDA {version}" if version else "it is built without CUDA"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m jupyter_mlops.evaluation.device", description=main.__doc__
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="with rows.npy; the report goes here")
    parser.add_argument("--batches", type=int, nargs="*", default=list(batches.BATCHES))
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--seconds", type=float, default=batches.SECONDS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
