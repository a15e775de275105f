"""Intervals and p-values of shares, areas and the worst of several, against scipy, published examples and by simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jupyter_mlops.stats import ranking
from jupyter_mlops.stats.corrections import benjamini_hochberg, holm
from jupyter_mlops.stats.delong import roc_auc
from jupyter_mlops.stats.intervals import Certain, Corrected, Law, Normal, Stated, Studentized
from jupyter_mlops.stats.linear import gradients
from jupyter_mlops.stats.shares import Independent, Matched, Wilson
from jupyter_mlops.stats.worst import Apart, Worst

RANDOM = np.random.default_rng(8)
DRAWS = np.sort(RANDOM.gamma(9, 0.1, 4_000))
LAWS: list[Law] = [
    Wilson(180, 200),
    Wilson(0, 40),
    Wilson(40, 40),
    Wilson(77, 120, harmonic=True),
    Matched(12, 5, 300),
    Matched(0, 0, 300),
    Matched(300, 0, 300),
    Independent(Wilson(30, 60), Wilson(10, 40)),
    Normal(0.8, 0.02, "DeLong", share=True),
    Normal(-0.1, 0.02, "DeLong", freedom=7),
    Studentized(0.9, 0.1, (DRAWS - 0.9) / 0.3, 100, "t"),
    Studentized(0.9, 0.1, (DRAWS - 0.9) / 0.3, 20, "t"),
    Corrected(0.9, DRAWS, 0.08, "BCa"),
    Worst((Wilson(40, 50), Wilson(45, 50)), highest=False),
    Worst((Wilson(40, 50), Wilson(45, 50)), highest=True),
    Stated(0.9, Wilson(180, 200).interval, "stated"),
]


def names(law: Law) -> str:
    return type(law).__name__


@pytest.mark.parametrize("law", LAWS, ids=names)
def test_an_interval_ends_where_the_p_value_is_half_of_what_it_misses(law: Law) -> None:
    for level in (0.8, 0.95):
        low, high = law.interval(level)
        half = (1 - level) / 2
        if 0 < abs(low) < 1:
            assert law.p_value(low, above=True) == pytest.approx(half, abs=0.004)
        if 0 < abs(high) < 1:
            assert law.p_value(high, above=False) == pytest.approx(half, abs=0.004)


@pytest.mark.parametrize("law", LAWS, ids=names)
def test_p_values_grow_with_the_bound_and_intervals_with_the_level(law: Law) -> None:
    above = [law.p_value(bound, above=True) for bound in np.linspace(-1.2, 2.2, 60)]
    below = [law.p_value(bound, above=False) for bound in np.linspace(-1.2, 2.2, 60)]
    assert np.all(np.diff(above) >= -1e-6)
    assert np.all(np.diff(below) <= 1e-6)
    assert 0 <= min(above + below) <= max(above + below) <= 1
    ends = np.array([law.interval(level) for level in (0.5, 0.8, 0.95, 0.99)])
    assert np.all(np.diff(ends[:, 0]) <= 1e-9)
    assert np.all(np.diff(ends[:, 1]) >= -1e-9)
    assert law.method


def test_what_is_certain_is_tested_by_itself() -> None:
    same = Certain(0.0)
    assert same.interval() == (0.0, 0.0)
    assert [same.p_value(bound, above=True) for bound in (-0.1, 0.0, 0.1)] == [0, 1, 1]
    assert [same.p_value(bound, above=False) for bound in (-0.1, 0.0, 0.1)] == [1, 1, 0]


@given(hits=st.integers(0, 60), rows=st.integers(1, 60))
def test_one_share_is_scipys_wilson(hits: int, rows: int) -> None:
    hits = min(hits, rows)
    theirs = stats.binomtest(hits, rows).proportion_ci(method="wilson")
    assert Wilson(hits, rows).interval() == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_the_f1_of_counts_is_that_of_its_share() -> None:
    hits, missed, wrong = 60.0, 15.0, 25.0
    low, high = Wilson(hits, hits + missed + wrong, harmonic=True).interval()
    plain = Wilson(hits, hits + missed + wrong).interval()
    assert (low, high) == pytest.approx(tuple(2 * end / (1 + end) for end in plain))
    assert low < 2 * hits / (2 * hits + missed + wrong) < high


@given(first=st.integers(0, 40), second=st.integers(0, 40), same=st.integers(0, 200))
def test_without_a_margin_tango_is_mcnemar(first: int, second: int, same: int) -> None:
    rows = first + second + same
    if not first + second:
        return
    # McNemar's statistic without continuity correction.
    score = (first - second) / np.sqrt(first + second)
    assert Matched(first, second, rows).p_value(0.0, above=True) == pytest.approx(
        stats.norm.sf(score), abs=1e-9
    )


@pytest.mark.parametrize("only_first, only_second", [(0.05, 0.05), (0.1, 0.05), (0.3, 0.1), (0.2, 0.2)])
def test_tangos_interval_covers_by_counting_all_tables(only_first: float, only_second: float) -> None:
    rows, covered = 60, 0.0
    true = only_first - only_second
    for first in range(rows + 1):
        for second in range(rows + 1 - first):
            chance = stats.multinomial.pmf(
                [first, second, rows - first - second],
                rows,
                [only_first, only_second, 1 - only_first - only_second],
            )
            if chance > 1e-9:
                low, high = Matched(first, second, rows).interval()
                covered += chance * (low <= true <= high)
    assert 0.93 <= covered <= 0.975


@given(
    first=st.integers(0, 30), second=st.integers(0, 30), same=st.integers(1, 100), margin=st.floats(-0.5, 0.5)
)
def test_the_score_with_a_margin_is_at_the_most_likely_rates(
    first: int, second: int, same: int, margin: float
) -> None:
    rows = first + second + same
    score = Matched(first, second, rows)._score(margin)
    # The rate of rows where only the second hits, that makes the counts most likely under the margin, by search.
    rates = np.linspace(max(0, -margin), (1 - margin) / 2, 20_001)[1:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        fits = stats.multinomial.logpmf(
            [first, second, same], rows, np.column_stack([rates + margin, rates, 1 - 2 * rates - margin])
        )
    rate = rates[np.nanargmax(fits)]
    expected = (first - second - rows * margin) / np.sqrt(rows * (2 * rate + margin * (1 - margin)))
    assert score == pytest.approx(expected, abs=0.02 * max(1, abs(expected)))


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_newcombes_own_examples(first: Any, second: Any, expected: Any) -> None:
    """Newcombe (1998), Interval estimation for the difference between independent proportions, table II, method 10."""
    assert Independent(Wilson(*first), Wilson(*second)).interval() == pytest.approx(expected, abs=5.1e-5)


def test_tangos_interval_of_airways() -> None:
    """Fagerland, Lydersen and Laake (2014), paired binomial proportions: airway hyper-responsiveness, 1 and 7 of 21."""
    found = Matched(1, 7, 21)
    assert found.interval() == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert 2 * found.p_value(0.0, above=False) == pytest.approx(0.034, abs=5e-4)


# Albumin, total protein, the Krebs-Goldman score and the outcome.
OVARIAN = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1  3.8 5.7 5 1
3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0
4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1
4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1
2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""


def test_delongs_own_patients() -> None:
    """DeLong, DeLong and Clarke-Pearson's ovarian cancer data (1988), as in SAS/STAT's guide to PROC LOGISTIC's ROC."""
    albumin, protein, score, outcome = np.array(OVARIAN.split(), dtype=np.float64).reshape(-1, 4).T
    scores = (albumin, protein, -score)
    areas = [roc_auc(outcome, each) or (0.0, 0.0) for each in scores]
    expected = ((0.7366, 0.0927), (0.6478, 0.1000), (0.7258, 0.1028))
    np.testing.assert_allclose(areas, expected, atol=5.1e-5)
    moved = [ranking.influence("roc_auc", outcome, each) for each in scores]
    errors = [np.linalg.norm(each - moved[2]) for each in moved[:2]]
    np.testing.assert_allclose(errors, (0.0953, 0.1046), atol=5.1e-5)


