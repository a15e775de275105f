"""NVIDIA's management library: what a GPU is, who uses it, and how it is doing at a moment."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.evaluation.device import visible
from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.records.evaluation import Accelerator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_MB = 1e6


class LostError(NotMeasurableError):
    """The GPU, or its driver, was there and is gone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold what a GPU says of itself at a moment; None for what it doesn't say.

    ``own`` is this process's memory and ``used`` everybody's, both in bytes; ``utilisation`` is the share of the time,
    in percent, that something ran; ``power`` is in watts, ``energy`` in joules since the driver was loaded.
    """

    used: int
    own: int | None = None
    utilisation: float | None = None
    power: float | None = None
    energy: float | None = None


class Gpu:
    """Hold an open GPU, or a MIG part of one; ``opened`` makes it."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._nvml = library
        self._handle = handle
        self.is_part = bool(self._maybe(library.nvmlDeviceIsMigDeviceHandle))

    @property
    def described(self) -> Accelerator:
        """What it is, for the record.

        Raises:
            LostError: when it is gone.
        """
        nvml = self._nvml
        with _told(nvml):
            return Accelerator(
                name=_text(nvml.nvmlDeviceGetName(self._handle)),
                memory_mb=round(nvml.nvmlDeviceGetMemoryInfo(self._handle).total / _MB, 1),
                driver=_text(nvml.nvmlSystemGetDriverVersion()),
            )

    def others(self) -> tuple[str, ...]:
        """Name the other processes that compute on it; to be asked while this one does.

        Raises:
            LostError: when it is gone.
        """
        with _told(self._nvml):
            found = self._maybe(self._nvml.nvmlDeviceGetComputeRunningProcesses) or []
        others = [process for process in found if process.pid != os.getpid()]
        if len(others) == len(found) and found:
            # In a container, processes have other ids than NVML knows them by: one of these is this one.
            count = len(found) - 1
            return (f"{count} other {'process' if count == 1 else 'processes'}",) if count else ()
        return tuple(_spoken(process) for process in others)

    def read(self) -> Reading:
        """Return how it is doing now.

        Raises:
            LostError: when it is gone.
        """
        nvml = self._nvml
        with _told(nvml):
            used = int(nvml.nvmlDeviceGetMemoryInfo(self._handle).used)
            processes = self._maybe(nvml.nvmlDeviceGetComputeRunningProcesses) or []
            if self.is_part:
                # What a part uses of its GPU's power and time, NVML doesn't say.
                return Reading(used, _own(processes))
            rates = self._maybe(nvml.nvmlDeviceGetUtilizationRates)
            power = self._maybe(nvml.nvmlDeviceGetPowerUsage)
            energy = self._maybe(nvml.nvmlDeviceGetTotalEnergyConsumption)
        return Reading(
            used,
            _own(processes),
            None if rates is None else float(rates.gpu),
            None if power is None else power / 1e3,
            None if energy is None else energy / 1e3,
        )

    def _maybe(self, ask: Callable[[Any], Any]) -> Any:
        """Ask for what not every GPU says."""
        unsaid = [self._nvml.NVML_ERROR_NOT_SUPPORTED, self._nvml.NVML_ERROR_FUNCTION_NOT_FOUND]
        unsaid.append(self._nvml.NVML_ERROR_NO_PERMISSION)
        try:
            return ask(self._handle)
        except self._nvml.NVMLError as error:
            if error.value not in unsaid:
                raise
            return None


@contextmanager
def opened(environment: Mapping[str, str] | None = None, identity: str = "") -> Iterator[Gpu]:
    """Lend the GPU of ``identity``, else the first one that a process of ``environment`` may use.

    Raises:
        NotMeasurableError: when there is none, or none that it may use.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NotMeasurableError(f"no GPU here: {_why(pynvml, error)}") from None
    try:
        yield Gpu(pynvml, _handle(pynvml, identity, os.environ if environment is None else environment))
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _handle(nvml: Any, identity: str, environment: Mapping[str, str]) -> Any:
    place: int | str = identity
    try:
        place = identity or visible.chosen(environment, nvml.nvmlDeviceGetCount())
        if isinstance(place, int):
            return nvml.nvmlDeviceGetHandleByIndex(place)
        return _named(nvml, place)
    except nvml.NVMLError as error:
        raise NotMeasurableError(f"no GPU here: {place} can't be opened: {_text(error)}") from None


def _named(nvml: Any, identity: str) -> Any:
    try:
        return nvml.nvmlDeviceGetHandleByUUID(identity)
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_NOT_FOUND or not identity.startswith("GPU-"):
            raise
        # PyTorch tells the number of a MIG part without saying that it is one.
        return nvml.nvmlDeviceGetHandleByUUID(f"MIG-{identity.removeprefix('GPU-')}")


@contextmanager
def _told(nvml: Any) -> Iterator[None]:
    try:
        yield
    except nvml.NVMLError as error:
        raise LostError(f"the GPU vanished: {_text(error)}") from None


def _why(nvml: Any, error: Any) -> str:
    return {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND: "NVIDIA's driver isn't installed",
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: "NVIDIA's driver isn't running",
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "the driver was updated and waits for a restart",
    }.get(error.value, _text(error))


def _own(processes: list[Any]) -> int | None:
    mine = [process.usedGpuMemory for process in processes if process.pid == os.getpid()]
    return None if not mine or mine[0] is None else int(mine[0])


def _spoken(process: Any) -> str:
    try:
        name = Path(f"/proc/{process.pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # of another container, or another user's
        name = "?"
    memory = "" if process.usedGpuMemory is None else f", {process.usedGpuMemory / _MB:,.0f} MB"
    return f"process {process.pid} ({name}{memory})"


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
