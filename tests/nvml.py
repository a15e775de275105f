"""A stand-in for NVIDIA's management library, built by the C compiler, for machines without a GPU."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("nvml_stub.c")
NAME = "libnvidia-ml.so.1"


class StubNvml:
    """Say what the GPU tells; what isn't said is as in ``nvml_stub.c``."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def tells(self, **facts: int) -> None:
        draft = self._file.with_suffix(".new")
        draft.write_text("".join(f"{key} {value}\n" for key, value in facts.items()))
        draft.replace(self._file)


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None and os.environ.get("CI") != "true":
        pytest.skip("no C compiler on the PATH (apt-get install build-essential)")
    built = tmp_path_factory.mktemp("nvml") / NAME
    arguments = ["-shared", "-fPIC", "-Wall", "-Werror", f"-Wl,-soname,{NAME}", "-o", str(built), str(SOURCE)]
    subprocess.run([str(compiler), *arguments], check=True)
    return built


@pytest.fixture
def nvml(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubNvml:
    """Give a machine with one GPU, here and in processes that are started; without it the driver isn't running."""
    # Loaded by its path once, it is found by its name from then on.
    ctypes.CDLL(str(nvml_library))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(nvml_library.parent))
    monkeypatch.setenv("STUB_NVML", str(tmp_path / "nvml.txt"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    stub = StubNvml(tmp_path / "nvml.txt")
    stub.tells()
    return stub
