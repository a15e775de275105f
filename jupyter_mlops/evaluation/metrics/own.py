"""Metrics that a notebook brings along: plain functions, whose parameters' names say what they are given."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.errors import DataError, GateError
from jupyter_mlops.evaluation.conditions import metrics_of
from jupyter_mlops.evaluation.metrics.catalogue import CATALOGUE, WORST_FOUND_SLICE, WORST_SLICE
from jupyter_mlops.evaluation.plan import Floats, Plan, mean_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows, in_short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyter_mlops.evaluation.conditions import Condition, Metric
    from jupyter_mlops.stats.bootstrap import Statistic

# Our words, scikit-learn's older ones, and those of its metrics that don't know which side is the truth.
WORDS = {
    "y_true": "y_true",
    "y1": "y_true",
    "labels_true": "y_true",
    "y_pred": "y_pred",
    "y2": "y_pred",
    "labels_pred": "y_pred",
    "y_score": "y_score",
    "pred_decision": "y_score",
    "y_prob": "y_prob",
    "y_proba": "y_prob",
    "probas_pred": "y_prob",
    "sample_weight": "sample_weight",
    "X": "X",
    "sensitive_features": "sensitive_features",
}
_TWO = 2
# Each is a call of the function, which may take milliseconds.
_RESAMPLES = 500
_DEPRECATED = "deprecated"
_HINT = "its parameters may be y_true, y_pred, y_score, y_prob, sample_weight, X, sensitive_features, and others with a default"


@dataclass(frozen=True, slots=True)
class OwnMetrics:
    """Hold the functions that came with a version, and the rows that the version was asked with, for those that want them."""

    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    features: Any = None


def check(name: str, function: Any) -> None:
    """Refuse a function that can't be a metric of that name.

    Raises:
        DataError: when it can't.
    """
    if not callable(function):
        raise DataError(
            f"metric {name!r} is a {type(function).__name__}", hint="a metric is a number or a function"
        )
    if not name.isidentifier() or name == "champion":
        raise DataError(f"no condition can name a metric {name!r}", hint="name it as a variable is named")
    if name in CATALOGUE:
        raise DataError(f"there is a metric {name} already", hint=f"name yours otherwise, as in my_{name}")
    unknown = [
        each
        for each, parameter in _parameters(name, function).items()
        if each not in WORDS
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    if unknown:
        raise DataError(f"metric {name!r} wants {', '.join(unknown)}, which nobody can give it", hint=_HINT)
    if "y_true" not in {WORDS.get(each) for each in _parameters(name, function)}:
        raise DataError(f"metric {name!r} doesn't ask for y_true", hint=_HINT)


def check_conditions(conditions: tuple[Condition, ...], own: OwnMetrics) -> None:
    """Refuse keywords and parts that a metric of the notebook's own doesn't have.

    Raises:
        GateError: naming the condition.
    """
    for condition in conditions:
        for metric in metrics_of(condition):
            if metric.name in CATALOGUE:
                continue
            try:
                _check_own(metric, own.functions.get(metric.name))
            except GateError as error:
                message = f"condition {condition.text!r}: {error.message}"
                raise GateError(message, hint=error.hint, **error.details) from None


def _check_own(metric: Metric, function: Callable[..., Any] | None) -> None:
    name = metric.name
    if function is None:
        if metric.keywords or metric.part:
            raise GateError(
                f"{name} is a number that was logged; it takes no keyword and has no parts",
                hint=f"write {name}",
            )
        return
    if metric.part not in ("", WORST_SLICE, WORST_FOUND_SLICE):
        raise GateError(f"{name} has no {metric.part!r}", hint=f"write {name}, or {name}.{WORST_SLICE}")
    parameters = _parameters(name, function)
    if any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    known = sorted(set(parameters) - set(WORDS))
    for keyword, _ in metric.keywords:
        if keyword not in known:
            raise GateError(
                f"{name} has no keyword {keyword!r}",
                hint=f"it has: {', '.join(known)}" if known else f"{name} takes none",
            )


def wants_scores(own: OwnMetrics, asked: Iterable[str]) -> bool:
    """Say whether a metric of the notebook's own that is asked for takes class scores."""
    return any(
        WORDS.get(word) in ("y_score", "y_prob")
        for name in set(asked) & own.functions.keys()
        for word in _parameters(name, own.functions[name])
    )


