from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from jupyter_mlops.stats import delong

rows = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 2.5, -1.0])), min_size=4, max_size=50
)


@given(rows=rows)
def test_the_area_is_scikit_learns(rows: list[tuple[bool, float]]) -> None:
    truth, scores = (np.array(side) for side in zip(*rows, strict=True))
    area = delong.roc_auc(truth, scores)
    expected = delong.expected_auc(truth.astype(float), scores)
    if min(truth.sum(), (~truth).sum()) < 2:
        assert area is None
    else:
        assert area is not None
        assert area.value == pytest.approx(roc_auc_score(truth, scores))
    if 0 < truth.sum() < len(truth):
        assert expected == pytest.approx(roc_auc_score(truth, scores))
    else:
        assert expected is None


def test_the_error_is_that_of_repeated_samples() -> None:
    random = np.random.default_rng(0)
    areas = []
    for _ in range(400):
        truth = random.random(300) < 0.3
        areas.append(delong.roc_auc(truth, random.normal(size=300) + truth))
    values = np.array([area.value for area in areas if area])
    errors = np.array([area.error for area in areas if area])
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)
