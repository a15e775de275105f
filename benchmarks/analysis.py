"""Time the static analysis of notebooks of 100 and of 1,000 cells, from the file's text to the proposed pipeline.

Goal: 1,000 cells in under a second, and no slower per cell than 100. Prints one line a size and the ratio per cell.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

from jupyter_mlops.notebook import cells, scope, syntax
from jupyter_mlops.notebook.suggest import proposal

# What cells of data science notebooks hold; {n} is the cell's number, {p} that of an earlier one.
PATTERNS = (
    'df{n} = pd.read_csv("data/part{n}.csv", parse_dates=["day"])\ndf{n}.columns = [c.lower() for c in df{n}.columns]\ndf{n}.head()',
    'df{n} = df{p}.dropna().copy()\ndf{n}["ratio"] = df{n}["a"] / df{n}["b"]\ndf{n}.loc[df{n}["ratio"] > 3, "ratio"] = 3.0',
    'def clean_{n}(frame, limit=LIMIT):\n    out = frame[frame["a"] < limit].copy()\n    for column in out.columns:\n        out[column] = out[column].fillna(0)\n    return out\n\ndf{n} = clean_{n}(df{p})',
    'fig{n}, ax{n} = plt.subplots(figsize=(8, 4))\nax{n}.plot(df{p}["a"], label=f"part {{LIMIT}}")\nax{n}.set_title("a over time")\nax{n}.legend()\nplt.show()\ndf{n} = df{p}',
    'X_train{n}, X_test{n}, y_train{n}, y_test{n} = train_test_split(df{p}[["a", "b"]], df{p}["y"], random_state=0)\ndf{n} = X_train{n}',
    'model{n} = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))\nmodel{n}.fit(df{p}[["a", "b"]], df{p}["y"])\nscores{n} = {{"train": model{n}.score(df{p}[["a", "b"]], df{p}["y"])}}\nresults.append(scores{n})\ndf{n} = df{p}',
    'grouped{n} = df{p}.groupby("k").agg({{"a": "mean", "b": ["min", "max"]}})\nprint(grouped{n}.shape, len(results))\ndf{n} = grouped{n}.reset_index()',
    'for key, part in df{p}.groupby("k"):\n    if len(part) > LIMIT:\n        results.append({{"key": key, "mean": part["a"].mean()}})\n    else:\n        continue\ndf{n} = pd.DataFrame(results)',
    "class Model{n}:\n    def __init__(self, data, rate=0.1):\n        self.data = data\n        self.rate = rate\n\n    def fit(self, rounds):\n        for _ in range(rounds):\n            self.rate = self.rate * 0.9\n        return self\n\nm{n} = Model{n}(df{p}).fit(3)\ndf{n} = m{n}.data",
    "%time total{n} = sum(df{p}['a'])\n!echo {{total{n}}}\ndf{n} = df{p}.query('a > @LIMIT')",
)  # fmt: skip
IMPORTS = """import pandas as pd
import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
LIMIT = 3
results = []"""


def notebook(count: int) -> str:
    """Return the text of a notebook with ``count`` code cells, and a heading before every tenth."""
    sources = [("code", IMPORTS)]
    for n in range(count - 1):
        if n % 10 == 0:
            sources.append(("markdown", f"## Part {n // 10}: work on part {n // 10}"))
        sources.append(("code", PATTERNS[n % len(PATTERNS)].format(n=n, p=n - 1)))
    document: dict[str, Any] = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    document["cells"] = [
        {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
        for kind, source in sources
    ]
    return json.dumps(document)


def analyse(text: str) -> int:
    """Do what graph does, from the file's text to the pipeline; return the number of stages."""
    syntax.parse.cache_clear()
    scope.events_of.cache_clear()
    page = cells.parse(text, "bench.ipynb")
    return len(proposal(page).examined.pipeline.stages)


def seconds(count: int, repeats: int) -> float:
    """Return the median CPU time that a notebook of ``count`` code cells takes."""
    text = notebook(count)
    times = []
    for _ in range(repeats):
        start = time.process_time()
        analyse(text)
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    analyse(notebook(20))  # imports IPython once
    small, large = seconds(100, options.repeats), seconds(1000, options.repeats)
    ratio = (large / 1000) / (small / 100)
    if options.json:
        json.dump({"cells_100": small, "cells_1000": large, "per_cell_ratio": ratio}, sys.stdout)
        return
    print(f"  100 cells  {small:7.3f} s  {small / 100 * 1e3:6.2f} ms a cell")
    print(f"1,000 cells  {large:7.3f} s  {large / 1000 * 1e3:6.2f} ms a cell (goal: under 1 s)")
    print(f"per cell, 1,000 against 100: {ratio:.2f} (goal: about 1)")


if __name__ == "__main__":
    main()
