from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.evaluation.device import nvml as device
from jupyter_mlops.evaluation.device.nvml import LostError, Reading
from jupyter_mlops.evaluation.rows import NotMeasurableError

if TYPE_CHECKING:
    from tests.nvml import StubNvml


def test_what_it_is_and_how_it_does(nvml: StubNvml) -> None:
    nvml.tells(own_mb=700, used_mb=900)
    with device.opened() as gpu:
        assert (gpu.described.name, gpu.described.memory_mb, gpu.described.driver) == (
            "Stub 0",
            80_000,
            "999.1",
        )
        found = gpu.read()
        assert (found.used, found.own, found.utilisation, found.power) == (900_000_000, 700_000_000, 60, 200)
        later = gpu.read().energy
        assert found.energy is not None
        assert later is not None
        assert later >= found.energy
        assert gpu.others() == ()


def test_what_it_does_not_tell(nvml: StubNvml) -> None:
    nvml.tells(utilisation=-1, power_mw=-1)
    with device.opened() as gpu:
        assert gpu.read() == Reading(500_000_000)


def test_a_part_of_a_gpu_tells_its_memory_only(nvml: StubNvml) -> None:
    nvml.tells(mig=1, own_mb=5)
    for identity in ("MIG-7", "GPU-part"):
        with device.opened(identity=identity) as gpu:
            assert gpu.is_part
            assert gpu.read() == Reading(500_000_000, own=5_000_000)


def test_others_on_it_are_named(nvml: StubNvml) -> None:
    nvml.tells(own_mb=5, other_pid=1, other_mb=1234)
    name = Path("/proc/1/comm").read_text().strip()
    with device.opened() as gpu:
        assert gpu.others() == (f"process 1 ({name}, 1,234 MB)",)
        nvml.tells(own_mb=5, other_pid=4_000_000)
        assert gpu.others() == ("process 4000000 (?, 100 MB)",)


def test_where_ids_of_processes_mean_nothing_others_are_counted(nvml: StubNvml) -> None:
    nvml.tells(own_mb=5, own_pid=4_000_001)
    with device.opened() as gpu:
        assert gpu.others() == ()
        assert gpu.read().own is None
        nvml.tells(own_mb=5, own_pid=4_000_001, other_pid=4_000_000)
        assert gpu.others() == ("1 other process",)


def test_the_second_of_two(nvml: StubNvml) -> None:
    nvml.tells(count=2)
    with device.opened({"CUDA_VISIBLE_DEVICES": "1"}) as gpu:
        assert gpu.described.name == "Stub 1"
    with device.opened(identity="GPU-1") as gpu:
        assert gpu.described.name == "Stub 0"


@pytest.mark.parametrize(
    "code, why",
    [
        (9, "NVIDIA's driver isn't running"),
        (12, "NVIDIA's driver isn't installed"),
        (18, "the driver was updated and waits for a restart"),
        (999, "Unknown Error|other"),
    ],
)
def test_no_driver(nvml: StubNvml, code: int, why: str) -> None:
    nvml.tells(init=code)
    with pytest.raises(NotMeasurableError, match=f"no GPU here: ({why})"), device.opened():
        pass


def test_one_that_is_not_there(nvml: StubNvml) -> None:
    with (
        pytest.raises(NotMeasurableError, match="GPU-unknown can't be opened: Not Found"),
        device.opened({"CUDA_VISIBLE_DEVICES": "GPU-unknown"}),
    ):
        pass


def test_one_that_vanishes(nvml: StubNvml) -> None:
    with device.opened() as gpu:
        nvml.tells(lost=1)
        for ask in (gpu.read, lambda: gpu.described, gpu.others):
            with pytest.raises(LostError, match="the GPU vanished: GPU is lost"):
                ask()