def own_plan(
    name: str, own: OwnMetrics, keywords: Mapping[str, Any], rows: TestRows, predictions: Predictions
) -> Plan:
    """Plan a metric of the notebook's own.

    A function that answers one number a row means the mean of these; any other is called again for each resample.

    Raises:
        NotMeasurableError: when the function raises, or answers something else.
    """
    call = _Call(name, own.functions[name], dict(keywords), _given(name, own, rows, predictions))
    every = np.arange(len(rows))
    try:
        with warnings.catch_warnings(action="ignore"):
            answer = np.asarray(call(every, np.ones(len(rows))))
    # The user's function can raise anything; the gate reports it instead of ending the run.
    except (Exception, SystemExit) as error:
        raise NotMeasurableError(f"{name} fails on these rows: {in_short(error)}") from error
    if answer.dtype.kind not in "biuf":
        raise NotMeasurableError(f"{name} gives a {answer.dtype} instead of a number")
    if answer.shape == (len(rows),) and len(rows) > 1:
        plan = mean_plan(answer.astype(np.float64))
        # Numbers that are all the same may be of any scale.
        share = plan.share if answer.dtype == bool or np.ptp(answer) else None
        # Costs of which some are zero and none is less: so is their mean.
        return replace(plan, share=share, ends=(0.0 if answer.min() == 0 else -np.inf, np.inf))
    if answer.size != 1:
        raise NotMeasurableError(
            f"{name} gives shape {answer.shape} for {len(rows)} rows; it must be one number, or one a row"
        )

    def build(columns: tuple[Floats, ...]) -> Statistic:
        lines = columns[0].astype(np.int64)

        def statistic(weights: Floats) -> Floats:
            return np.array([call.number(lines, each) for each in weights])

        return statistic

    return Plan((every.astype(np.float64), *_fingerprint(predictions)), build, resamples=_RESAMPLES)


@dataclass(frozen=True, slots=True)
class _Call:
    """A function with all it may be given: a value a row each, by the function's own word for it."""

    name: str
    function: Callable[..., Any]
    keywords: dict[str, Any]
    given: dict[str, Any]

    def __call__(self, lines: Any, weights: Floats) -> Any:
        """Call it on the rows of ``lines``, each as often as its weight says."""
        parameters = _parameters(self.name, self.function)
        times = (weights > 0 if "sample_weight" in parameters else weights).astype(np.int64)
        here = np.repeat(lines, times)
        positional, named = [], dict(self.keywords)
        for word, parameter in parameters.items():
            if word == "sample_weight":
                value = weights[weights > 0]
            elif word in self.given:
                value = _taken(self.given[word], here)
            else:
                continue
            if parameter.kind == parameter.POSITIONAL_ONLY:
                positional.append(value)
            else:
                named[word] = value
        return self.function(*positional, **named)

    def number(self, lines: Any, weights: Floats) -> float:
        """Call it on a resample; NaN where it can't answer that one."""
        try:
            with warnings.catch_warnings(action="ignore"):
                return float(np.asarray(self(lines, weights)).item())
        # A resample may lack a class, or all rows but one; what a user's function makes of it can be anything.
        except (Exception, SystemExit):  # noqa: BLE001 - as said
            return float("nan")


def _parameters(name: str, function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise DataError(
            f"what parameters metric {name!r} has can't be seen", hint="wrap it: lambda y_true, y_pred: ..."
        ) from None
    # scikit-learn keeps a parameter of old beside the one that took its place.
    return {
        word: parameter
        for word, parameter in found.items()
        if not (isinstance(parameter.default, str) and parameter.default == _DEPRECATED)
    }


def _given(name: str, own: OwnMetrics, rows: TestRows, predictions: Predictions) -> dict[str, Any]:
    """Return what the function asks for, by its own words.

    Raises:
        NotMeasurableError: when the model doesn't give it.
    """
    given: dict[str, Any] = {}
    for word in _parameters(name, own.functions[name]):
        meaning = WORDS.get(word)
        if meaning == "y_true":
            given[word] = rows.truth
        elif meaning == "y_pred":
            given[word] = predictions.labels
        elif meaning in ("y_score", "y_prob"):
            given[word] = _scores(name, predictions, chances=meaning == "y_prob")
        elif meaning == "X":
            given[word] = own.features
        elif meaning == "sensitive_features":
            import pandas as pd

            given[word] = pd.DataFrame(dict(rows.sensitive))
    return given


def _scores(name: str, predictions: Predictions, *, chances: bool) -> Floats:
    """Return scores as scikit-learn wants them: of two classes those of the second, else a column a class."""
    scores = predictions.scores
    if scores is None:
        raise NotMeasurableError(f"{name} asks for scores, and the model gives none")
    if chances and not predictions.probabilities:
        raise NotMeasurableError(f"{name} asks for probabilities, and the model has no predict_proba")
    return scores[:, 1] if scores.shape[1] == _TWO else scores


def _taken(values: Any, lines: Any) -> Any:
    return values.iloc[lines] if hasattr(values, "iloc") else np.asarray(values)[lines]


def _fingerprint(predictions: Predictions) -> list[Floats]:
    """Return columns that tell two models' answers apart: equal ones mean that the figures can't differ."""
    labels = predictions.labels
    if labels.dtype.kind not in "biuf":
        from pandas.util import hash_array

        labels = hash_array(labels.astype(str).astype(object))
    scores = [] if predictions.scores is None else list(predictions.scores.T)
    return [labels.astype(np.float64), *scores]
