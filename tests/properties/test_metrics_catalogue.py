"""Every metric of the catalogue against scikit-learn, or the formula written out, over odd data and odd weights."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from jupyter_mlops.evaluation import names
from jupyter_mlops.evaluation.quality import quality_plan
from jupyter_mlops.evaluation.rows import Forecast, NotMeasurableError, Predictions, TestRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Case = dict[str, Any]
FEW = settings(max_examples=int(os.environ.get("JUPYTER_MLOPS_TEST_EXAMPLES", "40")), deadline=None)
KINDS: dict[str, Callable[[NDArray[np.int64]], NDArray[Any]]] = {
    "whole": lambda codes: codes - 1,
    "text": lambda codes: np.array(["no", "yes", "ä b", "-1"])[codes],
    "objects": lambda codes: np.array(["a", "b", "c", "d"], dtype=object)[codes],
    "floats": lambda codes: codes * 1.0 + 1,
}
# Values that repeat, so that there are ties; none so large that a square is lost in another.
NUMBERS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0, 2.0, 3.0, 7.5, 100.0, 1e6])
tested: set[str] = set()


def figure(
    name: str, rows: TestRows, predictions: Predictions, weights: Any = None, **keywords: Any
) -> float:
    """Measure as a gate does: the plan's statistic for one set of weights."""
    tested.add(name)
    plan = quality_plan(name, rows, predictions, keywords)
    counts = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
    with np.errstate(all="ignore"):
        return float(plan.build(plan.columns)(counts[np.newaxis, :])[0])


def same(ours: float, theirs: Any, what: Any) -> None:
    assert ours == pytest.approx(float(theirs), rel=1e-9, abs=1e-9, nan_ok=True), what


def repeated(weights: Any, *columns: Any) -> list[Any]:
    return [np.repeat(np.asarray(column), weights, axis=0) for column in columns]


@st.composite
def answers(draw: st.DrawFn, most: int = 4) -> tuple[Any, Any, Any, Any, int]:
    """Draw labels, predicted labels, weights (0 among them) and classes."""
    classes = draw(st.integers(2, most))
    size = draw(st.integers(2, 30))
    codes = arrays(np.int64, size, elements=st.integers(0, classes - 1))
    truth, predicted = draw(codes), draw(codes)
    weights = draw(arrays(np.int64, size, elements=st.sampled_from([1, 1, 1, 0, 2, 3])))
    assume(weights.sum() > 1)
    kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    return kind(truth), kind(predicted), weights, kind(np.arange(classes)), classes


@FEW
@given(answers(), st.sampled_from([0.5, 1.0, 2.0]))
@pytest.mark.filterwarnings("ignore")
def test_labels(drawn: Any, beta: float) -> None:
    truth, predicted, weights, classes, _ = drawn
    rows, said = TestRows("classification", truth), Predictions(predicted)
    t, p = repeated(weights, truth, predicted)
    for name, theirs in (
        ("accuracy", sk.accuracy_score),
        ("zero_one_loss", sk.zero_one_loss),
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("matthews_corrcoef", sk.matthews_corrcoef),
        ("cohen_kappa", sk.cohen_kappa_score),
    ):
        same(figure(name, rows, said, weights), theirs(t, p), name)
    adjusted = figure("balanced_accuracy", rows, said, weights, adjusted=True)
    if len(np.unique(t)) > 1:
        same(adjusted, sk.balanced_accuracy_score(t, p, adjusted=True), "adjusted")
    for apart in ("linear", "quadratic"):
        # Over the rows as they are: without a class between them two others come nearer.
        ours = _kappa(rows, said, apart)
        same(ours, sk.cohen_kappa_score(truth, predicted, weights=apart), apart)
    of_classes: dict[str, Any] = {
        "precision": sk.precision_score,
        "recall": sk.recall_score,
        "f1": sk.f1_score,
        "jaccard": sk.jaccard_score,
        "fbeta": lambda *a, **k: sk.fbeta_score(*a, beta=beta, **k),
    }
    for name, theirs in of_classes.items():
        more = {"beta": beta} if name == "fbeta" else {}
        for average in ("macro", "micro", "weighted"):
            ours = figure(name, rows, said, weights, average=average, **more)
            same(ours, theirs(t, p, average=average, zero_division=0), (name, average))
        for one in np.unique(np.concatenate([truth, predicted])):
            ours = figure(name, rows, said, weights, pos_label=one, **more)
            same(ours, theirs(t == one, p == one, zero_division=0), (name, one))
    for one in np.unique(np.concatenate([truth, predicted])):
        ours = figure("specificity", rows, said, weights, pos_label=one)
        same(ours, sk.recall_score(t != one, p != one, zero_division=0), "specificity")
    seen = np.unique(np.concatenate([t, p]))
    each = [sk.recall_score(t != one, p != one, zero_division=0) for one in seen]
    same(figure("specificity", rows, said, weights, average="macro"), np.mean(each), "specificity")
    everyone = figure(
        "specificity", rows, Predictions(predicted, classes=tuple(classes)), weights, average="micro"
    )
    assert 0 <= everyone <= 1


