"""Two values are the same where their content is, and a difference is told in words."""

from __future__ import annotations

import collections
import copy
import datetime as dt
import enum
import functools
import io
import itertools
import pickle
import re
import threading
import types
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from jupyter_mlops.pipeline.comparison.comparer import Comparer, compare
from jupyter_mlops.pipeline.comparison.values import Tolerance


class Point(NamedTuple):
    x: float
    y: float


@dataclass
class Box:
    content: Any
    label: str = "box"


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b=None):
        self.a = a
        if b is not None:
            self.b = b


class Shop(dict):
    pass


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def adder(n):
    def add(x, y=1):
        return x + y + n

    return add


def cyclic(value):
    items: list[Any] = [value]
    items.append({"me": items})
    return items


def frame(**changes):
    columns = {
        "n": [1, 2, 3],
        "x": [0.5, float("nan"), 1.5],
        "s": ["a", None, "c"],
        "c": pd.Categorical(["u", "v", "u"]),
        "t": pd.date_range("2026-01-01", periods=3, tz="Europe/Zurich"),
        "i": pd.array([1, None, 3], dtype="Int64"),
        "o": [[1], {"k": 2}, None],
    }
    return pd.DataFrame({**columns, **changes})


def fitted(C=1.0):
    from sklearn.linear_model import LogisticRegression

    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    return LogisticRegression(C=C).fit(X, [0, 0, 1, 1])


def forest(seed):
    from sklearn.ensemble import RandomForestClassifier

    X = np.random.default_rng(0).normal(size=(30, 3))
    return RandomForestClassifier(3, random_state=seed).fit(X, X[:, 0] > 0)


def figure(height):
    from matplotlib.figure import Figure

    drawn = Figure()
    drawn.subplots().bar([0, 1], [1, height])
    return drawn


MAKERS: dict[str, Any] = {
    "none": lambda: None,
    "nan": lambda: float("nan"),
    "complex nan": lambda: complex(float("nan"), 1),
    "text": lambda: "größer",
    "nested": lambda: {"a": [1, (2.0, {3, "x"})], ("k", 1): b"b"},
    "cycle": lambda: cyclic(1),
    "named tuple": lambda: Point(1, 2),
    "dataclass": lambda: Box([1, 2]),
    "slots": lambda: Slotted(1),
    "dict subclass": lambda: Shop(a=1),
    "counter": lambda: collections.Counter("hello"),
    "defaultdict": lambda: collections.defaultdict(list, a=[1]),
    "ordered": lambda: collections.OrderedDict(a=1),
    "deque": lambda: collections.deque([1, 2], maxlen=3),
    "enum": lambda: Colour.RED,
    "date": lambda: dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    "decimal": lambda: Decimal("1.10"),
    "path": lambda: Path("a/b"),
    "pattern": lambda: re.compile("a+", re.IGNORECASE),
    "range": lambda: range(1, 5),
    "module": lambda: itertools,
    "string io": lambda: io.StringIO("text"),
    "keys by identity": lambda: {Slotted(1): 2, Slotted(3): 4},
    "nan in a set": lambda: {float("nan"), 1.0},
    "function": lambda: adder(1),
    "lambda": lambda: lambda x: x + 1,
    "partial": lambda: functools.partial(adder(1), y=2),
    "cached": lambda: functools.lru_cache(adder(1)),
    "bound method": lambda: Box(1).__eq__,
    "builtin method": lambda: [1, 2].append,
    "ufunc": lambda: np.add,
    "array": lambda: np.array([[1.0, np.nan], [-0.0, 2.0]]),
    "0-d": lambda: np.array(1.5),
    "scalar": lambda: np.float32(1.5),
    "dates": lambda: np.array(["2026-01-01", "NaT"], dtype="M8[D]"),
    "structured": lambda: np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "object array": lambda: np.array([1, "a", [1, 2], None], dtype=object),
    "masked": lambda: np.ma.masked_array([1.0, 2.0], mask=[False, True]),
    "void": lambda: np.array([b"ab"], dtype="V2"),
    "generator": lambda: np.random.default_rng(3),
    "random state": lambda: np.random.RandomState(3),
    "dtype": lambda: np.dtype("f4"),
    "sparse": lambda: sparse.random_array((4, 5), density=0.5, rng=np.random.default_rng(0), format="csc"),
    "frame": frame,
    "empty frame": pd.DataFrame,
    "series": lambda: pd.Series([1, 2], name="s", index=["a", "b"]),
    "multi-index": lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", "n"]),
    "group by": lambda: frame().groupby("n"),
    "timestamp": lambda: pd.Timestamp("2026-01-01", tz="UTC"),
    "nat": lambda: pd.NaT,
    "period": lambda: pd.period_range("2026-01", periods=2, freq="M"),
    "interval": lambda: pd.cut(pd.Series([1, 5, 9]), [0, 4, 10]),
    "model": fitted,
    "forest": lambda: forest(0),
    "figure": lambda: figure(2),
    "axes": lambda: figure(2).axes[0],
}  # fmt: skip


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_made_twice_is_the_same(make):
    assert compare(make(), make()) is None


