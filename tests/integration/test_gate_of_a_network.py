"""A PyTorch module from the notebook's hands to a gate's verdict, with its serving process and a GPU that isn't one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import jupyter_mlops as mlops
from jupyter_mlops import settings as configuration
from jupyter_mlops.evaluation.conditions import Metric
from jupyter_mlops.evaluation.device import batches
from jupyter_mlops.evaluation.device.batches import BatchRun, GpuRun
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.records.pipeline import Gate
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import as_served, on_gpu
from jupyter_mlops.workflows.evaluate import evaluate_gate
from jupyter_mlops.workflows.on_gpu import OnGpu

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.evaluation import Evaluation
    from tests.nvml import StubNvml

pytestmark = pytest.mark.slow
RANDOM = np.random.default_rng(0)
X = pd.DataFrame({"a": RANDOM.normal(size=400), "b": RANDOM.normal(size=400)})
Y = (X.a > 0).astype(int)
ON_GPU = (
    "gpu_peak_memory_mb <= 8000",
    "gpu_utilisation >= 50",
    "gpu_power_w <= 300",
    "gpu_energy_j_per_1000 <= 1000",
    "gpu_throughput_rows_per_s >= 100",
    "gpu_throughput_rows_per_s(batch=8) >= 10",
)


class Net(nn.Module):
    """A net whose class the serving process doesn't have: it travels in the bundle."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, rows: Any) -> Any:
        return self.layers(rows)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_served, "SECONDS", 0.2)
    monkeypatch.setattr(as_served, "THROUGHPUT_SECONDS", 0.2)
    monkeypatch.setattr(on_gpu, "SECONDS", 0.3)


@pytest.fixture
def project(workspace: Path) -> Path:
    torch.manual_seed(0)
    net = Net()
    rows, truth = torch.tensor(X.to_numpy(), dtype=torch.float32), torch.tensor(Y.to_numpy())
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(rows), truth).backward()
        optimizer.step()
    mlops.log_model(net, "net", test=(X, Y), sensitive={"side": np.where(X.b > 0, "l", "r")})
    return workspace


def judged(*conditions: str) -> Evaluation:
    return evaluate_gate(configuration.load(), Gate(model="net", cell=0, conditions=conditions))


def test_on_the_cpu(project: Path) -> None:
    found = judged(
        "accuracy >= 0.9",
        "log_loss <= 0.5",
        "latency_ms.p95 <= 10000",
        "throughput_rows_per_s(batch=64) >= 1",
        "memory_mb <= 20000",
        "gpu_peak_memory_mb <= 8000 optional",
        "gpu_utilisation >= 1",
    )
    assert [result.status for result in found.conditions] == ["passed"] * 5 + ["not evaluated"] * 2
    assert not found.passed
    assert all("no GPU here" in result.reason for result in found.conditions[5:])
    assert found.accelerator is None
    [version] = open_store(configuration.load()).ledger.find("model", "net")
    assert any(line.startswith("torch==") for line in bundle_requirements(version))


def bundle_requirements(version: Any) -> tuple[str, ...]:
    return open_store(configuration.load()).bundles.manifest(version.bundle).requirements


