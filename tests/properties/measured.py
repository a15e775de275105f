"""How the properties of metrics are held: the plan's statistic for one set of weights, as a gate measures it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jupyter_mlops.evaluation.metrics.quality import quality_plan

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.rows import Predictions, TestRows

Case = dict[str, Any]
FEW = settings(max_examples=int(os.environ.get("JUPYTER_MLOPS_TEST_EXAMPLES", "25")), deadline=None)
# Values that repeat, so that there are ties; none so large that a square is lost in another.
NUMBERS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0, 2.0, 3.0, 7.5, 100.0, 1e6])


def figure(
    name: str, rows: TestRows, predictions: Predictions, weights: Any = None, **keywords: Any
) -> float:
    plan = quality_plan(name, rows, predictions, keywords)
    counts = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
    with np.errstate(all="ignore"):
        return float(plan.build(plan.columns)(counts[np.newaxis, :])[0])


def same(ours: float, theirs: Any, what: Any) -> None:
    assert ours == pytest.approx(float(theirs), rel=1e-9, abs=1e-9, nan_ok=True), what


def repeated(weights: Any, *columns: Any) -> list[Any]:
    return [np.repeat(np.asarray(column), weights, axis=0) for column in columns]


@st.composite
def estimates(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    size = draw(st.integers(2, 30))
    column = arrays(np.float64, size, elements=NUMBERS)
    weights = draw(arrays(np.int64, size, elements=st.sampled_from([1, 1, 1, 0, 2, 3])))
    assume(weights.sum() > 1)
    return draw(column), draw(column), weights
