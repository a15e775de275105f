"""Drift of 1,000,000 x 50 columns: ours against Evidently, against sorting the current columns, and in bins.

    python benchmarks/drift.py [--rows 1000000] [--peer PYTHON] [--without-peer]

40 numeric columns of five shapes (with ties, zero inflation, 5% missing) and 10 categorical ones of 2 to 1,000 values.
The reference is kept, as it is where many samples are compared with one: in memory, and on disk, where reading what is
current is timed too. Each side runs in a process of its own, which
reports its CPU seconds and its largest memory; Evidently in an environment of its own, made with uv unless ``--peer``
names one. For the others only the comparison is timed, not the making or reading of data.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMERIC = 40
CATEGORIES = (2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
REPEATS = 3

OURS = """
from jupyter_mlops.monitoring.drift import compare
from jupyter_mlops.monitoring.tables import table
from jupyter_mlops.workflows.samples import Sample
reference = Sample("reference", ((Path(sys.argv[1]), "parquet"),)).table(keep=True)
first = pd.read_parquet(sys.argv[2])
compare(reference, table(first, "current"), jointly=False)
def work():
    compare(reference, table(first, "current"), jointly=False)
"""
ON_DISK = """
from jupyter_mlops import settings
from jupyter_mlops.monitoring.drift import compare
from jupyter_mlops.workflows import references
from jupyter_mlops.workflows.samples import Sample
place = settings.load(Path(sys.argv[1]).parent)
sample = Sample("reference", ((Path(sys.argv[1]), "parquet"),))
if MEASURE == "keep":
    references.keep(place, sample)
current = Sample("current", ((Path(sys.argv[2]), "parquet"),))
def work():
    if MEASURE != "keep":
        compare(references.find(place, sample), current.table(), jointly=False)
"""
SORT = """
import numpy as np
frame = pd.read_parquet(sys.argv[2])
numeric = frame.select_dtypes("number")
def work():
    for name in numeric:
        np.sort(numeric[name].to_numpy())
"""
NUMBERS = OURS.replace("jointly=False", "jointly=False, columns=[f'n{i}' for i in range(40)]")
BINNED = """
from jupyter_mlops.monitoring import binned
from jupyter_mlops.monitoring.binned_drift import compare_profiles
reference, first = (pd.read_parquet(path) for path in sys.argv[1:3])
reference = reference[[f"n{i}" for i in range(40)]]
bins = binned.bins_of(reference.sample(100_000, random_state=0))
kept = binned.profile(reference, bins)
def work():
    compare_profiles(kept, binned.profile(first, bins, compiled=True))
work()
"""
EVIDENTLY = """
from evidently import Dataset, DataDefinition, Report
from evidently.presets import DataDriftPreset
frames = [pd.read_parquet(path) for path in sys.argv[1:3]]
names = list(frames[0].columns)
definition = DataDefinition(
    numerical_columns=[n for n in names if n[0] == "n"], categorical_columns=[n for n in names if n[0] == "c"]
)
old, new = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
def work():
    Report([DataDriftPreset()]).run(new, old)
"""
AROUND = r"""
import json, os, re, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import pandas as pd
MEASURE = sys.argv[4]
{setup}
best = None
for _ in range(int(sys.argv[3])):
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    found = [time.process_time() - cpu, time.perf_counter() - wall]
    best = min(best or found, found)
# Not getrusage's: that counts what the process that started this one once had.
largest = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
print(json.dumps(best + [int(largest[1]) / 1024]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer", help="the Python of an environment with evidently in it")
    parser.add_argument("--without-peer", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.parquet" for name in ("reference", "current")]
        for seed, path in enumerate(paths):
            sample(asked.rows, seed).to_parquet(path)
        print(
            f"{asked.rows:,} rows x {NUMERIC + len(CATEGORIES)} columns{'':<14}CPU s   wall s   largest memory MB"
        )
        ours = shown("ours, reference kept", run(sys.executable, OURS, paths))
        run(sys.executable, ON_DISK, paths, measure="keep")
        lean = shown("ours, reference kept on disk", run(sys.executable, ON_DISK, paths, measure="memory"))
        numbers = shown("ours, the 40 numeric columns", run(sys.executable, NUMBERS, paths))
        sort = shown("numpy's sort of those 40", run(sys.executable, SORT, paths))
        bins = shown("ours, those 40 in bins", run(sys.executable, BINNED, paths))
        print(
            f"exact / sort: {numbers[0] / sort[0]:.2f} (goal 1.2)   in bins / sort: {bins[0] / sort[0]:.2f} (goal 0.1)"
        )
        if not asked.without_peer:
            python = asked.peer or environment(Path(folder) / "peer", ["evidently", "pandas<3", "pyarrow"])
            theirs = shown("Evidently, drift preset", run(python, EVIDENTLY, paths, repeats=1))
            print(f"Evidently / ours: {theirs[0] / ours[0]:.0f} times the CPU (goal 50), "
                  f"{theirs[2] / lean[2]:.1f} times the memory (goal 10)")  # fmt: skip


def sample(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"n{place}": numbers(random, rows, place % 5) for place in range(NUMERIC)}
    for place, count in enumerate(CATEGORIES):
        weights = 1 / np.arange(1, count + 1) ** 0.8
        codes = random.choice(count, rows, p=weights / weights.sum())
        columns[f"c{place}"] = np.array([f"v{code}" for code in range(count)], dtype=object)[codes]
    return pd.DataFrame(columns)


def numbers(random: np.random.Generator, rows: int, shape: int) -> NDArray[np.float64]:
    match shape:
        case 0:
            values = random.normal(size=rows)
        case 1:
            values = random.lognormal(size=rows)
        case 2:
            values = np.where(random.random(rows) < 0.4, random.gamma(2, 1, rows), 0.0)
        case 3:
            values = np.round(random.normal(50, 10, rows))
        case _:
            values = random.normal(np.where(random.random(rows) < 0.5, -2, 2), 1)
    values[random.random(rows) < 0.05] = np.nan
    return values


def run(
    python: str, setup: str, paths: list[Path], *, repeats: int = REPEATS, measure: str = "time"
) -> list[float]:
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [python, "-c", AROUND.replace("{setup}", setup), *map(str, paths), str(repeats), measure],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr[-2_000:])
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def shown(name: str, figures: list[float]) -> list[float]:
    print(f"{name:<36}{figures[0]:>8.2f}{figures[1]:>9.2f}{figures[2]:>16,.0f}", flush=True)
    return figures


def environment(folder: Path, packages: list[str]) -> str:
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "-q", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([uv, "pip", "install", "-q", "--python", python, *packages], check=True)
    return python


if __name__ == "__main__":
    main()
