"""Drift of 100 million rows against a reference of a million, streamed: time and largest memory.

    python benchmarks/drift_stream.py [--rows 100000000] [--csv]

The rows (a normal, a zero-inflated, a whole-number and a text column) are written first, to ten Parquet (or CSV) files in
a temporary folder: some 2 GB for 100 million rows as Parquet.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

FILES, PART = 10, 1_000_000
SCHEMA = pa.schema([("n", pa.float64()), ("zero", pa.float64()), ("code", pa.int16()), ("city", pa.string())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--csv", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mlops.toml").touch()
        suffix = "csv" if asked.csv else "parquet"
        write(folder / f"reference.{suffix}", 1_000_000, 0, 0.0)
        (folder / "current").mkdir()
        for number in range(FILES):
            write(folder / "current" / f"{number}.{suffix}", asked.rows // FILES, number + 1, 0.02)
        size = sum(path.stat().st_size for path in (folder / "current").iterdir())
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_mlops", "drift", f"reference.{suffix}", "current", "--binned", "--json"],
            cwd=folder, env={**os.environ}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        report = json.loads(done.stdout)
    print(
        f"{report['current_rows']:,} rows x {len(SCHEMA)} columns, {size / 1e9:.2f} GB of {suffix}: {seconds:.0f} s, "
        f"{report['current_rows'] / seconds / 1e6:.1f} million rows a second, largest memory {memory:.0f} MB (goal 1,000)"
    )
    print(report["summary"])


def write(path: Path, rows: int, seed: int, shift: float) -> None:
    random = np.random.default_rng(seed)
    cities = pa.array([f"city {place}" for place in range(100)])
    writer = pc.CSVWriter(path, SCHEMA) if path.suffix == ".csv" else pq.ParquetWriter(path, SCHEMA)
    with writer as file:
        for start in range(0, rows, PART):
            count = min(PART, rows - start)
            file.write_table(
                pa.table(
                    [
                        random.normal(shift, 1, count),
                        np.where(random.random(count) < 0.6, 0.0, random.exponential(size=count)),
                        random.integers(0, 12, count).astype(np.int16),
                        cities.take(pa.array(random.integers(0, 100, count))),
                    ],
                    schema=SCHEMA,
                )
            )


if __name__ == "__main__":
    main()
