"""Run many warm stages that do threaded work, some at a time, and count those that hang.

    python benchmarks/fork_safety.py --stages 1000 --at-a-time 2

A library whose threads a fork loses waits for them forever, if it does: so each stage computes with all of them that
are installed (OpenMP through torch and scikit-learn, BLAS through numpy, Arrow's own threads), and has a time limit
that it can't reach otherwise. The fork server itself only imports. Exit code 1 where a stage hung or failed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.execution.local import Local
from jupyter_mlops.pipeline.layout import PRODUCTS
from jupyter_mlops.records.pipeline import Stage, StageOptions

if TYPE_CHECKING:
    from jupyter_mlops.execution.local import Outcome

IMPORTS = (
    "import numpy as np",
    "import pandas as pd",
    "import pyarrow as pa, pyarrow.csv, pyarrow.parquet, pyarrow.compute as pc, io",
    "from sklearn.ensemble import HistGradientBoostingClassifier",
)
WORK = (
    "a = np.random.default_rng(0).random((150, 150))\nassert np.isfinite(np.linalg.svd(a @ a)[1]).all()",
    (
        "X, y = a[:, :5], (a[:, 0] > 0.5).astype(int)\n"
        "assert HistGradientBoostingClassifier(max_iter=2).fit(X, y).score(X, y) > 0.5"
    ),
    (
        "frame = pd.DataFrame(a[:, :10], columns=list('abcdefghij'))\n"
        "text = frame.to_csv(index=False).encode()\n"
        "table = pa.csv.read_csv(io.BytesIO(text), read_options=pa.csv.ReadOptions(use_threads=True, block_size=8_000))\n"
        "pa.parquet.write_table(table, sink := io.BytesIO())\n"
        "assert len(pa.parquet.read_table(io.BytesIO(sink.getvalue()), use_threads=True).to_pandas()) == 150\n"
        "assert pc.sum(table['a']).as_py() > 0"
    ),
)
TORCH = (
    "import torch",
    "t = torch.rand(150, 150, requires_grad=True)\n(t @ t).relu().sum().backward()\nassert t.grad.shape == (150, 150)",
    "net = torch.nn.Conv2d(3, 8, 3)\nnet(torch.rand(4, 3, 16, 16)).relu().sum().backward()",
)
LOADER = (
    (
        "from torch.utils.data import DataLoader, TensorDataset\n"
        "loaded = DataLoader(TensorDataset(torch.arange(64.0)), batch_size=8, num_workers=2)\n"
        "assert sum(len(batch[0]) for batch in loaded) == 64"
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stages", type=int, default=1000)
    parser.add_argument("--at-a-time", type=int, default=2)
    parser.add_argument(
        "--limit", type=float, default=120.0, help="seconds after which a stage counts as hung"
    )
    options = parser.parse_args()
    torch = importlib.util.find_spec("torch") is not None
    with tempfile.TemporaryDirectory() as folder:
        # Threads that wait without a break would only measure how busy the machine is.
        engine = Local(Path(folder), {"OMP_WAIT_POLICY": "PASSIVE"})
        _write(engine.folder, "plain", (*IMPORTS, *WORK, *(TORCH if torch else ())))
        _write(engine.folder, "loader", (*IMPORTS, *(TORCH + LOADER if torch else WORK)))
        started = time.monotonic()
        with ThreadPoolExecutor(options.at_a_time) as pool:
            done = list(pool.map(lambda n: _one(engine, n, options), range(options.stages)))
        engine.close()
    took = time.monotonic() - started
    print(
        f"\n{options.stages} stages, {options.at_a_time} at a time, {'with' if torch else 'without'} torch: {took:.0f} s"
    )
    kinds = Counter("done" if each.error is None else each.error.type for each in done)
    for what, count in (kinds + Counter(each.kernel for each in done)).items():
        print(f"{count:6}  {what}")
    print(
        f"hung: {kinds['Timeout']}; median {sorted(each.seconds for each in done)[len(done) // 2]:.2f} s a stage"
    )
    return int(set(kinds) != {"done"})


def _one(engine: Local, number: int, options: argparse.Namespace) -> Outcome:
    # Every tenth stage forks further, as loaders of training data do.
    template = engine.folder / f"{'loader' if number % 10 == 9 else 'plain'}.ipynb"
    name = f"stage{number}"
    (engine.folder / f"{name}.ipynb").write_text(template.read_text().replace("NAME", name))
    found = engine.execute(
        Stage(name=name, cells=(), options=StageOptions(timeout=options.limit)), {}, lambda _done, _all: None
    )
    if found.error is not None:
        print(f"{name}: {found.error.type}: {found.error.message}", file=sys.stderr)
    if number % 50 == 49:
        print(f"{number + 1} ", end="", flush=True)
    for leftover in (engine.folder / PRODUCTS).glob(f"{name}.*"):
        leftover.unlink()
    (engine.folder / f"{name}.ipynb").unlink()
    return found


def _write(folder: Path, name: str, cells: tuple[str, ...]) -> None:
    sources = (*cells, f"open('{PRODUCTS}/NAME.pkl', 'w').close()")
    document = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{place}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for place, source in enumerate(sources)
        ],
    }
    (folder / f"{name}.ipynb").write_text(json.dumps(document))


if __name__ == "__main__":
    sys.exit(main())
