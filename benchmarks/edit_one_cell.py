"""One late cell edited: running what changed, against running the whole notebook with papermill.

    python benchmarks/edit_one_cell.py

The notebook makes data, derives features, trains a forest and reports; the cell that is edited is the last one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
CELLS = (
    """%%mlops setup
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split""",
    """%%mlops stage load
random = np.random.default_rng(0)
df = pd.DataFrame(random.normal(size=(60_000, 12)), columns=[f"x{i}" for i in range(12)])
df["group"] = random.integers(0, 500, len(df))""",
    """%%mlops stage features
means = df.groupby("group").agg(["mean", "std"]).set_axis([f"m{i}" for i in range(24)], axis=1)
X = df.join(means, on="group").drop(columns="group")
y = (df["x0"] * df["x1"] + df["x2"] > 0.2).astype(int)""",
    """%%mlops stage train
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = RandomForestClassifier(60, random_state=0).fit(X_train, y_train)""",
    """%%mlops stage report
print("accuracy", model.score(X_test, y_test))""",
)
EDITED = "%%mlops stage report\nprint(f'accuracy {model.score(X_test, y_test):.3f} on {len(X_test)} rows')"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = [str(BIN / "jupyter"), "mlops", "run", "steps.ipynb"]
        write_notebook(folder / "steps.ipynb", *CELLS)
        first = seconds(folder, *ours)
        cells = (*CELLS[:-1], EDITED)
        write_notebook(folder / "steps.ipynb", *cells)
        # The same cells without their tags: what one would run without us.
        write_notebook(folder / "whole.ipynb", *(cell.partition("\n")[2] for cell in cells))
        peer = seconds(folder, str(BIN / "papermill"), "whole.ipynb", "out.ipynb", "--no-progress-bar")
        edited = seconds(folder, *ours)
    print(f"the whole notebook, papermill   {peer:7.2f} s")
    print(f"ours, the first run             {first:7.2f} s")
    print(f"ours, the last cell edited      {edited:7.2f} s")
    print(f"ratio                           {peer / edited:7.1f}")


def seconds(folder: Path, *command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


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