def test_a_part_of_a_figure_is_taken_away_as_that_part() -> None:
    law = Wilson(40, 50)
    whole, half = (Apart((0.8, 0.8), (law, law), 0.0, factor) for factor in (1.0, 0.5))
    assert whole.interval() == pytest.approx(Independent(law, law).interval())
    low, high = half.interval()
    assert low < 0.4 < high
    assert low == pytest.approx(0.4 - np.hypot(0.8 - law.interval()[0], (law.interval()[1] - 0.8) / 2))


@pytest.mark.parametrize("ties", [1, 3])
def test_the_errors_of_areas_are_delongs(ties: int) -> None:
    positive = RANDOM.integers(0, 2, 150).astype(np.float64)
    first, second = (np.round(positive + RANDOM.normal(size=150), ties) for _ in range(2))
    found = roc_auc(positive, first)
    assert found is not None
    moved = ranking.influence("roc_auc", positive, first)
    assert float(np.sqrt(moved @ moved)) == pytest.approx(found.error, rel=1e-9)
    # Two areas of the same rows, by the covariances of DeLong, DeLong and Clarke-Pearson (1988), written out.
    (ones1, zeros1), (ones2, zeros2) = (_placements(positive, scores) for scores in (first, second))
    ones, zeros = np.cov(ones1, ones2), np.cov(zeros1, zeros2)
    covariance = ones / positive.sum() + zeros / (1 - positive).sum()
    gap = moved - ranking.influence("roc_auc", positive, second)
    assert float(gap @ gap) == pytest.approx(
        covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], rel=1e-9
    )


