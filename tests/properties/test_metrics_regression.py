"""Metrics of regression and forecasts against scikit-learn, or the formula written out, over odd data and odd weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.evaluation.metrics.quality import quality_plan
from jupyter_mlops.evaluation.rows import Forecast, NotMeasurableError, Predictions, TestRows
from tests.properties.measured import FEW, Case, estimates, figure, repeated, same

if TYPE_CHECKING:
    from collections.abc import Callable


OF_NUMBERS: dict[str, Callable[..., float]] = {
    "r2": sk.r2_score,
    "explained_variance": sk.explained_variance_score,
    "mean_absolute_error": sk.mean_absolute_error,
    "mean_squared_error": sk.mean_squared_error,
    "root_mean_squared_error": sk.root_mean_squared_error,
    "mean_squared_log_error": sk.mean_squared_log_error,
    "root_mean_squared_log_error": sk.root_mean_squared_log_error,
    "mean_absolute_percentage_error": sk.mean_absolute_percentage_error,
    "median_absolute_error": sk.median_absolute_error,
    "max_error": sk.max_error,
    "mean_poisson_deviance": sk.mean_poisson_deviance,
    "mean_gamma_deviance": sk.mean_gamma_deviance,
    "d2_absolute_error": sk.d2_absolute_error_score,
}


@FEW
@given(estimates(), st.sampled_from([-1.5, 0, 1, 1.5, 2, 3]), st.sampled_from([0.05, 0.5, 0.9]))
@pytest.mark.filterwarnings("ignore")
def test_regression(drawn: Any, power: float, alpha: float) -> None:
    truth, estimate, weights = drawn
    rows, said = TestRows("regression", truth), Predictions(estimate)
    t, e = repeated(weights, truth, estimate)
    asked: list[tuple[str, Case, Callable[..., float]]] = [
        (name, {}, theirs) for name, theirs in OF_NUMBERS.items()
    ]
    asked += [
        ("mean_tweedie_deviance", {"power": power}, sk.mean_tweedie_deviance),
        ("d2_tweedie", {"power": power}, sk.d2_tweedie_score),
        ("d2_pinball", {"alpha": alpha}, sk.d2_pinball_score),
        ("mean_pinball_loss", {"alpha": alpha}, sk.mean_pinball_loss),
    ]
    for name, keywords, theirs in asked:
        if len(np.unique(t)) == 1 and name in ("d2_tweedie", "explained_variance"):
            continue  # scikit-learn divides by a rounding error, or by zero
        try:
            expected = theirs(t, e, **keywords)
        except (
            ValueError
        ):  # out of the range it is defined for; the rows without weight may be what is out of it
            continue
        try:
            ours = figure(name, rows, said, weights, **keywords)
        except NotMeasurableError:
            assert weights.min() == 0
            continue
        same(ours, expected, (name, keywords))


def test_where_nothing_varies() -> None:
    rows = TestRows("regression", np.full(7, 3.3))
    for name in ("r2", "explained_variance", "d2_absolute_error", "d2_pinball", "d2_tweedie"):
        assert figure(name, rows, Predictions(np.full(7, 3.3))) == 1, name
        assert figure(name, rows, Predictions(np.arange(7.0))) == 0, name


@pytest.mark.parametrize(
    "name, keywords, truth, estimate, reason",
    [
        ("mean_squared_log_error", {}, [0.0, -1.0], [1.0, 1.0], "above -1"),
        ("mean_poisson_deviance", {}, [1.0, 0.0], [1.0, 0.0], "predictions above 0"),
        ("mean_gamma_deviance", {}, [1.0, 0.0], [1.0, 1.0], "true values above 0"),
        ("mean_tweedie_deviance", {"power": 1.5}, [1.0, -1.0], [1.0, 1.0], "true values of at least 0"),
        ("r2", {}, [1.0, 2.0], [1.0, np.nan], "1 predictions are not finite numbers"),
        ("r2", {}, [1.0, np.inf], [1.0, 1.0], "1 true values are not finite numbers"),
        ("r2", {}, ["a", "b"], [1.0, 1.0], "needs numbers"),
    ],
)
def test_numbers_that_a_figure_is_not_defined_for(
    name: str, keywords: Case, truth: Any, estimate: Any, reason: str
) -> None:
    with pytest.raises(NotMeasurableError, match=reason):
        figure(name, TestRows("regression", np.array(truth)), Predictions(np.array(estimate)), **keywords)


@FEW
@given(estimates(), st.floats(0.1, 3))
def test_quantile_forecasts(drawn: Any, width: float) -> None:
    truth, middle, weights = drawn
    levels = (0.05, 0.5, 0.95)
    quantiles = np.column_stack([middle - width, middle, middle + 2 * width])
    said = Predictions(middle, forecast=Forecast(middle, None, levels, quantiles))
    rows = TestRows("regression", truth)
    t, q = repeated(weights, truth, quantiles)
    losses = [sk.mean_pinball_loss(t, q[:, place], alpha=level) for place, level in enumerate(levels)]
    for level, loss in zip(levels, losses, strict=True):
        same(figure("mean_pinball_loss", rows, said, weights, alpha=level), loss, level)
    same(figure("crps", rows, said, weights), 2 * np.mean(losses), "crps")
    inside = (q[:, 0] <= t) & (t <= q[:, 2])
    same(figure("interval_coverage", rows, said, weights, level=0.9), inside.mean(), "coverage")
    same(figure("interval_width", rows, said, weights), (q[:, 2] - q[:, 0]).mean(), "width")
    # An interval's score is that of its two quantiles, scaled.
    score = 2 / 0.1 * (losses[0] + losses[2])
    same(figure("interval_score", rows, said, weights), score, "score")
    with pytest.raises(
        NotMeasurableError, match=r"needs the quantile at 0.1; the model answers those at 0.05, 0.5, 0.95"
    ):
        figure("interval_width", rows, said, level=0.8)


@pytest.mark.parametrize("truth", [-3.0, 0.0, 0.4, 12.0])
@pytest.mark.parametrize("std", [0.0, 0.01, 1.0, 5.0])
def test_normal_forecasts(truth: float, std: float) -> None:
    mean = np.array([0.5, 0.5])
    said = Predictions(mean, forecast=Forecast(mean, np.array([std, std])))
    rows = TestRows("regression", np.array([truth, truth]))
    ours = figure("crps", rows, said)
    if std == 0:
        assert ours == pytest.approx(abs(truth - 0.5))
        return
    # The definition: the squared distance of the distribution from the step at the truth.
    law = stats.norm(0.5, std)
    grid = np.sort(np.append(np.linspace(0.5 - 10 * std, 0.5 + 10 * std, 20_001), truth))
    below, above = grid[grid <= truth], grid[grid >= truth]
    area = np.trapezoid(law.cdf(below) ** 2, below) + np.trapezoid(law.sf(above) ** 2, above)
    assert ours == pytest.approx(area, rel=1e-5)
    low, high = law.ppf([0.1, 0.9])
    assert figure("interval_width", rows, said, level=0.8) == pytest.approx(high - low)
    assert figure("interval_coverage", rows, said, level=0.8) == (low <= truth <= high)
    same(
        figure("mean_pinball_loss", rows, said, alpha=0.1),
        sk.mean_pinball_loss([truth], [low], alpha=0.1),
        "",
    )


def test_quantiles_that_cross_or_are_no_numbers() -> None:
    rows, levels = TestRows("regression", np.arange(3.0)), (0.1, 0.5, 0.9)
    crossed = np.array([[0, 1, 2], [2, 1, 3], [1, 1, 1.0]])
    said = Predictions(crossed[:, 1], forecast=Forecast(crossed[:, 1], None, levels, crossed))
    assert quality_plan("crps", rows, said).note == "quantiles cross in 1 rows"
    crossed[0, 0] = np.nan
    with pytest.raises(NotMeasurableError, match="the quantiles of 1 rows are not finite numbers"):
        figure("crps", rows, said)


def test_a_point_has_no_spread() -> None:
    rows, said = TestRows("regression", np.arange(3.0)), Predictions(np.ones(3))
    assert figure("mean_pinball_loss", rows, said) == pytest.approx(1 / 3)
    for name in ("crps", "interval_coverage", "interval_width", "interval_score"):
        with pytest.raises(NotMeasurableError, match=f"{name} needs a forecast's spread"):
            figure(name, rows, said)


def test_nothing_in_the_catalogue_is_left_untested() -> None:
    texts = [path.read_text() for path in Path(__file__).parent.glob("test_metrics_*.py")]
    assert [name for name in sorted(names.QUALITY) if not any(f'"{name}"' in text for text in texts)] == []
