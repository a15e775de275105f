from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from jupyter_mlops.evaluation.device import __main__ as program
from jupyter_mlops.evaluation.device.batches import GpuRun
from jupyter_mlops.records.model import Manifest, Signature, Tensor
from jupyter_mlops.store.bundles import Bundles
from jupyter_mlops.store.keys import Keys
from jupyter_mlops.store.networks import Network
from jupyter_mlops.store.objects import Objects

if TYPE_CHECKING:
    from tests.nvml import StubNvml

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def report_of(folder: Path, model: Any, *more: str) -> GpuRun:
    keys = Keys(folder / "keys")
    bundles = Bundles(folder / "bundles", Objects(folder / "objects"), keys)
    inputs = (Tensor(name="input", datatype="FP32", shape=(-1, 3)),)
    signature = Signature(layout="array", inputs=inputs, outputs=())
    bundle = bundles.path(bundles.write(model, Manifest(name="net", task="other", signature=signature)))
    work = folder / "work"
    work.mkdir()
    np.save(work / program.ROWS, X)
    place = ["--bundle", str(bundle), "--keys", str(keys.folder), "--folder", str(work)]
    program.main([*place, "--seconds", "0.05", *more])
    return msgspec.json.decode((work / program.REPORT).read_bytes(), type=GpuRun)


def test_a_report_and_the_outputs(tmp_path: Path, nvml: StubNvml) -> None:
    model = Network(nn.Linear(3, 2))
    expected = model.outputs(X)
    report = report_of(tmp_path, model, "--device", "cpu", "--batches", "2")
    assert report.problem == ""
    assert [run.rows for run in report.runs] == [2]
    assert np.load(tmp_path / "work" / program.OUTPUTS) == pytest.approx(expected)


def test_answers_alone(tmp_path: Path, nvml: StubNvml) -> None:
    report = report_of(tmp_path, Network(nn.Linear(3, 2)), "--device", "cpu", "--batches")
    assert (report.problem, report.runs) == ("", ())
    assert report.accelerator is not None
    assert (tmp_path / "work" / program.OUTPUTS).is_file()


def test_other_models_have_nothing_to_run(tmp_path: Path, nvml: StubNvml) -> None:
    report = report_of(tmp_path, {"not": "a network"}, "--device", "cpu")
    assert "isn't a PyTorch module" in report.problem


def test_a_gpu_that_pytorch_can_not_use(
    tmp_path: Path, nvml: StubNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    report = report_of(tmp_path, Network(nn.Linear(3, 2)))
    assert "no GPU here that PyTorch" in report.problem
    assert not (tmp_path / "work" / program.OUTPUTS).exists()


@pytest.mark.parametrize(
    "said, identity", [("", "GPU-1-2"), ("0", "GPU-1-2"), ("MIG-7,GPU-3", "MIG-7"), (None, "")]
)
def test_what_nvml_calls_the_gpu_that_pytorch_takes(
    said: str | None, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch has no GPU here; what it would say of one is put into its mouth."""

    class Properties:
        if said is not None:
            uuid = "1-2"

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: Properties())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said or "")
    assert program._identity("cuda:0") == identity
    assert program._built("12.8") == "it is built for CUDA 12.8"
