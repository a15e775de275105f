"""Variables are kept as they are at a moment, and compared elsewhere."""

from __future__ import annotations

import functools
import json

import msgspec
import pytest

from jupyter_mlops.pipeline import session
from jupyter_mlops.pipeline.comparison import snapshot
from jupyter_mlops.records.run import NamedVersion


def namespace_of(source):
    namespace = {"__name__": "__main__"}
    exec(source, namespace)  # noqa: S102 - a notebook's cell
    return namespace


def kept(tmp_path, name, source, names):
    snapshot.take(namespace_of(source), names, str(tmp_path / name))
    return str(tmp_path / name)


def compared(one, two, *names):
    crossing = snapshot.Crossing(stage="s", names=names, notebook=one, pipeline=(two,))
    return snapshot.compare({}, [crossing])


def test_what_is_kept_is_what_it_was_then(tmp_path):
    namespace = namespace_of("x = [1]")
    snapshot.take(namespace, ["x"], str(tmp_path / "before"))
    namespace["x"].append(2)
    snapshot.take(namespace, ["x"], str(tmp_path / "after"))
    found = compared(str(tmp_path / "before"), str(tmp_path / "after"), "x")
    assert [(item.name, item.what) for item in found.unequal] == [
        ("x", "the length differs: 1 in the notebook, 2 in the pipeline")
    ]


def test_definitions_are_kept_without_the_variables_they_read(tmp_path):
    source = "data = {0}\ndef f():\n    return data\nclass A:\n    def g(self):\n        return data\na = A()"
    one = kept(tmp_path, "one", source.format([1]), ["f", "A", "a", "data"])
    two = kept(tmp_path, "two", source.format([2]), ["f", "A", "a", "data"])
    assert [item.name for item in compared(one, two, "f", "A", "a", "data").unequal] == ["data"]


def test_a_cached_function_is_kept_without_its_cache(tmp_path):
    source = "import functools\n@functools.cache\ndef f(x):\n    return x\nf(1)"
    one, two = (kept(tmp_path, name, source, ["f"]) for name in ("one", "two"))
    assert compared(one, two, "f").unequal == ()
    value, why = snapshot._kept(tmp_path / "one", "f")
    assert why == ""
    assert isinstance(value, functools._lru_cache_wrapper)


def test_an_object_may_hold_the_global_generator(tmp_path):
    source = "import numpy as np\nd = {'rng': np.random.mtrand._rand}\nnp.random.rand()"
    one, two = (kept(tmp_path, name, source, ["d"]) for name in ("one", "two"))
    assert compared(one, two, "d").unequal == ()
    value, _ = snapshot._kept(tmp_path / "one", "d")
    assert value["rng"] is snapshot._global_generator()


def test_what_is_missing_on_one_side_is_a_difference(tmp_path):
    one, two = kept(tmp_path, "one", "x = 1", ["x", "y"]), kept(tmp_path, "two", "", ["x", "y"])
    (found,) = compared(one, two, "x", "y").unequal
    assert (found.name, found.what) == ("x", "the pipeline doesn't have it")


def test_what_cannot_be_kept_is_said(tmp_path):
    one = kept(tmp_path, "one", "g = (i for i in 'ab')", ["g"])
    found = compared(one, one, "g")
    assert found.unequal == ()
    assert "can't be kept" in found.skipped[0]


def test_a_product_that_cannot_be_read_is_a_difference(tmp_path):
    one = kept(tmp_path, "one", "x = 1", ["x"])
    (tmp_path / "bad.pkl").write_bytes(b"nonsense")
    (found,) = compared(one, str(tmp_path / "bad.pkl"), "x").unequal
    assert "can't be read" in found.what


@pytest.fixture
def recording():
    snapshot.begin("n")
    current = session.current()
    assert current is not None
    yield current
    session.finish()


def test_what_was_logged_is_kept(tmp_path, recording):
    recording.metrics["a"] = 1.0
    recording.datasets.append(NamedVersion(name="d", version="1"))
    recording.models.append(NamedVersion(name="m", version=1))
    snapshot.end(str(tmp_path))
    logged = msgspec.json.decode((tmp_path / snapshot.LOGGED).read_bytes(), type=snapshot.Logged)
    assert logged == snapshot.Logged(metrics={"a": 1.0}, datasets=(("d", "1"),), models=("m",))


def test_a_question_is_answered_in_a_file(tmp_path):
    one, two = kept(tmp_path, "one", "x = 1.0", ["x"]), kept(tmp_path, "two", "x = 1.1", ["x"])
    crossing = snapshot.Crossing(stage="s", names=("x",), notebook=one, pipeline=(two,))
    for rtol, count in ((0.0, 1), (0.2, 0)):
        asked = {"crossings": [crossing], "rtol": rtol, "atol": 0.0}
        (tmp_path / "q.json").write_bytes(msgspec.json.encode(asked))
        snapshot.compare_files({}, str(tmp_path / "q.json"), str(tmp_path / "a.json"))
        answer = json.loads((tmp_path / "a.json").read_text())
        assert (len(answer["unequal"]), answer["compared"]) == (count, 1)