def _kappa(rows: TestRows, said: Predictions, apart: str) -> float:
    plan = quality_plan("cohen_kappa", rows, said, {"weights": apart})
    return float(plan.build(plan.columns)(np.ones((1, len(rows))))[0])


@st.composite
def scored(draw: st.DrawFn) -> tuple[Any, Any, Any, Any]:
    """Draw true classes, all of which occur, probabilities with ties, and weights."""
    classes = draw(st.integers(2, 4))
    size = draw(st.integers(classes, 25))
    codes = draw(arrays(np.int64, size, elements=st.integers(0, classes - 1)))
    codes[:classes] = np.arange(classes)
    raw = draw(arrays(np.float64, (size, classes), elements=st.sampled_from([0.0, 0.1, 0.1, 0.5, 1.0, 3.0])))
    raw[raw.sum(axis=1) == 0] = 1.0
    weights = draw(arrays(np.int64, size, elements=st.sampled_from([1, 1, 2, 0, 3])))
    weights[:classes] = np.maximum(weights[:classes], 1)
    kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    names_of = kind(np.arange(classes))
    return kind(codes), raw / raw.sum(axis=1, keepdims=True), weights, names_of


@FEW
@given(scored())
@pytest.mark.filterwarnings("ignore")
def test_scores(drawn: Any) -> None:
    truth, chances, weights, classes = drawn
    # The columns as the model has them, which is the order of its classes and not always that of the alphabet.
    order = np.argsort(classes)
    said = Predictions(truth, chances, tuple(classes.tolist()))
    rows = TestRows("classification", truth)
    t, c = repeated(weights, truth, chances[:, order])
    ordered = classes[order]
    two = len(classes) == 2
    s = (repeated(weights, chances)[0][:, 1]) if two else c
    codes = np.searchsorted(ordered, t)
    positive = (t == classes[1]).astype(int)
    same(figure("log_loss", rows, said, weights), sk.log_loss(t, c, labels=ordered), "log_loss")
    brier = (
        sk.brier_score_loss(positive, s)
        if two
        else sk.brier_score_loss(codes, c, labels=np.arange(len(classes)))
    )
    same(figure("brier_score", rows, said, weights), brier, "brier")
    same(
        figure("d2_log_loss", rows, said, weights), sk.d2_log_loss_score(t, c, labels=ordered), "d2_log_loss"
    )
    d2 = (
        sk.d2_brier_score(positive, s) if two else sk.d2_brier_score(codes, c, labels=np.arange(len(classes)))
    )
    same(figure("d2_brier", rows, said, weights), d2, "d2_brier")
    if two:
        same(figure("roc_auc", rows, said, weights), sk.roc_auc_score(positive, s), "auc")
        same(figure("average_precision", rows, said, weights), sk.average_precision_score(positive, s), "ap")
    hot = np.eye(len(classes))[codes]
    for average in ("macro", "micro", "weighted"):
        ours = figure("roc_auc", rows, said, weights, average=average)
        same(ours, sk.roc_auc_score(hot, c, average=average), ("auc", average))
        ours = figure("average_precision", rows, said, weights, average=average)
        same(ours, sk.average_precision_score(hot, c, average=average), ("ap", average))
        if average != "micro" and not two:
            ours = figure("roc_auc", rows, said, weights, average=average, multi_class="ovo")
            same(ours, sk.roc_auc_score(codes, c, average=average, multi_class="ovo"), ("ovo", average))
    for place, one in enumerate(classes):
        ours = figure("roc_auc", rows, said, weights, pos_label=one)
        same(ours, sk.roc_auc_score(t == one, repeated(weights, chances)[0][:, place]), one)
    k = 1 if two else 2
    if np.array_equal(order, np.arange(len(classes))):
        ours = figure("top_k_accuracy", rows, said, weights, k=k)
        theirs = sk.top_k_accuracy_score(positive if two else codes, s, k=k, labels=np.arange(len(classes)))
        same(ours, theirs, "top_k")
    if two:
        _calibration(rows, said, weights, positive, s)


