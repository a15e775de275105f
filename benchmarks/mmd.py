"""MMD of 5,000 + 5,000 rows x 20 columns with 100 permutations: ours against alibi-detect.

    python benchmarks/mmd.py [--rows 5000] [--peer PYTHON]

alibi-detect runs in an environment of its own (made with uv unless ``--peer`` names one), with its PyTorch backend on the
CPU. The floor is one pass of the two matrix products that the test cannot do without.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from drift import environment  # type: ignore[import-not-found]  # the benchmark beside this one

from jupyter_mlops.stats.mmd import mmd

COLUMNS, PERMUTATIONS = 20, 100
PEER = """
import json, sys, time
import numpy as np
from alibi_detect.cd import MMDDrift
random = np.random.default_rng(0)
rows, columns, permutations = map(int, sys.argv[1:])
before, after = (random.normal(size=(rows, columns)).astype("float32") for _ in range(2))
wall, cpu = time.perf_counter(), time.process_time()
found = MMDDrift(before, backend="pytorch", n_permutations=permutations).predict(after)["data"]
print(json.dumps([time.process_time() - cpu, time.perf_counter() - wall, float(found["distance"]), float(found["p_val"])]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--peer", help="the Python of an environment with alibi-detect and PyTorch in it")
    asked = parser.parse_args()
    random = np.random.default_rng(0)
    before, after = (random.normal(size=(asked.rows, COLUMNS)) for _ in range(2))
    wall, cpu = time.perf_counter(), time.process_time()
    found = mmd(before, after, permutations=PERMUTATIONS)
    ours = (time.process_time() - cpu, time.perf_counter() - wall)
    assert found is not None
    print(f"{'':<24}CPU s   wall s      MMD²        p")
    print(f"{'ours':<20}{ours[0]:>9.2f}{ours[1]:>9.2f}{found.statistic:>12.2e}{found.p_value:>8.2f}")
    wall, cpu = time.perf_counter(), time.process_time()
    rows = np.concatenate([before, after]).astype(np.float32)
    chosen = np.ones((len(rows), PERMUTATIONS), dtype=np.float32)
    for start in range(0, len(rows), 2_000):
        np.exp(-np.abs(rows[start : start + 2_000] @ rows.T)) @ chosen
    print(f"{'floor':<20}{time.process_time() - cpu:>9.2f}{time.perf_counter() - wall:>9.2f}")
    with tempfile.TemporaryDirectory() as folder:
        python = asked.peer or environment(Path(folder) / "peer", ["alibi-detect", "torch"])
        arguments = [str(asked.rows), str(COLUMNS), str(PERMUTATIONS)]
        done = subprocess.run([python, "-c", PEER, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2_000:])
    theirs = json.loads(done.stdout.splitlines()[-1])
    print(f"{'alibi-detect':<20}{theirs[0]:>9.2f}{theirs[1]:>9.2f}{theirs[2]:>12.2e}{theirs[3]:>8.2f}")
    print(
        f"alibi-detect / ours: {theirs[0] / ours[0]:.0f} times the CPU, {theirs[1] / ours[1]:.0f} times the time (goal 50)"
    )


if __name__ == "__main__":
    main()
