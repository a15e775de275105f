"""The metric that a column's importance is measured by, chosen by what the model gives and what is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.explanation.importance import Score, accuracy, r2, roc_auc
from jupyter_mlops.explanation.outputs import probabilities_of, scores_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from jupyter_mlops.explanation.attributions import Data

PAIR = 2
NUMBERS = "biuf"


def score_of(
    model: Any, data: Data, truth: NDArray[Any], *, task: str, classes: Sequence[Any]
) -> tuple[Score, NDArray[Any]] | None:
    """Return the metric, and the truth as it takes it: ROC AUC of two classes that are ranked, else accuracy, or R².

    Returns:
        None where the truth is constant, or the model answers several numbers a row.
    """
    if task == "regression":
        return _of_numbers(model, data, truth)
    output = probabilities_of(model, classes) or scores_of(model, classes)
    if output is not None and len(output.classes) == 1:
        positive = _same(truth, classes[1]).astype(np.int64)
        if 0 < positive.sum() < len(positive):
            return Score("roc_auc", lambda rows: output.ask(rows)[:, 0], roc_auc), positive
    return Score("accuracy", lambda rows: _plain(model.predict(rows)), accuracy), _plain(truth)


def _of_numbers(model: Any, data: Data, truth: NDArray[Any]) -> tuple[Score, NDArray[Any]] | None:
    values = np.asarray(truth, dtype=np.float64)
    if np.asarray(model.predict(data[:1])).size != 1 or not np.var(values) > 0:
        return None
    return Score("r2", lambda rows: np.asarray(model.predict(rows), dtype=np.float64).reshape(-1), r2), values


def _same(truth: NDArray[Any], wanted: Any) -> NDArray[np.bool_]:
    return np.asarray(_plain(truth) == _plain(np.asarray([wanted]))[0])


def _plain(values: Any) -> NDArray[Any]:
    """Return classes so that equal ones compare as equal: numbers as numbers, anything else as text."""
    array = np.asarray(values).reshape(-1)
    if array.dtype.kind == "O":
        array = np.asarray(array.tolist())
    return array.astype(np.float64) if array.dtype.kind in NUMBERS else array.astype(str)
