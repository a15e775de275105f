"""Linear models: each column's weight times how far it is from its mean, exact where columns are independent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.explanation.attributions import Attributions
from jupyter_mlops.explanation.outputs import predictions_of, scores_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.explanation.attributions import Data, Floats
    from jupyter_mlops.explanation.outputs import Output
    from jupyter_mlops.explanation.preprocessing import Steps
    from jupyter_mlops.records.explanation import Method, Scale


class LinearExplainer:
    """Attribute by weights; the base is the output for the mean of the background rows."""

    method: Method = "linear weights"

    def __init__(self, steps: Steps, weights: Floats, output: Output, background: Data) -> None:
        self._steps = steps
        self._weights = weights
        self._output = output
        rows = steps.transform(background)
        self._mean = _matrix(rows).mean(axis=0)
        self._base = output.ask(rows).mean(axis=0)

    @property
    def scale(self) -> Scale:
        """What the attributions add up to."""
        return self._output.scale

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The classes that have an output each."""
        return self._output.classes

    def explain(self, data: Data) -> Attributions:
        """Attribute the outputs for every row of ``data``."""
        given = self._steps.transform(data)
        values = self._output.ask(given)
        parts = (_matrix(given) - self._mean)[:, None, :] * self._weights
        return Attributions(self._base, values, self._steps.back(parts))


def explainer(
    steps: Steps, estimator: Any, classes: Sequence[Any], background: Data, *, classifier: bool
) -> LinearExplainer | None:
    """Return what explains an estimator with a weight a column; None for others."""
    weights = getattr(estimator, "coef_", None)
    if not isinstance(weights, np.ndarray) or not hasattr(estimator, "intercept_"):
        return None
    output = scores_of(estimator, classes) if classifier else predictions_of(estimator)
    if output is None:
        return None
    return LinearExplainer(steps, np.atleast_2d(weights).astype(np.float64), output, background)


def _matrix(given: Any) -> Floats:
    return np.asarray(given, dtype=np.float64)
