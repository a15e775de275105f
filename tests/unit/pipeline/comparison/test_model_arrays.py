"""Every array of a model is found, under a path that leads to it; a changed number is found in exactly one."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jupyter_mlops.pipeline.comparison.model_arrays import compare_models, in_our_words, walk
from jupyter_mlops.pipeline.comparison.values import Tolerance

EXACT, LOOSE = Tolerance(), Tolerance(rtol=1e-6)
ROWS = np.random.default_rng(3).normal(size=(40, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)


class Slotted:
    __slots__ = ("weights",)

    def __init__(self, weights: Any) -> None:
        self.weights = weights


leaves = st.builds(
    lambda values: np.array(values, dtype=float), st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=4)
)
models = st.recursive(
    leaves | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.builds(lambda value: SimpleNamespace(part=value), inner)
        | st.builds(Slotted, inner)
    ),
    max_leaves=8,
)


def count(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return 1
    if isinstance(value, SimpleNamespace):
        return count(value.part)
    if isinstance(value, Slotted):
        return count(value.weights)
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, list | tuple) else 0


@given(models)
def test_every_array_is_found_once_and_its_path_leads_to_it(value):
    copied = copy.deepcopy(value)
    found = walk(copied)
    assert len(found) <= count(copied)  # one that stands in two places counts once
    for path, array in found.items():
        assert eval(path, {"model": copied}) is array  # noqa: S307 - that a path is what Python would write is the law
    assert len({id(array) for array in found.values()}) == len(found)


@given(models, st.data())
def test_a_changed_number_is_found_in_its_array_and_nowhere_else(value, data):
    left, right = copy.deepcopy(value), copy.deepcopy(value)
    found, other = compare_models(left, right, EXACT)
    assert {array.status for array in found} <= {"identical"}
    assert other == ()
    arrays = walk(right)
    if arrays:
        path = data.draw(st.sampled_from(sorted(arrays)))
        arrays[path][0] += 1
        found, _ = compare_models(left, right, EXACT)
        assert [array.path for array in found if array.status == "different"] == [path]


def test_a_pipeline_names_its_arrays_as_its_author_would():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    paths = walk(model)
    assert {
        "model.steps[0][1].mean_",
        "model.steps[1][1].coef_",
        "model.steps[1][1].intercept_",
    } <= paths.keys()
    assert all(array.flags.owndata is not None for array in paths.values())


def test_the_nodes_of_compiled_trees_are_arrays_too():
    one, two = (RandomForestClassifier(2, random_state=seed).fit(ROWS, LABELS) for seed in (1, 2))
    assert "model.estimators_[1].tree_.nodes" in walk(one)
    found, _ = compare_models(one, two, LOOSE)
    assert "model.estimators_[0].tree_.nodes" in {each.path for each in found if each.status == "different"}
    same, other = compare_models(one, RandomForestClassifier(2, random_state=1).fit(ROWS, LABELS), LOOSE)
    assert {each.status for each in same} == {"identical"}
    assert other == ()


@pytest.mark.parametrize(
    "change, expected", [(0.0, "identical"), (1e-9, "within tolerance"), (1e-3, "different")]
)
def test_a_tolerance_tells_noise_from_difference(change, expected):
    left, right = {"w": np.ones(3)}, {"w": np.array([1, 1, 1 + change])}
    (found,), _ = compare_models(left, right, LOOSE)
    assert (found.path, found.status, found.dtype, found.shape) == ("model['w']", expected, "float64", (3,))
    assert bool(found.what) == (expected != "identical")


def test_an_array_that_only_one_side_has_is_different():
    found, _ = compare_models({"w": np.ones(2)}, {"v": np.ones(2)}, LOOSE)
    assert [(each.path, each.what) for each in found] == [
        ("model['w']", "only the record has it"),
        ("model['v']", "only the new build has it"),
    ]


def test_what_is_no_array_is_compared_as_well():
    arrays, other = compare_models({"w": np.ones(2), "depth": 3}, {"w": np.ones(2), "depth": 4}, LOOSE)
    assert [array.status for array in arrays] == ["identical"]
    assert other == ("model['depth']: 3 on record, 4 rebuilt",)


def test_frames_sparse_matrices_generators_and_bytes_have_arrays():
    model = {
        "frame": pd.DataFrame({"a": [1.0, 2.0]}, index=[5, 6]),
        "sparse": sparse.csr_array(np.eye(3)),
        "rng": np.random.default_rng(1),
        "old": np.random.RandomState(1),
        "booster": bytes(range(100)),
        "name": b"short",
        "scale": np.float64(2.5),
        "loop": [],
    }
    model["loop"].append(model)
    paths = walk(model)
    assert {
        "model['frame']['a']",
        "model['frame'].index",
        "model['sparse'].data",
        "model['sparse'].indices",
        "model['old'].get_state()['state']['key']",
        "model['booster']",
        "model['scale']",
    } <= paths.keys()
    assert "model['name']" not in paths


def test_words_are_those_of_a_record_and_a_new_build():
    assert in_our_words("1 in the notebook, 2 in the pipeline") == "1 on record, 2 rebuilt"
    assert in_our_words("only the pipeline has 'a'") == "only the new build has 'a'"
