"""Explaining one answer as a server does, against shap called directly: processor time a row.

    python benchmarks/explain.py [ROUNDS]

Ours is all that the endpoint does for a request but the network: a checked row of values to a frame, the pipeline's
steps, attributions by input column, and the model asked again to see that they add up. shap's is `shap_values` on the
matrix that the trees see; beside them the model's own `predict` for a frame of one row. One thread; medians over the rounds.
"""

from __future__ import annotations

import os

# Set before numpy is imported: a server has one thread a model too.
os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from jupyter_mlops.records.model import Manifest, Signature, Tensor
from jupyter_mlops.serving.explaining import Explaining
from jupyter_mlops.serving.loader import ServedModel
from jupyter_mlops.workflows.as_served import body

ROWS, NUMBERS = 2000, 15


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    X, y = data()
    numbers = X[[name for name in X if name != "job"]]
    models: dict[str, tuple[Any, pd.DataFrame]] = {
        "100 boosted trees": (GradientBoostingClassifier(n_estimators=100), numbers),
        "100 boosted trees, by histogram": (HistGradientBoostingClassifier(max_iter=100), numbers),
        "forest of 100 trees": (RandomForestClassifier(100), numbers),
        "pipeline with 100 boosted trees": (piped(GradientBoostingClassifier(n_estimators=100)), X),
        "pipeline with a linear model": (piped(LogisticRegression()), X),
        "pipeline with a kernel machine": (piped(SVC()), X),
    }
    print(f"{'CPU ms for one row':34}{'ours':>8}{'p95':>8}{'shap':>8}{'predict':>9}  method")
    for name, (model, table) in models.items():
        fitted = model.fit(table, y)
        explaining, requests = served(fitted, table)
        method = explaining.explain(requests[0]).method
        ours = timed(lambda place: explaining.explain(requests[place]), rounds)  # noqa: B023 - called at once
        theirs = timed(shap_alone(fitted, table), rounds) if method == "tree paths" else []
        asked = timed(lambda place: fitted.predict(table[100 + place : 101 + place]), rounds)  # noqa: B023 - likewise
        direct = f"{statistics.median(theirs):.2f}" if theirs else ""
        own, p95 = statistics.median(asked), float(np.quantile(ours, 0.95))
        print(f"{name:34}{statistics.median(ours):>8.2f}{p95:>8.2f}{direct:>8}{own:>9.2f}  {method}")


def data() -> tuple[pd.DataFrame, pd.Series[int]]:
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {f"x{place}": random.normal(size=ROWS) for place in range(NUMBERS)}
    X = pd.DataFrame({**columns, "job": random.choice(["cook", "nurse", "clerk"], ROWS)})
    return X, (X["x0"] + X["x1"] * X["x2"] + (X["job"] == "cook") > 0).astype(int)


def piped(model: Any) -> Any:
    numbers = [f"x{place}" for place in range(NUMBERS)]
    return make_pipeline(
        make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), ["job"])), model
    )


def served(model: Any, table: pd.DataFrame) -> tuple[Explaining, list[dict[str, list[Any]]]]:
    inputs = tuple(
        Tensor(
            name=name,
            datatype="BYTES" if name == "job" else "FP64",
            shape=(-1,),
            dtype=str(table[name].dtype),
        )
        for name in map(str, table.columns)
    )
    outputs = (Tensor(name="predict", datatype="INT64", shape=(-1,)),)
    signature = Signature(layout="frame", inputs=inputs, outputs=outputs)
    manifest = Manifest(name="churn", task="classification", signature=signature, classes=(0, 1))
    explaining = Explaining(ServedModel(model, manifest), body(table[:100], signature))
    rows = table[100:300].to_dict("list")
    return explaining, [{str(name): [values[place]] for name, values in rows.items()} for place in range(200)]


def shap_alone(model: Any, table: pd.DataFrame) -> Callable[[int], Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    final = model.steps[-1][1] if hasattr(model, "steps") else model
    matrix = model[:-1].transform(table) if hasattr(model, "steps") else table.to_numpy()
    trees = shap.TreeExplainer(final)
    return lambda place: trees.shap_values(matrix[100 + place : 101 + place])


def timed(work: Callable[[int], Any], rounds: int) -> list[float]:
    work(0)
    found = []
    for place in range(rounds):
        begun = time.process_time()
        work(place % 200)
        found.append((time.process_time() - begun) * 1000)
    return found


if __name__ == "__main__":
    main()