PICKLABLE = {
    name: make
    for name, make in MAKERS.items()
    if name not in ("cached", "module", "string io", "bound method", "builtin method", "group by")
}


@pytest.mark.parametrize("make", PICKLABLE.values(), ids=PICKLABLE)
def test_the_other_side_of_a_pickle_is_the_same(make):
    value = make()
    assert compare(value, pickle.loads(cloudpickle.dumps(value))) is None


DIFFERENT = {
    "type": (1, 1.0, "", "type"),
    "bool": (True, 1, "", "type"),
    "int": (1, 2, "", "1 in the notebook, 2 in the pipeline"),
    "last bit": (0.1 + 0.2, 0.3, "", "difference 5.55e-17"),
    "sign of zero": (0.0, -0.0, "", "-0.0 in the pipeline"),
    "sign of zero in an array": (np.zeros(2), -np.zeros(2), "", "2 of 2 values"),
    "length": ([1], [1, 2], "", "1 in the notebook, 2 in the pipeline"),
    "item": ({"a": [1, 2]}, {"a": [1, 3]}, "['a'][1]", "2 in the notebook, 3 in the pipeline"),
    "key": ({"a": 1}, {"b": 1}, "", "only the notebook has 'a'; only the pipeline has 'b'"),
    "set": ({1, 2}, {1, 3}, "", "only in the notebook: 2; only in the pipeline: 3"),
    "cycle": (cyclic(1), cyclic(2), "[0]", "1 in the notebook"),
    "named": (Point(1, 2), Point(1, 3), ".y", "2 in the notebook"),
    "field": (Box([1]), Box([2]), ".content[0]", "1 in the notebook"),
    "slot": (Slotted(1, 2), Slotted(1), ".b", "only the notebook"),
    "factory": (collections.defaultdict(list), collections.defaultdict(int), ".default_factory", "list"),
    "attribute of a dict": (Shop(), MAKERS["dict subclass"](), "", "keys"),
    "enum": (Colour.RED, Colour.BLUE, ".name", "'RED'"),
    "pattern": (re.compile("a"), re.compile("a", re.IGNORECASE), "", "re.compile"),
    "closure": (adder(1), adder(2), ".__closure__[0].cell_contents", "1 in the notebook"),
    "code": (lambda x: x + 1, lambda x: x * 1, ".co_code", "the code differs"),
    "constant": (lambda: 1, lambda: 2, "", "the code differs: 1 in"),
    "builtin method": ([1].append, [2].append, ".__self__[0]", "1 in the notebook"),
    "shape": (np.zeros(2), np.zeros((2, 1)), "", "shape"),
    "dtype": (np.zeros(2), np.zeros(2, "f4"), "", "float64 in the notebook, float32 in the pipeline"),
    "value": (np.array([[1, 2], [3, 4]]), np.array([[1, 2], [9, 8]]), "", "2 of 4 values differ, first at [1, 0]: 3 in the notebook, 9 in the pipeline; max abs difference 6"),
    "nan": (np.array([np.nan]), np.array([0.0]), "", "nan in the notebook"),
    "nat": (np.array(["NaT"], "M8[D]"), np.array(["2026-01-01"], "M8[D]"), "", "NaT in the notebook"),
    "structured": (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), np.array([(1, 3.0)], [("a", "i4"), ("b", "f8")]), "['b']", "2.0"),
    "object": (np.array([1, [2]], object), np.array([1, [3]], object), "[1][0]", "2 in the notebook"),
    "mask": (np.ma.masked_array([1, 2], [False, True]), np.ma.masked_array([1, 2], [True, True]), ".mask", "False in the notebook"),
    "generator": (np.random.default_rng(0), np.random.default_rng(1), ".state['state']['state']", "in the notebook"),
    "sparse": (sparse.eye_array(2, format="csr"), 2 * sparse.eye_array(2, format="csr"), ".data", "1.0 in the notebook, 2.0"),
    "columns": (frame(), frame().rename(columns={"n": "m"}), ".columns[0]", "'n' in the notebook"),
    "column's dtype": (frame(), frame(n=[1.0, 2.0, 3.0]), "['n']", "int64 in the notebook, float64"),
    "column's value": (frame(), frame(x=[0.5, np.nan, 1.0]), "['x']", "first at [2]: 1.5"),
    "column's text": (frame(), frame(s=["a", None, "d"]), "['s'][2]", "'c' in the notebook"),
    "missing": (frame(), frame(i=pd.array([1, 2, 3], dtype="Int64")), "['i'].isna()", "True in the notebook"),
    "categories": (frame(), frame(c=pd.Categorical(["u", "v", "u"], ["v", "u"])), "['c'].categories[0]", "'u' in the notebook"),
    "time zone": (frame(), frame(t=pd.date_range("2026-01-01", periods=3, tz="UTC")), "['t']", "Europe/Zurich"),
    "object in a column": (frame(), frame(o=[[1], {"k": 3}, None]), "['o'][1]['k']", "2 in the notebook"),
    "index": (pd.Series([1], index=["a"]), pd.Series([1], index=["b"]), ".index[0]", "'a' in the notebook"),
    "index type": (pd.Series([1, 2]), pd.Series([1, 2], index=[0, 1]), ".index", "RangeIndex in the notebook, Index in the pipeline"),
    "freq": (pd.date_range("2026", periods=2), pd.DatetimeIndex(["2026-01-01", "2026-01-02"]), "", "freq"),
    "level": (MAKERS["multi-index"](), pd.MultiIndex.from_product([["a", "b"], [1, 3]], names=["k", "n"]), ".get_level_values(1)", "2 in the notebook"),
    "name": (pd.Series([1], name="a"), pd.Series([1], name="b"), ".name", "'a'"),
    "attrs": (pd.DataFrame(), MAKERS["empty frame"]().pipe(lambda f: f.attrs.update(a=1) or f), ".attrs", "keys"),
    "stamp's zone": (pd.Timestamp("2026-01-01", tz="UTC"), pd.Timestamp("2026-01-01 01:00", tz="Europe/Zurich"), "", "01:00:00+01:00 in the pipeline"),
    "parameter": (fitted(), fitted(2.0), ".C", "1.0 in the notebook, 2.0 in the pipeline"),
    "tree": (forest(0), forest(1), ".random_state", "0 in the notebook"),
    "figure": (figure(2), figure(3), "", "looks different"),
    "part of a figure": (figure(2).axes[0], figure(3).axes[0], "", "looks different"),
}  # fmt: skip


