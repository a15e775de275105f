"""How long `jupyter mlops --help` takes, against `python -c "import click"`: the parser's own price."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 15
BIN = Path(sys.executable).parent


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    ours = ("jupyter", "mlops", "--help")
    rows = {
        'python -c "import click"': (sys.executable, "-c", "import click"),
        "jupyter-mlops --help": (str(BIN / "jupyter-mlops"), "--help"),
        "jupyter mlops --help": (str(BIN / ours[0]), *ours[1:]),
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(REPEATS):  # in turns, so that noise meets all of them alike
        for name, command in rows.items():
            times[name].append(seconds(*command))
    base = statistics.median(next(iter(times.values())))
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:28} {median * 1000:7.1f} ms   {median / base:5.2f} x")


if __name__ == "__main__":
    main()
