"""Regression, over weighted rows: what a figure is of truth and estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.evaluation.plan import Floats, Plan, Sums, mean_plan, sums_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_mlops.stats.bootstrap import Statistic

# A sum of squares that is smaller against the squares than this is rounding.
_ROUNDING = 1e-24
_DEVIANCES = {"mean_poisson_deviance": 1.0, "mean_gamma_deviance": 2.0}
# scikit-learn's powers with a name of their own.
_NORMAL, _POISSON, _GAMMA = 0, 1, 2


def regression_plan(name: str, rows: TestRows, predictions: Predictions, keywords: Mapping[str, Any]) -> Plan:
    """Plan a figure of regression.

    Raises:
        NotMeasurableError: when truth or estimates aren't numbers that the figure is defined for.
    """
    truth, estimate = numbers_of(name, rows, predictions)
    if name in _OF_ERROR:
        return _OF_ERROR[name](truth, estimate)
    if name in ("d2_absolute_error", "d2_pinball"):
        alpha = float(keywords.get("alpha", 0.5))
        return Plan(
            (truth, pinball(truth, estimate, alpha)), lambda columns: _beyond_quantile(columns, alpha)
        )
    power = _DEVIANCES.get(name, float(keywords.get("power", 0)))
    if name == "d2_tweedie":
        return _explained_deviance(name, truth, estimate, power)
    return mean_plan(_deviance(name, truth, estimate, power))


def numbers_of(name: str, rows: TestRows, predictions: Predictions) -> tuple[Floats, Floats]:
    """Return truth and estimates as numbers.

    Raises:
        NotMeasurableError: when they aren't.
    """
    try:
        truth, estimate = (
            np.asarray(column, dtype=np.float64) for column in (rows.truth, predictions.labels)
        )
    except (TypeError, ValueError):
        raise NotMeasurableError(f"{name} needs numbers; the target or the predictions hold text") from None
    for what, column in (("true values", truth), ("predictions", estimate)):
        unknown = int((~np.isfinite(column)).sum())
        if unknown:
            raise NotMeasurableError(f"{unknown} {what} are not finite numbers")
    return truth, estimate


def pinball(truth: Floats, estimate: Floats, alpha: float) -> Floats:
    """Return the pinball loss of each row."""
    short = truth - estimate
    loss: Floats = np.maximum(alpha * short, (alpha - 1) * short)
    return loss


def _squared_log(name: str) -> Callable[[Floats, Floats], Plan]:
    def plan(truth: Floats, estimate: Floats) -> Plan:
        if min(truth.min(), estimate.min()) <= -1:
            raise NotMeasurableError(f"{name} needs true values and predictions above -1")
        squared = (np.log1p(estimate) - np.log1p(truth)) ** 2
        return mean_plan(squared, np.sqrt if name.startswith("root") else None)

    return plan


def _relative(truth: Floats, estimate: Floats) -> Plan:
    smallest = np.finfo(np.float64).eps
    return mean_plan(np.abs(estimate - truth) / np.maximum(np.abs(truth), smallest))


def _deviance(name: str, truth: Floats, estimate: Floats, power: float) -> Floats:
    """Return the Tweedie deviance of each row.

    Raises:
        NotMeasurableError: when a value is out of the range it is defined for.
    """
    if power != _NORMAL and estimate.min() <= 0:
        raise NotMeasurableError(f"{name} needs predictions above 0")
    if power >= _GAMMA and truth.min() <= 0:
        raise NotMeasurableError(f"{name} needs true values above 0")
    if _POISSON <= power < _GAMMA and truth.min() < 0:
        raise NotMeasurableError(f"{name} needs true values of at least 0")
    return _tweedie(truth, estimate, power)


def _tweedie(truth: Floats, estimate: Floats, power: float) -> Floats:
    from scipy.special import xlogy

    deviance: Floats
    if power == _NORMAL:
        deviance = (truth - estimate) ** 2
    elif power == _POISSON:
        deviance = 2 * (xlogy(truth, truth / estimate) - truth + estimate)
    elif power == _GAMMA:
        deviance = 2 * (np.log(estimate / truth) + truth / estimate - 1)
    else:
        above, below = 2 - power, 1 - power
        least = np.maximum(truth, 0) if power < 0 else truth
        deviance = 2 * (
            least**above / (below * above) - truth * estimate**below / below + estimate**above / above
        )
    return deviance


def _explained_deviance(name: str, truth: Floats, estimate: Floats, power: float) -> Plan:
    """Plan the share of the deviance from the mean that the model takes away."""
    deviance = _deviance(name, truth, estimate, power)
    # The deviance from the mean is made of the sums of these, whatever the mean is of these weights.
    if power == _POISSON:
        from scipy.special import xlogy

        own = xlogy(truth, truth)
    elif power == _GAMMA:
        own = np.log(truth)
    elif power == _NORMAL:
        truth = truth - np.median(truth)
        own = truth**2
    else:
        own = (np.maximum(truth, 0) if power < 0 else truth) ** (2 - power)

    def finish(sums: Floats) -> Floats:
        model, pure, level, total = sums.T
        mean = level / total
        return _explained(model, _from_mean(pure, mean, total, power), np.abs(pure))

    columns = (deviance, own, truth)
    return sums_plan(columns, Sums(lambda parts: np.column_stack([*parts, np.ones(len(parts[0]))]), finish))


def _from_mean(pure: Floats, mean: Floats, total: Floats, power: float) -> Floats:
    """Return the summed deviance of the truth from its mean; ``pure`` is the sum of the part without the mean."""
    from scipy.special import xlogy

    if power == _NORMAL:
        return pure - total * mean**2
    if power == _POISSON:
        poisson: Floats = 2 * (pure - total * xlogy(mean, mean))
        return poisson
    if power == _GAMMA:
        return 2 * (total * np.log(mean) - pure)
    above, below = 2 - power, 1 - power
    # An estimate, as the mean is here, has to be above zero.
    level = np.where(mean > 0, mean, np.nan)
    return 2 * (pure / (below * above) - total * level**above / (below * above))


def _variance_plan(truth: Floats, error: Floats, *, biased: bool) -> Plan:
    """Plan 1 minus the error's share of the truth's variance; unless ``biased``, a constant error is none."""
    # By the median: a resample may leave out the one value that has moved the mean far away from all others.
    centred, off = truth - np.median(truth), error - (0.0 if biased else np.median(error))

    def expand(columns: tuple[Floats, ...]) -> Floats:
        y, e = columns
        return np.column_stack([y, y**2, e, e**2, np.ones(len(y))])

    def finish(sums: Floats) -> Floats:
        y, yy, e, ee, total = sums.T
        left = ee if biased else ee - e**2 / total
        left = np.where(left > _ROUNDING * ee, left, 0.0)
        return _explained(left, yy - y**2 / total, yy)

    return sums_plan((centred, off), Sums(expand, finish))


def _explained(left: Floats, whole: Floats, scale: Floats) -> Floats:
    """Return 1 - left / whole; where nothing varies it is 1 for a perfect model and else 0, as scikit-learn has it."""
    varies = whole > 1e-14 * scale
    share = np.divide(left, whole, out=np.zeros_like(left), where=varies)
    return np.where(varies, 1 - share, np.where(left > 0, 0.0, 1.0))


def _largest(columns: tuple[Floats, ...]) -> Statistic:
    order = np.argsort(-columns[0], kind="stable")
    descending = columns[0][order]
    return lambda weights: descending[(weights[:, order] > 0).argmax(axis=1)]


def _median(columns: tuple[Floats, ...]) -> Statistic:
    order = np.argsort(columns[0], kind="stable")
    ascending = columns[0][order]

    def statistic(weights: Floats) -> Floats:
        below = np.cumsum(weights[:, order], axis=1)
        half = below[:, -1:] / 2
        # Between two rows, where the half falls just there.
        middle: Floats = (
            ascending[(below >= half).argmax(axis=1)] + ascending[(below > half).argmax(axis=1)]
        ) / 2
        return middle

    return statistic


def _beyond_quantile(columns: tuple[Floats, ...], alpha: float) -> Statistic:
    """Compare a pinball loss with that of the best constant, which is the truth's quantile."""
    truth, loss = columns
    order = np.argsort(truth, kind="stable")
    ascending, own = truth[order], loss[order]

    def statistic(weights: Floats) -> Floats:
        ordered = weights[:, order]
        below = np.cumsum(ordered, axis=1)
        place = (below >= alpha * below[:, -1:]).argmax(axis=1)
        level = ascending[place]
        # Of the sums below and above the quantile, so that no row needs a difference of its own.
        amount = np.cumsum(ordered * ascending, axis=1)
        every = np.arange(len(ordered))
        under, under_weight = amount[every, place], below[every, place]
        best = (1 - alpha) * (level * under_weight - under) + alpha * (
            amount[:, -1] - under - level * (below[:, -1] - under_weight)
        )
        return _explained(ordered @ own, best, np.abs(amount[:, -1]))

    return statistic


_OF_ERROR: dict[str, Callable[[Floats, Floats], Plan]] = {
    "mean_absolute_error": lambda truth, estimate: mean_plan(np.abs(estimate - truth)),
    "mean_squared_error": lambda truth, estimate: mean_plan((estimate - truth) ** 2),
    "root_mean_squared_error": lambda truth, estimate: mean_plan((estimate - truth) ** 2, np.sqrt),
    "mean_squared_log_error": _squared_log("mean_squared_log_error"),
    "root_mean_squared_log_error": _squared_log("root_mean_squared_log_error"),
    "mean_absolute_percentage_error": _relative,
    "median_absolute_error": lambda truth, estimate: Plan((np.abs(estimate - truth),), _median),
    "max_error": lambda truth, estimate: Plan((np.abs(estimate - truth),), _largest),
    "r2": lambda truth, estimate: _variance_plan(truth, estimate - truth, biased=True),
    "explained_variance": lambda truth, estimate: _variance_plan(truth, estimate - truth, biased=False),
}