@pytest.mark.parametrize("left, right, place, words", DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_told(left, right, place, words):
    found = compare(left, right)
    assert found is not None
    assert words in found.what
    assert found.path.startswith(place)


@pytest.mark.parametrize("left, right", [case[:2] for case in DIFFERENT.values()], ids=DIFFERENT)
def test_a_difference_has_two_sides(left, right):
    assert compare(right, left) is not None


def test_dicts_and_sets_have_no_order():
    assert compare({"a": 1, "b": 2}, {"b": 2, "a": 1}) is None
    assert compare(set("abc"), set("cba")) is None


def test_a_tolerance_is_for_floats_wherever_they_are():
    left = {"x": 1.0, "a": np.array([1.0, np.inf]), "f": pd.DataFrame({"c": [1.0]}), "n": 1}
    right = {"x": 1.0001, "a": np.array([1.0001, np.inf]), "f": pd.DataFrame({"c": [1.0001]}), "n": 1}
    assert compare(left, right, rtol=1e-3) is None
    assert compare(left, right, atol=1e-3) is None
    assert compare(left, right, rtol=1e-6) is not None
    assert compare(0.0, -0.0, atol=1e-9) is None
    assert compare([1], [2], rtol=10) is not None


def test_how_long_a_fit_took_is_no_result():
    assert compare({"mean_fit_time": np.array([1.0])}, {"mean_fit_time": np.array([2.0])}) is None
    assert compare(pd.DataFrame({"fit_time": [1.0]}), pd.DataFrame({"fit_time": [2.0]})) is None
    assert compare({"fit_times": 1}, {"fit_times": 2}) is not None


@pytest.mark.parametrize(
    "make", [lambda: (i for i in "ab"), threading.Lock, lambda: iter([1]), lambda: zip("a", "b", strict=True)]
)
def test_what_has_no_content_is_noted_not_judged(make):
    comparer = Comparer(Tolerance())
    assert comparer.compare({"g": make()}, {"g": make()}) is None
    assert comparer.skipped == ["['g']"]


def test_classes_of_a_notebook_are_compared_by_what_they_say():
    def made(source):
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(source, namespace)  # noqa: S102 - a notebook's cell
        return namespace

    one = made("class A:\n    k = 1\n    def f(self):\n        return 1\na = A()\na.v = 1")
    same = made("\n\nclass A:\n    k = 1\n    def f(self):\n        return 1\na = A()\na.v = 1")
    other = made("class A:\n    k = 1\n    def f(self):\n        return 2\na = A()\na.v = 2")
    assert compare(one["A"], same["A"]) is None
    assert compare(one["a"], same["a"]) is None
    assert "the code differs" in str(compare(one["A"], other["A"]))
    found = compare(one["a"], other["a"])
    assert found is not None
    assert found.path == ".v"


def test_objects_whose_fields_python_cannot_see_are_compared_by_their_pickle():
    found = compare(
        types.SimpleNamespace(d=collections.deque([1], 2)), types.SimpleNamespace(d=collections.deque([1], 3))
    )
    assert found is None or found.path.startswith(".d")
    assert compare(itertools.count(1), itertools.count(1)) is None


def test_an_object_that_refuses_everything_is_noted():
    class Sealed:
        __slots__ = ()

        def __repr__(self):
            raise RuntimeError

        def __eq__(self, _other):
            raise RuntimeError

        __hash__ = object.__hash__

    assert compare(Sealed(), Sealed()) is None
    assert compare([Sealed()], [1]) is not None
    assert compare({1: Sealed()}, {2: Sealed()}) is not None


def test_nesting_that_is_too_deep_is_noted():
    def deep(levels):
        value: list[Any] = []
        for _ in range(levels):
            value = [value]
        return value

    comparer = Comparer(Tolerance())
    assert comparer.compare(deep(5000), deep(5000)) is None
    assert "too deeply" in comparer.skipped[0]


def test_tensors_and_what_holds_them():
    torch = pytest.importorskip("torch")

    def trained(rate):
        torch.manual_seed(0)
        network = torch.nn.Linear(2, 1)
        optimizer = torch.optim.Adam(network.parameters(), lr=rate)
        network(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        return {"network": network, "optimizer": optimizer, "half": torch.ones(2, dtype=torch.bfloat16)}

    assert compare(trained(0.1), trained(0.1)) is None
    found = compare(trained(0.1), trained(0.2))
    assert found is not None
    assert "values differ" in found.what
    found = compare(torch.zeros(2), torch.zeros(2, requires_grad=True))
    assert found is not None
    assert "requires_grad" in found.what
    one, two = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    assert compare(one, two) is not None
    assert compare(one, torch.Generator().manual_seed(1)) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_equals_its_copy(value):
    assert compare(value, copy.deepcopy(value)) is None


@given(VALUES, VALUES)
def test_comparison_is_symmetric_and_agrees_with_pickle(left, right):
    forward, backward = compare(left, right), compare(right, left)
    assert (forward is None) == (backward is None)
    if pickle.dumps(left) == pickle.dumps(right):
        assert forward is None
