"""A file of 2 GiB and a folder of 10,000 small files put on record: ours, `dvc add`, and SHA-256 alone.

    python benchmarks/data_add.py [--gib 2] [--files 10000] [--repeats 3] [--dvc FOLDER]

Everything is a command in a fresh project, timed from the outside. dvc gets an environment of its own, made by uv (which
needs a package index) in FOLDER, if it isn't there yet; it runs without a git repository and without its analytics, and
remembers nothing from one turn to the next. SHA-256 alone is a Python that reads and hashes the same bytes, start of the
interpreter included. "the store" is our part of the command that keeps the content, in one process. All take turns,
the median counts, and the least and the most are shown: disks of virtual machines are uneven. The CPU's seconds (of all
threads, the kernel's too) say what a machine that does other things meanwhile hides.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BIN = Path(sys.executable).parent
GOALS = {"file": 3.0, "folder": 2.0}
MOST_OVER_SHA256 = 1.3
HASH = """
import hashlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
    if path.is_file():
        with path.open("rb") as stream:
            hashlib.file_digest(stream, "sha256")
"""
STORE = """
import sys, time
from pathlib import Path
from jupyter_mlops.store.objects import Objects
source = Path(sys.argv[1])
begun = time.perf_counter()
paths = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
Objects(Path("objects")).put_many(paths)
print(time.perf_counter() - begun)
"""
HASH_IN_PROCESS = f"import time\nbegun = time.perf_counter()\n{HASH}\nprint(time.perf_counter() - begun)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dvc", type=Path, default=Path.home() / ".cache" / "jupyter-mlops-benchmark-dvc")
    options = parser.parse_args()
    dvc = environment_of_dvc(options.dvc)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        scratch = Path(name)
        sources = {
            "file": large_file(scratch / "large.bin", int(options.gib * (1 << 30))),
            "folder": small_files(scratch / "small", options.files),
        }
        for what, source in sources.items():
            compare(what, source, dvc, scratch, options.repeats)


def compare(what: str, source: Path, dvc: Path, scratch: Path, repeats: int) -> None:
    ways: dict[str, Callable[[], float]] = {
        "sha256 alone, a command": lambda: timed([sys.executable, "-c", HASH, str(source)], scratch),
        "sha256 alone, in a process": lambda: told(HASH_IN_PROCESS, source, scratch),
        "dvc add": lambda: dvc_add(dvc, source, scratch),
        "ours, data add": lambda: data_add(source, scratch),
        "ours, the store in a process": lambda: told(STORE, source, scratch),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    busy: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            os.sync()
            before = cpu()
            times[way].append(run())
            busy[way].append(cpu() - before)
    print(f"{what}: {source.name}, median of {repeats} (least to most)")
    middle = {way: statistics.median(found) for way, found in times.items()}
    for way, found in times.items():
        span = f"({min(found):.2f} to {max(found):.2f})"
        print(f"  {way:30s} {middle[way]:7.2f} s   {span:20s} CPU {statistics.median(busy[way]):6.2f} s")
    command, process = middle["ours, data add"], middle["ours, the store in a process"]
    print(
        f"  dvc add / ours                 {middle['dvc add'] / command:7.2f}     (goal: {GOALS[what]:.0f})"
    )
    over = command / middle["sha256 alone, a command"]
    print(f"  ours / sha256, commands        {over:7.2f}     (goal: {MOST_OVER_SHA256} for the file)")
    print(
        f"  ours / sha256, in a process    {process / middle['sha256 alone, in a process']:7.2f}", flush=True
    )


def cpu() -> float:
    """Return the seconds that all ended children have had the CPU for."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def data_add(source: Path, scratch: Path) -> float:
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        (Path(name) / "mlops.toml").touch()
        return timed([str(BIN / "jupyter"), "mlops", "data", "add", "it", str(source)], Path(name))


def dvc_add(dvc: Path, source: Path, scratch: Path) -> float:
    """Time `dvc add` of a copy of the source in a repository of its own: dvc works on what lies in it."""
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "state")}
        timed([str(dvc), "init", "--quiet", "--no-scm"], folder, environment)
        copy = folder / source.name
        shutil.copytree(source, copy) if source.is_dir() else shutil.copyfile(source, copy)
        os.sync()
        return timed([str(dvc), "add", "--quiet", source.name], folder, environment)


def told(code: str, source: Path, scratch: Path) -> float:
    """Return the seconds that a program says it took."""
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        argv = [sys.executable, "-c", code, str(source)]
        return float(subprocess.run(argv, cwd=name, check=True, capture_output=True).stdout)


def timed(argv: list[str], folder: Path, environment: dict[str, str] | None = None) -> float:
    begun = time.perf_counter()
    subprocess.run(argv, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begun


def environment_of_dvc(folder: Path) -> Path:
    """Return the dvc command of an environment, which is made if it isn't there."""
    command = folder / "bin" / "dvc"
    if not command.exists():
        uv = BIN / "uv"
        subprocess.run([str(uv), "venv", "--quiet", str(folder)], check=True)
        install = [str(uv), "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "dvc"]
        subprocess.run(install, check=True)
    return command


def large_file(path: Path, size: int) -> Path:
    generator = random.Random(0)
    with path.open("wb") as stream:
        for place in range(0, size, 1 << 24):
            stream.write(generator.randbytes(min(1 << 24, size - place)))
    return path


def small_files(folder: Path, count: int) -> Path:
    generator = random.Random(1)
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(generator.randbytes(2000))
    return folder


if __name__ == "__main__":
    main()
