"""Trees and their ensembles: Shapley values along the trees' own paths, exact, by shap."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.explanation.attributions import Attributions
from jupyter_mlops.explanation.outputs import predictions_of, probabilities_of, scores_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.explanation.attributions import Data
    from jupyter_mlops.explanation.outputs import Output
    from jupyter_mlops.explanation.preprocessing import Steps
    from jupyter_mlops.records.explanation import Method, Scale

_LIBRARIES = ("sklearn.ensemble", "sklearn.tree", "xgboost", "lightgbm", "catboost")
CUBE = 3  # dimensions: rows x columns x outputs


class TreeExplainer:
    """Follow each row down the trees; what is unknown takes the share of training rows that went either way.

    It needs no background rows: the trees know how many training rows went each way.
    """

    method: Method = "tree paths"

    def __init__(self, steps: Steps, trees: Any, output: Output) -> None:
        self._steps = steps
        self._trees = trees
        self._output = output

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
        matrix = given.to_numpy() if hasattr(given, "to_numpy") else np.asarray(given)
        found = np.asarray(self._trees.shap_values(matrix, check_additivity=False), dtype=np.float64)
        base = np.ravel(np.asarray(self._trees.expected_value, dtype=np.float64))
        parts = np.moveaxis(found, 2, 1) if found.ndim == CUBE else found[:, None, :]
        wanted = values.shape[1]
        return Attributions(base[-wanted:], values, self._steps.back(parts[:, -wanted:]))


def explainer(
    steps: Steps, estimator: Any, classes: Sequence[Any], *, classifier: bool
) -> TreeExplainer | None:
    """Return what explains an estimator made of trees; None where shap can't."""
    if not is_tree(estimator):
        return None
    try:
        trees = load_shap().TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
    # It refuses what it can't read by whatever goes wrong: assertions, missing attributes, errors of its own.
    except Exception:  # noqa: BLE001 - see above
        return None
    output = _output(estimator, classes) if classifier else predictions_of(estimator)
    return None if output is None else TreeExplainer(steps, trees, output)


def load_shap() -> Any:
    """Import shap, whose plots make matplotlib warn of what is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    return shap


def is_tree(estimator: Any) -> bool:
    """Say whether an estimator is of a library of trees, and has no splits by category: shap doesn't follow those."""
    of_trees = type(estimator).__module__.startswith(_LIBRARIES)
    return of_trees and getattr(estimator, "is_categorical_", None) is None


def _output(estimator: Any, classes: Sequence[Any]) -> Output | None:
    """Return what the trees of a classifier add up to: boosted ones to a score, others to probabilities."""
    return scores_of(estimator, classes) or probabilities_of(estimator, classes)
