"""A frame of about 1 GB from one stage to the next: ours against dill.

    python benchmarks/handoff.py [--rows 9000000]

Ours is what the stages' own generated cells take on both sides, with the first touch of every column, as the executed
notebooks have it; and what the whole command takes more than with a frame of ten rows, which has everything in it:
fingerprints, putting the product into the store, checking. The peer saves and loads the same frame, touched alike.
dill needs to be importable (`pip install dill`, or PYTHONPATH). Both take turns, and the best of each counts: on a
virtual machine memory that is touched for the first time may cost more than all the rest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
GOAL = 10
MAKE = """import numpy as np, pandas as pd
random = np.random.default_rng(0)
df = pd.DataFrame({f"x{i}": random.normal(size=rows) for i in range(10)})
df["word"] = pd.array(np.array(["some", "words", "in", "a", "column"])[random.integers(0, 5, rows)], dtype="str")"""
TOUCH = "total = df.iloc[::4096].count().sum()"
PEER = f"""
import json, os, sys, time
import dill
rows, path = int(sys.argv[1]), sys.argv[2]
{MAKE}
size = df.memory_usage(deep=True).sum()
start = time.perf_counter()
with open(path, "wb") as file:
    dill.dump(df, file)
saved = time.perf_counter() - start
del df
start = time.perf_counter()
with open(path, "rb") as file:
    df = dill.load(file)
{TOUCH}
print(json.dumps([saved, time.perf_counter() - start, int(size)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=9_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    peers, stages, wholes = [], [], []
    with tempfile.TemporaryDirectory() as name:
        small_whole, small_make, small_left, small_taken = ours(Path(name), 10)
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as name:
            saved, loaded, size = dill(Path(name), options.rows)
            whole, make, left, taken = ours(Path(name), options.rows)
        peers.append((saved + loaded, saved, loaded))
        # What a stage does for ten rows, it does for its own sake.
        left, taken = left - small_left, taken - small_taken
        stages.append((left + taken, left, taken))
        wholes.append((whole - make) - (small_whole - small_make))
    (peer, saved, loaded), (stage, left, taken), more = min(peers), min(stages), min(wholes)
    print(f"a frame of {size / 1e9:.2f} GB        leave     take      all")
    print(f"dill                    {saved:7.2f}  {loaded:7.2f}  {peer:7.2f} s")
    print(f"ours, in the stages     {left:7.2f}  {taken:7.2f}  {stage:7.2f} s")
    print(f"ours, the whole run                       {more:7.2f} s more than with ten rows")
    print(
        f"ratio                   {peer / stage:.1f} in the stages, {peer / more:.1f} over the whole run (goal: {GOAL})"
    )


def dill(folder: Path, rows: int) -> tuple[float, float, int]:
    """Return the seconds of saving and of loading, and the frame's size in bytes."""
    command = [sys.executable, "-c", PEER, str(rows), str(folder / "frame.dill")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    saved, loaded, size = json.loads(done.stdout)
    (folder / "frame.dill").unlink()
    return saved, loaded, size


def ours(folder: Path, rows: int) -> tuple[float, float, float, float]:
    """Return the seconds of the whole command, of making the frame, of leaving it, and of taking and touching it."""
    notebook = write_notebook(
        folder / f"rows{rows}.ipynb",
        f"%%mlops params\nrows = {rows}",
        f"%%mlops stage make\n{MAKE}",
        f"%%mlops stage use\n{TOUCH}",
    )
    start = time.perf_counter()
    command = [str(BIN / "jupyter"), "mlops", "run", str(notebook), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    whole = time.perf_counter() - start
    executed = [
        json.loads(Path(stage["executed"]).read_text()) for stage in json.loads(done.stdout)["stages"]
    ]
    make, use = (
        [(source(cell), duration(cell), is_generated(cell)) for cell in page["cells"]] for page in executed
    )
    making = sum(taken for text, taken, _ in make if "random.normal" in text)
    place = next(place for place, (text, _, _) in enumerate(make) if "random.normal" in text)
    leaving = sum(taken for _, taken, generated in make[place:] if generated)
    taking = sum(taken for text, taken, generated in use if generated or TOUCH in text)
    return whole, making, leaving, taking


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def is_generated(cell: dict[str, Any]) -> bool:
    return "mlops-generated" in cell["metadata"].get("tags", ())


def duration(cell: dict[str, Any]) -> float:
    return float(cell["metadata"].get("papermill", {}).get("duration") or 0.0)


def write_notebook(path: Path, *sources: str) -> Path:
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"cell{index}", "source": source, "metadata": {}, "outputs": [],
         "execution_count": None}
        for index, source in enumerate(sources)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return path


if __name__ == "__main__":
    main()
