from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from jupyter_mlops.stats.mmd import mmd


def by_hand(first: np.ndarray, second: np.ndarray, width: float) -> float:
    """The unbiased estimate, written out with scikit-learn's kernel."""
    n, m = len(first), len(second)
    gamma = 1 / (2 * width**2)
    within = (rbf_kernel(first, gamma=gamma).sum() - n) / (n * (n - 1))
    other = (rbf_kernel(second, gamma=gamma).sum() - m) / (m * (m - 1))
    return float(within + other - 2 * rbf_kernel(first, second, gamma=gamma).mean())


@pytest.mark.parametrize("sizes", [(20, 33), (2_048, 30), (1_500, 1_200)])
def test_the_statistic_by_hand(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(5, 1, (sizes[0], 3)), random.normal(5.2, 1, (sizes[1], 3))
    found = mmd(first, second, permutations=20)
    assert found is not None
    assert found.statistic == pytest.approx(by_hand(first, second, found.bandwidth), abs=2e-6)
    distances = np.linalg.norm(first[:500, None] - first[None, :500], axis=-1)
    assert found.bandwidth == pytest.approx(np.median(distances[np.triu_indices(len(distances), 1)]), rel=0.2)
    assert mmd(first, second, permutations=20, bandwidth=1.0) != found


def test_the_level_holds_and_tails_are_fitted() -> None:
    random = np.random.default_rng(1)
    p_values = []
    for _ in range(300):
        found = mmd(random.normal(size=(60, 2)), random.normal(size=(50, 2)), permutations=99)
        assert found is not None
        p_values.append(found.p_value)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.06)
    far = mmd(random.normal(size=(60, 2)), random.normal(2, 1, size=(50, 2)), permutations=99)
    assert far is not None
    assert far.p_value < 1e-5


def test_a_fitted_tail_is_near_the_counted_one() -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(size=(80, 2)), random.normal(0.3, 1, size=(80, 2))
    counted = mmd(first, second, permutations=20_000)
    fitted = mmd(first, second, permutations=300)
    assert counted is not None
    assert fitted is not None
    assert 1e-4 < counted.p_value < 2e-2
    assert fitted.p_value == pytest.approx(counted.p_value, rel=1.0)


def test_no_answer_and_no_difference() -> None:
    assert mmd(np.zeros((19, 2)), np.zeros((40, 2))) is None
    assert mmd(np.zeros((40, 0)), np.zeros((40, 0))) is None
    assert mmd(np.ones((40, 2)), np.ones((40, 2))) == (0.0, 1.0, 0.0)