def _calibration(rows: TestRows, said: Predictions, weights: Any, positive: Any, chance: Any) -> None:
    for bins in (1, 5, 10):
        frequency, mean = calibration_curve(positive, chance, n_bins=bins)
        place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], chance)
        sizes = np.bincount(place, minlength=bins)
        expected = np.sum(np.abs(frequency - mean) * sizes[sizes > 0]) / len(chance)
        same(figure("expected_calibration_error", rows, said, weights, n_bins=bins), expected, bins)
    assert 0 <= figure("expected_calibration_error", rows, said, weights, strategy="quantile") <= 1


@st.composite
def estimates(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    size = draw(st.integers(2, 30))
    column = arrays(np.float64, size, elements=NUMBERS)
    weights = draw(arrays(np.int64, size, elements=st.sampled_from([1, 1, 1, 0, 2, 3])))
    assume(weights.sum() > 1)
    return draw(column), draw(column), weights


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


@st.composite
def listed(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    size = draw(st.integers(2, 40))
    relevance = draw(arrays(np.float64, size, elements=st.sampled_from([0.0, 0.0, 1.0, 2.0, 3.0])))
    scores = draw(arrays(np.float64, size, elements=st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0])))
    queries = draw(arrays(np.int64, size, elements=st.integers(0, 5)))
    return relevance, scores, queries


@FEW
@given(listed(), st.sampled_from([None, 1, 2, 3, 50]))
def test_rankings(drawn: Any, k: int | None) -> None:
    relevance, scores, queries = drawn
    texts = np.array([f"q{each}" for each in queries])
    rows, said = TestRows("regression", relevance, features={"query": texts}), Predictions(scores)
    keywords: Case = {"query": "query", **({"k": k} if k else {})}
    lists = [(relevance[queries == one], scores[queries == one]) for one in np.unique(queries)]
    # scikit-learn has no list of one; an irrelevant row at the end changes nothing.
    padded = [(np.append(r, 0.0)[None], np.append(s, -9.0)[None]) for r, s in lists]
    same(figure("dcg", rows, said, **keywords), np.mean([sk.dcg_score(*each, k=k) for each in padded]), "dcg")
    same(
        figure("ndcg", rows, said, **keywords),
        np.mean([sk.ndcg_score(*each, k=k) for each in padded]),
        "ndcg",
    )
    found = [each for each in lists if each[0].any()]
    if not found:
        with pytest.raises(NotMeasurableError, match="no query holds a relevant row"):
            figure("mean_average_precision", rows, said, query="query")
        return
    precision = [sk.average_precision_score(r > 0, s) for r, s in found]
    same(figure("mean_average_precision", rows, said, query="query"), np.mean(precision), "map")
    most = k or 3
    within = {"query": "query", "k": most}
    reciprocal = []
    for r, s in lists:
        ranks = stats.rankdata(-s, "max")[r > 0]
        reciprocal.append(1 / ranks.min() if len(ranks) and ranks.min() <= most else 0.0)
    same(figure("mean_reciprocal_rank", rows, said, **within), np.mean(reciprocal), "mrr")
    hits = [_hits(r, s, most) for r, s in lists]
    same(figure("precision_at_k", rows, said, **within), np.mean(hits) / most, "precision")
    recalls = [_hits(r, s, most) / np.count_nonzero(r) for r, s in found]
    same(figure("recall_at_k", rows, said, **within), np.mean(recalls), "recall")


def _hits(relevance: Any, scores: Any, k: int) -> float:
    """Count the relevant ones among the first k, averaged over the orders that ties leave open."""
    total = 0.0
    for level in np.unique(scores)[::-1]:
        tied = scores == level
        before = np.count_nonzero(scores > level)
        seats = int(np.clip(k - before, 0, np.count_nonzero(tied)))
        total += np.count_nonzero(relevance[tied]) * seats / np.count_nonzero(tied)
    return total


