from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from jupyter_mlops.evaluation.device import batches
from jupyter_mlops.evaluation.device import nvml as device
from jupyter_mlops.store.networks import Network

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.device.batches import GpuRun
    from tests.nvml import StubNvml

X = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)


class Limited(nn.Module):
    """Fail for more rows than there are to be."""

    def __init__(self, most: int, error: Exception | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.most = most
        self.error = error or torch.OutOfMemoryError("CUDA out of memory")
        self.sizes: list[int] = []

    def forward(self, rows: Any) -> Any:
        self.sizes.append(len(rows))
        if len(rows) > self.most:
            raise self.error
        return self.layer(rows)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "WARM_UP_SECONDS", 0.0)


def run(module: nn.Module, *sizes: int) -> tuple[GpuRun, np.ndarray | None]:
    with device.opened() as gpu:
        return batches.run(Network(module), X, sizes, gpu, "cpu", seconds=0.2)


def test_each_batch_size_is_measured(nvml: StubNvml) -> None:
    nvml.tells(own_mb=640, used_mb=900)
    module = Limited(4096)
    report, outputs = run(module, 64, 1)
    assert report.problem == ""
    assert report.accelerator is not None
    assert [each.rows for each in report.runs] == [1, 64]
    for each in report.runs:
        assert each.problem == ""
        assert each.peak_memory_mb == 640
        assert each.utilisation == 60
        assert each.power_w == pytest.approx(200, rel=0.05)
        seconds = (each.calls[-1][1] - each.calls[0][0]) / 1e9
        assert each.energy_j == pytest.approx(200 * seconds, rel=0.3)
    expected = module.layer(torch.from_numpy(X)).detach().numpy()
    assert outputs == pytest.approx(expected, abs=1e-6)
    assert set(module.sizes) == {1, 64, 100}


def test_batches_are_full_where_there_are_fewer_rows(nvml: StubNvml) -> None:
    module = Limited(4096)
    run(module, 256)
    assert set(module.sizes) == {100, 256}


def test_out_of_memory_is_told_and_smaller_batches_count(nvml: StubNvml) -> None:
    nvml.tells(own_mb=700, used_mb=79_000, other_pid=4_000_000, other_mb=78_000)
    report, outputs = run(Limited(64), 1, 64, 1024)
    assert outputs is not None
    assert report.problem == ""
    assert [bool(each.problem) for each in report.runs] == [False, False, True]
    assert report.runs[2].problem == (
        "out of memory: no room for 1,024 rows a batch on Stub 0, 79,000 of 80,000 MB in use; "
        "on it as well: process 4000000 (?, 78,000 MB)"
    )


def test_others_on_it_are_named(nvml: StubNvml) -> None:
    nvml.tells(own_mb=1, other_pid=4_000_000)
    report, _ = run(Limited(4096), 1)
    assert report.accelerator is not None
    assert report.accelerator.shared_with == ("process 4000000 (?, 100 MB)",)


def test_not_even_a_row_fits(nvml: StubNvml) -> None:
    report, outputs = run(Limited(0), 1, 64)
    assert outputs is None
    assert "no room for a single row on Stub 0" in report.problem
    assert all(each.problem == report.problem for each in report.runs)


def test_out_of_memory_in_cudas_own_words(nvml: StubNvml) -> None:
    report, _ = run(Limited(0, RuntimeError("CUDA error: out of memory")), 1)
    assert report.problem.startswith("out of memory: no room for")


def test_a_model_that_fails_is_told(nvml: StubNvml) -> None:
    report, _ = run(Limited(0, RuntimeError("an illegal memory access")), 1)
    assert report.problem == "the model fails on the GPU: RuntimeError: an illegal memory access"


def test_a_gpu_that_vanishes_under_a_call_is_told_as_such(nvml: StubNvml) -> None:
    class Pulled(Limited):
        def forward(self, rows: Any) -> Any:
            nvml.tells(lost=1)
            raise RuntimeError("CUDA error: unspecified launch failure")

    report, outputs = run(Pulled(1), 1)
    assert outputs is None
    assert report.problem == "the GPU vanished: GPU is lost (CUDA error: unspecified launch failure)"


def test_a_gpu_that_vanishes_between_calls_is_told_as_such(nvml: StubNvml) -> None:
    nvml.tells(lost_after=6)
    report, outputs = run(Limited(4096), 1, 64)
    assert outputs is not None
    assert "the GPU vanished: GPU is lost" in report.runs[-1].problem
