"""What a stage costs besides its work: ours against papermill stage by stage, ten stages that import much.

    python benchmarks/stage_overhead.py [--stages 10]

Each stage imports pandas, scikit-learn and torch, and then does next to nothing, so its time is all overhead. papermill
is called in one process that has loaded it already, one notebook after the other, which is the best it can do; ours is
the whole command and, stage by stage, what its record says.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
GOAL = 10
WANTED = {"pandas": "import pandas as pd", "sklearn": "import sklearn.linear_model", "torch": "import torch"}
IMPORTS = "\n".join(line for name, line in WANTED.items() if find_spec(name))
PEER = """
import json, sys, time
import papermill
taken = []
for notebook in sys.argv[1:]:
    start = time.perf_counter()
    papermill.execute_notebook(notebook, notebook + ".out.ipynb", progress_bar=False)
    taken.append(time.perf_counter() - start)
print(json.dumps(taken))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stages", type=int, default=10)
    stages = parser.parse_args().stages
    missing = [name for name in WANTED if not find_spec(name)]
    if missing:
        print(f"without {', '.join(missing)}, which isn't installed: less to import, so a smaller ratio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peer_whole, peer = papermill(folder, stages)
        ours_whole, ours, kernels = command(folder, stages)
    print(f"{'':<34}{'papermill':>10}{'ours':>10}{'ratio':>8}")
    row("a stage, median", statistics.median(peer), statistics.median(ours))
    row("a stage, mean", statistics.mean(peer), statistics.mean(ours))
    row(f"{stages} stages, the whole command", peer_whole, ours_whole)
    print(f"kernels: {', '.join(sorted(kernels)) or 'not said'}; goal: {GOAL} times less a stage")


def papermill(folder: Path, stages: int) -> tuple[float, list[float]]:
    notebooks = [
        write_notebook(folder / f"peer{number}.ipynb", IMPORTS, f"x{number} = {number}")
        for number in range(stages)
    ]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEER, *map(str, notebooks)], check=True, capture_output=True, text=True
    )
    taken: list[float] = json.loads(done.stdout.splitlines()[-1])
    return time.perf_counter() - start, taken


def command(folder: Path, stages: int) -> tuple[float, list[float], set[str]]:
    sources = [f"%%mlops stage stage{number}\nx{number} = {number}" for number in range(stages)]
    notebook = write_notebook(folder / "ours.ipynb", f"%%mlops setup\n{IMPORTS}", *sources)
    start = time.perf_counter()
    done = subprocess.run(
        [str(BIN / "jupyter"), "mlops", "run", str(notebook), "--jobs", "1", "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    whole = time.perf_counter() - start
    found = json.loads(done.stdout)["stages"]
    return whole, [stage["seconds"] for stage in found], {stage.get("kernel", "") for stage in found} - {""}


def row(words: str, peer: float, ours: float) -> None:
    print(f"{words:<34}{peer:>8.2f} s{ours:>8.2f} s{peer / ours:>8.1f}")


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