def test_lists_are_resampled_as_a_whole() -> None:
    relevance, scores = np.array([1, 0, 0, 1, 1, 0.0]), np.array([2, 1, 2, 1, 5, 4.0])
    queries = np.array([7, 7, 8, 8, 9, 9])
    plan = quality_plan(
        "ndcg", TestRows("regression", relevance, {"user": queries}), Predictions(scores), {"query": "user"}
    )
    weights = np.array([[1, 0, 1, 0, 0, 0], [0, 1, 1, 1, 0, 1], [2, 0, 0, 0, 1, 0]], dtype=np.float64)
    second = 1 / np.log2(3)
    assert plan.build(plan.columns)(weights) == pytest.approx([(1 + second) / 2, second, 1])
    assert plan.note == "over 3 lists by user"


@pytest.mark.parametrize(
    "truth, predicted, more, reason",
    [
        (["a", "b"], [1.0, 2.0], {}, "needs a relevance as target, and it holds text"),
        ([1.0, -1.0], [1.0, 2.0], {}, "needs a relevance of at least 0"),
        ([1.0, 0.0], ["a", "b"], {}, "needs numbers to rank by"),
        ([1.0, 0.0], [np.nan, 2.0], {}, "1 predictions are not finite numbers"),
        ([1.0, 0.0], [1.0, 2.0], {"query": "user"}, "no column 'user' to make lists by; there are: q"),
    ],
)
def test_what_can_not_be_ranked(truth: Any, predicted: Any, more: Case, reason: str) -> None:
    rows = TestRows("regression", np.array(truth), features={"q": np.array([1, 1])})
    with pytest.raises(NotMeasurableError, match=reason):
        figure("ndcg", rows, Predictions(np.array(predicted)), **{"query": "q", **more})


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


def test_two_classes_are_ranked_by_the_chance_of_the_second() -> None:
    truth, chance = np.array(["no", "yes", "no", "yes"]), np.array([0.1, 0.8, 0.9, 0.7])
    said = Predictions(truth, np.column_stack([1 - chance, chance]), ("no", "yes"))
    rows = TestRows("classification", truth, groups={"user": np.array(["a", "a", "b", "b"])})
    assert figure("mean_reciprocal_rank", rows, said, query="user") == pytest.approx(0.75)
    many = Predictions(truth, np.full((4, 3), 0.3), ("a", "b", "c"))
    with pytest.raises(NotMeasurableError, match="needs a relevance as target, and it holds text"):
        figure("ndcg", rows, many, query="user")
    numbers = TestRows("classification", np.array([0, 1, 2, 0]), groups=rows.groups)
    with pytest.raises(NotMeasurableError, match="needs one score a row; the model has 3 classes"):
        figure("ndcg", numbers, many, query="user")


def test_a_point_has_no_spread() -> None:
    rows, said = TestRows("regression", np.arange(3.0)), Predictions(np.ones(3))
    assert figure("mean_pinball_loss", rows, said) == pytest.approx(1 / 3)
    for name in ("crps", "interval_coverage", "interval_width", "interval_score"):
        with pytest.raises(NotMeasurableError, match=f"{name} needs a forecast's spread"):
            figure(name, rows, said)


def test_many_classes_are_counted_without_a_table_of_them() -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 300, (2, 3_000))
    predicted[::2] = truth[::2]
    rows, said = TestRows("classification", truth), Predictions(predicted)
    with warnings.catch_warnings(action="ignore"):
        same(figure("f1", rows, said), sk.f1_score(truth, predicted, average="macro"), "f1")
        same(figure("matthews_corrcoef", rows, said), sk.matthews_corrcoef(truth, predicted), "mcc")


@pytest.mark.parametrize(
    "name, keywords, reason",
    [
        ("f1", {"average": "binary"}, "average='binary' is for two classes, and there are 3"),
        ("f1", {"pos_label": "z"}, "pos_label='z' is none of the classes 'a', 'b', 'c'"),
        ("roc_auc", {}, "needs predict_proba or decision_function"),
    ],
)
def test_what_labels_do_not_give(name: str, keywords: Case, reason: str) -> None:
    rows = TestRows("classification", np.array(["a", "b", "c"]))
    with pytest.raises(NotMeasurableError, match=reason):
        figure(name, rows, Predictions(rows.truth), **keywords)


def test_nothing_in_the_catalogue_is_left_untested() -> None:
    assert tested >= names.QUALITY
