"""How long the whole command takes when nothing changed: `jupyter mlops run` against `ploomber build`, 20 stages.

    python benchmarks/nothing_to_do.py [--peer /path/to/ploomber's/python] [--repeats 5]

Both run the same pipeline: ours from the notebook, ploomber the folder that `jupyter mlops compile` made of it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
STAGES = 20
GOAL_SECONDS, GOAL_RATIO = 0.5, 10
QUIET = {"PLOOMBER_STATS_ENABLED": "false", "PLOOMBER_VERSION_CHECK_DISABLED": "true"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--peer", type=Path, default=Path(sys.executable), help="the Python that has ploomber"
    )
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        notebook = write_notebook(Path(folder) / "steps.ipynb")
        compiled = Path(folder) / "compiled"
        ours = [str(BIN / "jupyter"), "mlops", "run", str(notebook), "--jobs", "2"]
        peer = [str(options.peer.parent / "ploomber"), "build"]
        print(f"the first build of both, {STAGES} stages, takes a minute or two ...", flush=True)
        seconds([str(BIN / "jupyter"), "mlops", "compile", str(notebook), "-o", str(compiled)], Path(folder))
        (compiled / "products").mkdir(exist_ok=True)
        seconds(ours, Path(folder))
        seconds(peer, compiled)
        times: dict[str, list[float]] = {"ours": [], "ploomber": []}
        for _ in range(options.repeats):  # in turns, so that noise meets both alike
            times["ours"].append(seconds(ours, Path(folder)))
            times["ploomber"].append(seconds(peer, compiled))
    report(times)


def report(times: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, taken in times.items():
        print(f"{name:<10} {medians[name]:6.2f} s  (from {min(taken):.2f} to {max(taken):.2f})")
    ratio = medians["ploomber"] / medians["ours"]
    print(f"ratio      {ratio:6.1f}    (goals: ours below {GOAL_SECONDS} s, ratio at least {GOAL_RATIO})")


def write_notebook(path: Path) -> Path:
    """Write a chain of stages, each with a line of work."""
    sources = ["%%mlops params\nlength = 10", "%%mlops stage step00\nx00 = list(range(length))"]
    sources += [
        f"%%mlops stage step{number:02}\nx{number:02} = [value + 1 for value in x{number - 1:02}]"
        for number in range(1, STAGES)
    ]
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"cell{index}", "source": source, "metadata": {}, "outputs": [],
         "execution_count": None}
        for index, source in enumerate(sources)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return path


def seconds(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, **QUIET})
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
