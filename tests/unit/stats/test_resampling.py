"""All kernels give the same figures; the weights are what they are said to be."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.evaluation.device.kernels_torch import TorchKernels
from jupyter_mlops.stats import ranking, resampling, weights
from jupyter_mlops.stats.resampling import CompiledKernels, Kernels, NumpyKernels

RANDOM = np.random.default_rng(4)
OTHERS: list[Kernels] = [CompiledKernels(1), CompiledKernels(3), TorchKernels("cpu")]


def names(kernels: Kernels) -> str:
    return kernels.name


@pytest.fixture(params=OTHERS, ids=names)
def other(request: pytest.FixtureRequest) -> Kernels:
    kernels: Kernels = request.param
    return kernels


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 1_003])
def test_sums_and_squares_are_the_same_by_every_kernel(other: Kernels, rows: int) -> None:
    summands, gradients = RANDOM.normal(size=(rows, 3)), RANDOM.normal(size=(60, 3))
    plain = NumpyKernels()
    np.testing.assert_allclose(
        other.sums(7, 60, summands), plain.sums(7, 60, summands), rtol=1e-10, atol=1e-10
    )
    np.testing.assert_allclose(
        other.squares(7, summands, gradients), plain.squares(7, summands, gradients), rtol=1e-10, atol=1e-10
    )


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, np.nan]), st.sampled_from([-np.inf, 0.0, 0.5, 1.0, 1e300, np.inf])
        ),
        min_size=1,
        max_size=60,
    ),
    seed=st.integers(0, 2**63 - 1),
)
def test_rank_metrics_are_the_same_by_every_kernel(rows: list[tuple[float, float]], seed: int) -> None:
    positive, scores = np.array(rows, dtype=np.float64).T
    for kind in ("roc_auc", "average_precision"):
        with np.errstate(all="ignore"):
            plain = NumpyKernels().ranks(seed, 20, kind, positive, scores)
        for other in OTHERS:
            found = other.ranks(seed, 20, kind, positive, scores)
            np.testing.assert_allclose(found, plain, rtol=1e-12)


def test_a_rank_metric_of_no_rows_has_no_value(other: Kernels) -> None:
    nothing = np.full(3, np.nan)
    assert np.isnan(other.ranks(0, 5, "roc_auc", nothing, nothing)).all()


def test_long_data_is_taken_in_parts(other: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    summands = RANDOM.normal(size=(101, 2))
    whole = NumpyKernels().sums(1, 50, summands)
    monkeypatch.setattr(resampling, "CHUNK", 404)
    monkeypatch.setattr("jupyter_mlops.evaluation.device.kernels_torch.CHUNK", 404)
    np.testing.assert_allclose(NumpyKernels().sums(1, 50, summands), whole)
    np.testing.assert_allclose(other.sums(1, 50, summands), whole, rtol=1e-12)
    gradients = RANDOM.normal(size=(50, 2))
    np.testing.assert_allclose(
        NumpyKernels().squares(1, summands, gradients), other.squares(1, summands, gradients), rtol=1e-12
    )


def test_draws_are_poisson_and_hang_together_by_nothing() -> None:
    drawn = weights.poisson(11, 0, 4_000, 500).astype(np.float64)
    assert drawn.mean() == pytest.approx(1, abs=0.005)
    assert drawn.var() == pytest.approx(1, abs=0.01)
    counted = np.bincount(drawn.astype(int).ravel(), minlength=6)[:6] / drawn.size
    chances = np.exp(-1) / np.array([1, 1, 2, 6, 24, 120])
    np.testing.assert_allclose(counted, chances, atol=0.001)
    # Rows, resamples and seeds, next to each other and further apart.
    for columns in (drawn[:, :40].T, drawn[:40]):
        beside = np.asarray(np.corrcoef(columns))[~np.eye(40, dtype=bool)]
        assert abs(beside.mean()) < 0.005
        assert np.abs(beside).max() < 0.2
    other = weights.poisson(12, 0, 4_000, 500).astype(np.float64)
    assert abs(np.mean((drawn - 1) * (other - 1))) < 0.003
    # The totals vary as those of independent draws do.
    assert drawn.sum(axis=1).var() == pytest.approx(500, rel=0.1)


def test_any_resample_can_be_drawn_by_itself() -> None:
    whole = weights.poisson(5, 0, 30, 77)
    np.testing.assert_array_equal(weights.poisson(5, 20, 30, 77), whole[20:])
    np.testing.assert_array_equal(weights.poisson(5, 0, 30, 10), whole[:, :10])


@pytest.mark.parametrize("count", [1, 3, 40, 250_000])
def test_counted_rows_draw_around_their_count(count: float) -> None:
    drawn = weights.poisson_counts(2, 0, 20_000, np.array([count, 7.0]))[:, 0]
    assert drawn.mean() == pytest.approx(count, abs=5 * np.sqrt(count / 20_000))
    assert drawn.var() == pytest.approx(count, rel=0.06)


def test_numpy_counts_what_rows_stand_for() -> None:
    summands = np.array([[1.0, 0.0], [0.0, 1.0]])
    totals = NumpyKernels(np.array([300.0, 700.0])).sums(3, 4_000, summands)
    np.testing.assert_allclose(totals.mean(axis=0), [300, 700], rtol=0.01)
    np.testing.assert_allclose(totals.var(axis=0), [300, 700], rtol=0.1)


def test_small_data_needs_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, resampling._COMPILED, raising=False)
    assert resampling.kernels_for(10_000_000).name == "numpy"
    assert resampling.kernels_for(50_000_000).name.startswith("numba, ")


def test_influences_are_the_derivatives_by_weight() -> None:
    positive = RANDOM.integers(0, 2, 60).astype(np.float64)
    scores = np.round(positive + RANDOM.normal(size=60), 1)
    step = 1e-6 * np.eye(60)
    ones = np.ones((1, 60))
    moved = ranking.influence("average_precision", positive, scores)
    metric = ranking.average_precision(positive, scores)
    np.testing.assert_allclose(moved, (metric(ones + step) - metric(ones - step)) / 2e-6, atol=1e-8)
    # DeLong's deviations have his degrees of freedom in them.
    moved = ranking.influence("roc_auc", positive, scores)
    metric = ranking.roc_auc(positive, scores)
    derivative = (metric(ones + step) - metric(ones - step)) / 2e-6
    rows = np.where(positive > 0, positive.sum(), 60 - positive.sum())
    np.testing.assert_allclose(moved * np.sqrt((rows - 1) / rows), derivative, atol=1e-8)


@pytest.mark.parametrize("kind", ["roc_auc", "average_precision"])
def test_too_few_of_a_class_have_no_influence(kind: str) -> None:
    assert np.isnan(ranking.influence(kind, np.array([1.0, 0.0, 0.0]), np.arange(3.0))).all()
    assert ranking.influence(kind, np.full(2, np.nan), np.arange(2.0)).tolist() == [0, 0]