def test_on_a_gpu(project: Path, nvml: StubNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is real but the GPU: NVML is a stand-in, and PyTorch computes on the CPU."""
    monkeypatch.setattr(on_gpu, "DEVICE", "cpu")
    monkeypatch.setattr(batches, "BATCHES", (1, 16))
    nvml.tells(own_mb=640, used_mb=900, other_pid=4_000_000)
    found = judged("accuracy >= 0.9", *ON_GPU)
    assert [result.status for result in found.conditions] == ["passed"] * 7
    assert found.accelerator is not None
    assert (found.accelerator.name, found.accelerator.memory_mb, found.accelerator.driver) == (
        "Stub 0",
        80_000,
        "999.1",
    )
    assert found.accelerator.shared_with == ("process 4000000 (?, 100 MB)",)
    assert [batch.rows for batch in found.accelerator.batches] == [1, 8, 16]
    assert all(batch.rows_per_s and batch.energy_j_per_1000 for batch in found.accelerator.batches)
    by_name = {result.text.split(" ")[0]: result for result in found.conditions}
    assert by_name["gpu_peak_memory_mb"].value == 640
    assert "shared with process 4000000" in by_name["gpu_peak_memory_mb"].reason
    assert "8 rows a batch" in by_name["gpu_throughput_rows_per_s(batch=8)"].reason
    assert by_name["gpu_throughput_rows_per_s"].ci is not None
    nvml.tells(lost=1)
    lost = judged("accuracy >= 0.9", ON_GPU[0])
    assert [result.status for result in lost.conditions] == ["passed", "not evaluated"]
    assert "the GPU vanished: GPU is lost" in lost.conditions[1].reason
    assert lost.accelerator is None


def test_a_gpu_that_pytorch_can_not_use(project: Path, nvml: StubNvml) -> None:
    if torch.cuda.is_available():
        pytest.skip("it can")
    found = judged("accuracy >= 0.9", ON_GPU[0])
    assert found.conditions[0].status == "passed"
    assert "no GPU here that PyTorch" in found.conditions[1].reason


def test_other_models_say_that_they_have_no_use_for_it(workspace: Path, nvml: StubNvml) -> None:
    from sklearn.linear_model import LogisticRegression

    mlops.log_model(LogisticRegression().fit(X, Y), "net", test=(X, Y))
    found = judged("accuracy >= 0.9", ON_GPU[0])
    assert "only a PyTorch module" in found.conditions[1].reason


def test_images_keep_their_shape(workspace: Path) -> None:
    images = RANDOM.random((120, 1, 4, 4)).astype(np.float32)
    truth = (images[:, 0, 2, 3] > 0.5).astype(int)
    look, decide = nn.Conv2d(1, 1, 1), nn.Linear(16, 1)
    with torch.no_grad():
        nn.init.ones_(look.weight)
        nn.init.zeros_(cast("torch.Tensor", look.bias))
        nn.init.zeros_(decide.weight)
        decide.weight[0, 11] = 1
        decide.bias.fill_(-0.5)
    net = nn.Sequential(look, nn.Flatten(), decide)
    mlops.log_model(net, "net", test=(images, truth))
    found = judged("accuracy >= 1", "accuracy(noise=0.1) >= 0.5", "latency_ms.p50 <= 10000")
    assert [result.status for result in found.conditions] == ["passed"] * 3


def test_a_process_that_dies_on_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def died(code: str) -> str:
        monkeypatch.setattr("jupyter_mlops.workflows.tied.command", lambda *_: ["python", "-c", code])
        found = on_gpu.run(tmp_path, tmp_path, np.zeros((1, 1)), ())
        with pytest.raises(NotMeasurableError) as told:
            found.figure(Metric(name="gpu_power_w"))
        return str(told.value)

    assert died("import os; os.kill(os.getpid(), 9)") == "the process on the GPU died (signal 9)"
    assert died("raise SystemExit('broken')") == "the process on the GPU died (exit code 1): broken"
    monkeypatch.setattr(on_gpu, "PATIENCE", 0.05)
    assert "gave no answer" in died("import time; time.sleep(60)")


def test_what_a_gpu_does_not_tell_is_said() -> None:
    done = BatchRun(rows=8, calls=((0, 1_000_000),))
    failed = BatchRun(rows=64, problem="out of memory: no room")
    found = OnGpu(GpuRun(runs=(done, failed)))
    assert found.figure(Metric(name="gpu_throughput_rows_per_s")).value == pytest.approx(8_000)
    for metric, why in [
        (Metric(name="gpu_energy_j_per_1000"), "doesn't tell its energy"),
        (Metric(name="gpu_power_w", keywords=(("batch", 64),)), "out of memory: no room"),
    ]:
        with pytest.raises(NotMeasurableError, match=why):
            found.figure(metric)
