from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.evaluation.device.meter import Meter, used
from jupyter_mlops.evaluation.device.nvml import LostError, Reading


def test_the_peak_is_this_processes_where_it_is_told() -> None:
    readings = [(0.0, Reading(900, own=100)), (1.0, Reading(5_000, own=300)), (2.0, Reading(900, own=200))]
    assert used(readings, idle=800).peak == 300
    assert used([(time, Reading(reading.used)) for time, reading in readings], idle=800).peak == 4_200
    assert used([(0.0, Reading(100))], idle=800).peak == 0


def test_energy_is_the_counters_difference() -> None:
    usage = used([(10.0, Reading(1, energy=5.0, power=1.0)), (14.0, Reading(1, energy=25.0, power=1.0))])
    assert (usage.energy, usage.power, usage.seconds) == (20.0, 5.0, 4.0)


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=30), st.floats(1, 1_000), st.floats(-5, 5))
def test_without_a_counter_power_is_added_up_over_time(gaps: list[float], watts: float, slope: float) -> None:
    times = np.cumsum([0.0, *gaps])
    powers = watts + slope * times
    usage = used([(time, Reading(1, power=power)) for time, power in zip(times, powers, strict=True)])
    # Exact where power is a straight line.
    assert usage.energy == pytest.approx(watts * times[-1] + slope * times[-1] ** 2 / 2, rel=1e-9, abs=1e-9)


def test_what_is_not_told_stays_out() -> None:
    usage = used([(0.0, Reading(1)), (1.0, Reading(1, power=3.0))])
    assert (usage.utilisation, usage.power, usage.energy) == (None, None, None)
    assert used([(0.0, Reading(1, utilisation=20.0)), (1.0, Reading(1, utilisation=40.0))]).utilisation == 30


def test_it_reads_on_while_work_is_done() -> None:
    enough = threading.Event()
    seen: list[int] = []

    def read() -> Reading:
        seen.append(1)
        if len(seen) == 5:
            enough.set()
        return Reading(100 * len(seen))

    with Meter(read, every=0.001) as meter:
        assert enough.wait(20)
    assert meter.usage.peak == 100 * len(seen)
    assert meter.usage.seconds > 0
    assert threading.active_count() == 1 or all(t.name != "gpu-meter" for t in threading.enumerate())


def test_a_gpu_that_vanishes_ends_it() -> None:
    gone = threading.Event()
    seen: list[int] = []

    def read() -> Reading:
        seen.append(1)
        if len(seen) > 2:
            gone.set()
            raise LostError("the GPU vanished: GPU is lost")
        return Reading(1)

    with Meter(read, every=0.001) as meter:
        assert gone.wait(20)
    with pytest.raises(LostError, match="GPU is lost"):
        _ = meter.usage
    assert len(seen) == 3