def _placements(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ones, zeros = scores[positive > 0][:, np.newaxis], scores[positive == 0]
    right = (ones > zeros) + 0.5 * (ones == zeros)
    return right.mean(axis=1), right.mean(axis=0)


def test_the_worst_of_many_alike_is_no_news() -> None:
    # Ten slices with the same accuracy of 0.8: the worst one's interval covers it at least as often as it says.
    covered = 0
    for _ in range(400):
        hits = RANDOM.binomial(100, 0.8, 10)
        low, high = Worst(tuple(Wilson(hit, 100) for hit in hits), highest=False).interval()
        covered += low <= 0.8 <= high
    assert covered >= 0.95 * 400 - 3 * np.sqrt(400 * 0.05 * 0.95)


def test_a_clear_worst_has_its_own_interval() -> None:
    clear = Worst((Wilson(500, 1_000), Wilson(950, 1_000)), highest=False)
    low, high = clear.interval()
    alone = Wilson(500, 1_000).interval()
    assert low == alone[0]
    assert high == pytest.approx(alone[1], abs=0.003)


@given(p_values=st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_holm_is_between_no_correction_and_bonferroni(p_values: list[float | None]) -> None:
    corrected = holm(p_values)
    tested = [p for p in p_values if p is not None]
    for raw, found, false_discoveries in zip(p_values, corrected, benjamini_hochberg(p_values), strict=True):
        if raw is None or found is None or false_discoveries is None:
            assert raw is None
            assert found is None
            continue
        assert raw <= found <= min(1.0, raw * len(tested)) + 1e-15
        assert found >= false_discoveries - 1e-12


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, None, 0.03, 0.005]) == pytest.approx([0.03, 0.06, None, 0.06, 0.02])


def test_holm_keeps_the_chance_of_any_error() -> None:
    p_values = RANDOM.random((4_000, 5))
    wrong = np.mean([min(p for p in holm(list(row)) if p is not None) <= 0.05 for row in p_values])
    assert wrong == pytest.approx(0.05, abs=0.012)


@settings(max_examples=30)
@given(totals=st.lists(st.floats(1, 100), min_size=3, max_size=3))
def test_gradients_are_the_derivatives(totals: list[float]) -> None:
    sums = np.array([totals])
    found = gradients(lambda t: t[:, 0] * np.log(t[:, 1]) + 0 * t[:, 2], sums, np.array([1.0, 0.5, 0.0]))
    expected = [np.log(totals[1]), totals[0] / totals[1], 0.0]
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-6)
