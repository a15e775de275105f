"""What a GPU used while a block of work ran: read over and over by a thread, and made one answer at the end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Self

from jupyter_mlops.evaluation.device.nvml import LostError, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Seconds between two readings; a GPU brings its own figures up to date every 20 to 100 ms.
EVERY = 0.02
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Usage:
    """Hold what a block of work used: peak bytes, mean percent, mean watts, joules; None for what the GPU doesn't say."""

    seconds: float
    peak: int
    utilisation: float | None = None
    power: float | None = None
    energy: float | None = None


@dataclass
class Meter:
    """Read a GPU while its block lasts.

    Args:
        read: gives a reading.
        idle: bytes that were in use before this process had anything there, for where it isn't told its own share.
        every: seconds between readings.
        clock: seconds.
    """

    read: Callable[[], Reading]
    idle: int = 0
    every: float = EVERY
    clock: Callable[[], float] = perf_counter
    lost: str = ""
    _readings: list[tuple[float, Reading]] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start reading.

        Raises:
            LostError: when the GPU is gone.
        """
        self._take()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-meter", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if not self.lost:
            self._guarded()

    @property
    def usage(self) -> Usage:
        """What was used between the first reading and the last.

        Raises:
            LostError: when the GPU went away meanwhile.
        """
        if self.lost:
            raise LostError(self.lost)
        return used(self._readings, self.idle)

    def _run(self) -> None:
        while not self.lost and not self._over.wait(self.every):
            self._guarded()

    def _guarded(self) -> None:
        try:
            self._take()
        except LostError as error:
            self.lost = str(error)

    def _take(self) -> None:
        reading = self.read()
        self._readings.append((self.clock(), reading))


def used(readings: Sequence[tuple[float, Reading]], idle: int = 0) -> Usage:
    """Return what was used over timed readings (seconds).

    Memory is this process's where the GPU tells it, else what came on top of ``idle``. Energy is the counter's
    difference where the GPU counts, else power over time by the trapezoid rule.
    """
    times = [time for time, _ in readings]
    each = [reading for _, reading in readings]
    seconds = times[-1] - times[0]
    own = [reading.own for reading in each if reading.own is not None]
    peak = max(own) if own else max(0, max(reading.used for reading in each) - idle)
    rates = [reading.utilisation for reading in each if reading.utilisation is not None]
    return Usage(
        seconds=seconds,
        peak=peak,
        utilisation=sum(rates) / len(rates) if rates else None,
        energy=(energy := _energy(times, each)),
        power=None if energy is None or not seconds else energy / seconds,
    )


def _energy(times: list[float], readings: list[Reading]) -> float | None:
    first, last = readings[0].energy, readings[-1].energy
    if first is not None and last is not None:
        return last - first
    powers = [(time, reading.power) for time, reading in zip(times, readings, strict=True)]
    known = [(time, power) for time, power in powers if power is not None]
    if len(known) < _FEWEST:
        return None
    pairs = pairwise(known)
    return sum((after - before) * (low + high) / 2 for (before, low), (after, high) in pairs)
