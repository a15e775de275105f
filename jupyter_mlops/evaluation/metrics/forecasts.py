"""Probabilistic forecasts, over weighted rows: of models that answer quantiles, or a mean and its standard deviation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.evaluation.metrics.regression import numbers_of, pinball
from jupyter_mlops.evaluation.plan import Floats, Plan, mean_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEVEL = 0.9
# How far a level that a condition names may be from the model's own: 0.95 and 1 - 0.05 are the same.
_SAME = 1e-9


def forecast_plan(name: str, rows: TestRows, predictions: Predictions, keywords: Mapping[str, Any]) -> Plan:
    """Plan a figure of forecasts.

    Raises:
        NotMeasurableError: when the model answers no quantiles that the figure needs.
    """
    truth, point = numbers_of(name, rows, predictions)
    note = _checked(predictions)
    return replace(_plan(name, truth, point, predictions, keywords), note=note)


def _plan(
    name: str, truth: Floats, point: Floats, predictions: Predictions, keywords: Mapping[str, Any]
) -> Plan:
    if name == "mean_pinball_loss":
        alpha = float(keywords.get("alpha", 0.5))
        return mean_plan(pinball(truth, _quantile_or_point(predictions, point, alpha), alpha))
    if name == "crps":
        return mean_plan(_crps(truth, predictions))
    level = float(keywords.get("level", _LEVEL))
    low, high = (_quantile(name, predictions, (1 + sign * level) / 2) for sign in (-1, 1))
    if name == "interval_coverage":
        return mean_plan(((low <= truth) & (truth <= high)).astype(np.float64))
    width = high - low
    if name == "interval_width":
        return mean_plan(width)
    outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return mean_plan(width + 2 / (1 - level) * outside)


def _checked(predictions: Predictions) -> str:
    """Refuse quantiles that are no numbers, and say where they cross.

    Raises:
        NotMeasurableError: when one isn't a finite number.
    """
    forecast = predictions.forecast
    if forecast is None or not forecast.levels:
        return ""
    unknown = int((~np.isfinite(forecast.quantiles)).any(axis=1).sum())
    if unknown:
        raise NotMeasurableError(f"the quantiles of {unknown:,} rows are not finite numbers")
    rising = forecast.quantiles[:, np.argsort(forecast.levels)]
    crossed = int((np.diff(rising, axis=1) < 0).any(axis=1).sum())
    return f"quantiles cross in {crossed:,} rows" if crossed else ""


def _crps(truth: Floats, predictions: Predictions) -> Floats:
    """Return the continuous ranked probability score of each row.

    Of a normal distribution it is the closed form; of quantiles twice the mean pinball loss over the model's levels,
    which comes close to it where these are many and evenly spaced.
    """
    forecast = predictions.forecast
    if forecast is None:
        raise NotMeasurableError(_needed("crps"))
    if forecast.std is not None:
        from scipy.special import ndtr

        spread = forecast.std
        z = np.divide(truth - forecast.mean, spread, out=np.zeros_like(truth), where=spread > 0)
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        normal: Floats = spread * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))
        # Without spread the forecast is a point, and the score its distance.
        return np.where(spread > 0, normal, np.abs(truth - forecast.mean))
    losses = [
        pinball(truth, forecast.quantiles[:, place], level) for place, level in enumerate(forecast.levels)
    ]
    score: Floats = 2 * np.mean(losses, axis=0)
    return score


def _quantile_or_point(predictions: Predictions, point: Floats, alpha: float) -> Floats:
    """Return the quantile at ``alpha``; of a model that answers one number a row that number."""
    return point if predictions.forecast is None else _quantile("mean_pinball_loss", predictions, alpha)


def _quantile(name: str, predictions: Predictions, level: float) -> Floats:
    forecast = predictions.forecast
    if forecast is None:
        raise NotMeasurableError(_needed(name))
    if forecast.std is not None:
        from scipy.special import ndtri

        at: Floats = forecast.mean + forecast.std * ndtri(level)
        return at
    for place, own in enumerate(forecast.levels):
        if abs(own - level) < _SAME:
            return forecast.quantiles[:, place]
    known = ", ".join(f"{own:g}" for own in forecast.levels)
    raise NotMeasurableError(f"{name} needs the quantile at {level:g}; the model answers those at {known}")


def _needed(name: str) -> str:
    return (
        f"{name} needs a forecast's spread: a model with an attribute quantiles = (0.05, 0.5, 0.95) whose predict "
        "gives a column each, or with predict(X, return_std=True)"
    )
