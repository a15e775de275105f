from __future__ import annotations

import inspect
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.errors import HandoffError
from jupyter_mlops.pipeline import handoff
from jupyter_mlops.pipeline.serialization.pickling import Scope, pickled

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.pipeline.conftest import Kernel


def test_names_of_one_object_stay_one_object(kernel: Kernel) -> None:
    kernel.run("a", "x = [1, 2]; y = x; z = {'x': x}")
    names = kernel.run("b", "x.append(3)", above=("a",))
    assert names["y"] is names["x"] is names["z"]["x"]
    assert names["y"] == [1, 2, 3]


def test_a_class_of_a_setup_cell_is_one_class_everywhere(kernel: Kernel) -> None:
    setup = "class Point:\n    class Inner: pass\n    def __init__(self, x): self.x = x\n"
    kernel.run("a", "p = Point(1); i = Point.Inner()", setup=setup)
    names = kernel.run("b", "p; i", setup=setup, above=("a",))
    assert type(names["p"]) is names["Point"]
    assert type(names["i"]) is names["Point"].Inner
    assert names["p"].x == 1


def test_a_class_of_a_stage_keeps_its_identity_over_several_stages(kernel: Kernel) -> None:
    kernel.run("a", "class Point: pass\np = Point()")
    kernel.run("b", "q = Point()", above=("a",))
    names = kernel.run("c", "Point; p; q", above=("a", "b"))
    assert type(names["p"]) is names["Point"]
    assert type(names["q"]) is names["Point"]


def test_a_function_sees_what_is_rebound_later(kernel: Kernel) -> None:
    kernel.run("a", "scale = 2\ndef f(x):\n    return x * scale")
    names = kernel.run("b", "scale = 10\nresult = f(1)", above=("a",))
    assert names["result"] == 10


def test_a_function_brings_the_helpers_and_modules_it_uses(kernel: Kernel) -> None:
    code = "import math\nLIMIT = 3\ndef g(x): return math.floor(x) + LIMIT\ndef f(x): return g(x)"
    kernel.run("a", code)
    assert kernel.run("b", "result = f(1.5)", above=("a",))["result"] == 4


def test_what_a_setup_cell_below_the_stage_binds_wins(kernel: Kernel) -> None:
    kernel.run("a", "x = 1\ny = 1")
    names = kernel.run("b", "found = x, y", setup="x = 2; y = 2", above=("a",), since={"x": 1})
    assert names["found"] == (2, 1)


def test_closures_defaults_and_caches_survive(kernel: Kernel) -> None:
    code = """
    import functools
    def make(n):
        def add(x, y=[1], *, z=2):
            return n + x + y[0] + z
        return add
    add = make(5)
    @functools.lru_cache(maxsize=3)
    def slow(x):
        return x * 2
    """
    kernel.run("a", code)
    names = kernel.run("b", "result = add(1); slow", above=("a",))
    assert names["result"] == 9
    assert names["slow"](4) == 8
    assert names["slow"].cache_parameters() == {"maxsize": 3, "typed": False}


def test_source_of_a_function_is_found_in_the_next_stage(kernel: Kernel) -> None:
    kernel.run("a", "def f(x):\n    return x + 1\n")
    names = kernel.run("b", "f", above=("a",))
    assert inspect.getsource(names["f"]) == "def f(x):\n    return x + 1\n"


def test_modules_go_by_reference(kernel: Kernel) -> None:
    kernel.run("a", "import json as j")
    assert kernel.run("b", "j", above=("a",))["j"] is json


def test_views_into_one_array_share_memory(kernel: Kernel) -> None:
    code = "import numpy as np\nx = np.arange(12.).reshape(3, 4)\nrow = x[1]\ncolumns = x[:, ::2]"
    kernel.run("a", code)
    assert ("columns", "row", "x") in kernel.stored()
    names = kernel.run("b", "x[1] = -1; row; columns", above=("a",))
    assert np.array_equal(names["row"], [-1, -1, -1, -1])
    assert np.array_equal(names["columns"][1], [-1, -1])
    names = kernel.run("c", "x[1] = 5; row", above=("a", "b"))
    assert np.array_equal(names["row"], [5, 5, 5, 5])
    assert np.array_equal(kernel.run("d", "row", above=("a",))["row"], [4, 5, 6, 7])


def test_a_lone_view_does_not_drag_its_array_along(kernel: Kernel) -> None:
    kernel.run("a", "import numpy as np\nsmall = np.zeros(1_000_000)[:2]")
    assert (kernel.folder / "products/a.pkl").stat().st_size < 10_000


def test_a_sentinel_of_a_setup_cell_stays_the_same(kernel: Kernel) -> None:
    kernel.run("a", "xs = [MISSING]", setup="MISSING = object()")
    names = kernel.run("b", "xs; MISSING", setup="MISSING = object()", above=("a",))
    assert names["xs"][0] is names["MISSING"]


def test_a_variable_that_was_never_bound_is_noted_as_absent(kernel: Kernel) -> None:
    kernel.run("a", "x = 1")
    kernel.run("b", "x\ntry:\n    y\nexcept NameError:\n    pass", above=("a",))
    assert kernel.header is not None
    assert "y" in kernel.header.absent
    assert kernel.header.pulls["x"].stage == "a"


def test_what_was_only_read_is_not_stored_again(kernel: Kernel) -> None:
    kernel.run("a", "x = [1]; y = {'x': x}; z = (1, [2])\nclass P: pass\np = P()\ndef f(): return 1")
    kernel.run("b", "x, y, z, p, f, P", above=("a",))
    assert kernel.stored() == []
    kernel.run("c", "x.append(2)", above=("a", "b"))
    assert kernel.stored() == [("x", "y")]
    kernel.run("d", "y = 5; z; del z", above=("a", "b", "c"))
    assert kernel.stored() == [("y",)]


def test_what_is_linked_anew_is_stored_together(kernel: Kernel) -> None:
    kernel.run("a", "x = [1]; y = [2]")
    kernel.run("b", "x.append(y)", above=("a",))
    assert kernel.stored() == [("x", "y")]
    names = kernel.run("c", "y.append(3); x", above=("a", "b"))
    assert names["x"] == [1, [2, 3]]


def test_a_deleted_variable_is_gone_below(kernel: Kernel) -> None:
    kernel.run("a", "x = 1")
    kernel.run("b", "x; del x", above=("a",))
    assert "x" not in kernel.run("c", "found = 'x' in globals()", above=("a", "b"))
    assert kernel.run("d", "found = globals().get('x')", above=("a", "b"))["found"] is None


def test_a_setup_function_s_changed_state_reaches_the_next_stage(kernel: Kernel) -> None:
    setup = """
    def f(x=[]):
        return x
    class C:
        seen = []
    class D(C): pass
    """
    kernel.run("a", "f().append(1); C.seen.append(f()); f.mark = 3", setup=setup)
    kernel.run("b", "", setup=setup, above=("a",))
    assert kernel.stored() == []
    names = kernel.run("c", "found = D.seen[0] is f(), f.mark, f()", setup=setup, above=("a", "b"))
    assert names["found"] == (True, 3, [1])


def test_two_closures_that_share_a_variable_go_on_sharing_it(kernel: Kernel) -> None:
    code = """
    def make():
        n = 0
        def up():
            nonlocal n
            n += 1
        return up, lambda: n
    up, get = make()
    """
    kernel.run("a", code)
    kernel.run("b", "up(); up()", above=("a",))
    assert kernel.run("c", "found = get()", above=("a", "b"))["found"] == 2


def test_frames_under_copy_on_write_are_components_of_their_own(kernel: Kernel) -> None:
    kernel.run(
        "a", "import pandas as pd\nx = pd.DataFrame({'a': [1, 2], 'b': [3., 4.]})\ny = x[['a']]\nz = x.copy()"
    )
    assert {("x",), ("y",), ("z",)} <= set(kernel.stored())


def test_what_nobody_mentions_is_not_kept_and_reading_it_says_so(kernel: Kernel) -> None:
    kernel.run("a", "x = [1]", unwanted=["x"])
    assert kernel.stored() == []
    with pytest.raises(HandoffError, match="wasn't kept"):
        kernel.run("b", "x", above=("a",))


def test_a_refusal_that_the_stage_caught_ends_it_all_the_same(kernel: Kernel) -> None:
    kernel.run("a", "x = (i for i in [1])")
    with pytest.raises(HandoffError, match="generator"):
        kernel.run("b", "try:\n    x\nexcept Exception:\n    pass", above=("a",))


def test_random_state_goes_on_where_the_stage_above_stopped(kernel: Kernel) -> None:
    setup = "import random\nimport numpy as np\nrandom.seed(1)\nnp.random.seed(1)"
    first = kernel.run("a", "x = random.random(), np.random.rand()", setup=setup)["x"]
    kernel.run("b", "", setup=setup, above=("a",))
    assert kernel.stored() == []
    second = kernel.run("c", "x = random.random(), np.random.rand()", setup=setup, above=("a", "b"))["x"]
    whole = kernel.run("d", "y = [(random.random(), np.random.rand()) for _ in range(2)]", setup=setup)["y"]
    assert [first, second] == whole


def test_values_can_be_looked_at_from_outside(kernel: Kernel) -> None:
    setup = "class Point:\n    def __init__(self, x): self.x = x"
    kernel.run("a", "p = Point([1]); q = p.x; g = (i for i in q)", setup=setup)
    values = handoff.read_values(kernel.folder / "products/a.pkl")
    assert list(values) == ["p", "q"]
    assert values["p"].x is values["q"]


@pytest.mark.parametrize(
    "code, kind, mend",
    [
        ("import io; x = io.TextIOWrapper(io.BytesIO())", "open file", "open it again"),
        ("x = (i for i in [1])", "generator", "list"),
        ("import sqlite3; x = sqlite3.connect(':memory:'); x.close()", "Connection", "connection"),
        ("import threading; x = threading.Lock()", "lock", "setup cell"),
    ],
)
def test_what_cannot_be_passed_on_is_named_with_the_mend(
    kernel: Kernel, code: str, kind: str, mend: str
) -> None:
    kernel.run("a", code)
    with pytest.raises(HandoffError) as caught:
        kernel.run("b", "x", above=("a",))
    assert "'x', which stage a can't pass on" in caught.value.message
    assert "cell 3, line 2" in caught.value.message
    assert kind in caught.value.message
    assert mend in caught.value.hint
    kernel.run("c", "y = 1", above=("a",))


def test_reading_a_frame_is_no_change(kernel: Kernel) -> None:
    code = "import pandas as pd\nx = pd.DataFrame({'a': [1, 2]})\nx['b'] = 3\nx['c'] = 4"
    kernel.run("a", code)
    use = "x._consolidate_inplace() if hasattr(x, '_consolidate_inplace') else x.values; y = x.copy(); y['a'] = 0"
    kernel.run("b", use, above=("a",))
    assert kernel.stored() == [("y",)]
    kernel.run("c", "x['a'] = 0", above=("a",))
    assert kernel.stored() == [("x",)]
    kernel.run("d", "x.attrs['from'] = 'here'", above=("a",))
    assert kernel.stored() == [("x",)]


def test_the_header_tells_what_was_recorded(kernel: Kernel) -> None:
    kernel.run("a", "x = 1")
    header = handoff.read_header(kernel.folder / "products/a.pkl")
    assert (header.pipeline, header.stage, list(header.variables)) == ("p", "a", ["x"])


def test_equal_values_have_equal_fingerprints_in_other_processes(kernel: Kernel) -> None:
    code = "class K:\n    def m(self): return 1\nk = K()\ndef f(): return K\nd = {'a': [1.5, None]}"
    prints = []
    for _ in range(2):
        kernel.run("a", code)
        prints.append(handoff.read_header(kernel.folder / "products/a.pkl").variables)
    # The class is a new one each time; here, in one process, only its number tells them apart.
    assert prints[0]["d"] == prints[1]["d"]


def test_arrays_and_frames_have_fingerprints() -> None:
    def fingerprint(value: Any) -> str:
        return pickled(value, Scope({})).digest

    big = np.arange(200_000.0).reshape(400, 500).copy()
    assert fingerprint(big) == fingerprint(big.copy())
    assert fingerprint(big) != fingerprint(big + 1)
    assert fingerprint(np.asfortranarray(big)) == fingerprint(np.asfortranarray(big))
    frame = pd.DataFrame(big)
    assert fingerprint(frame) == fingerprint(frame.copy())


def test_a_large_array_is_mapped_and_the_stored_one_stays_as_it_is(kernel: Kernel) -> None:
    kernel.run("a", "import numpy as np\nx = np.zeros(100_000)")
    before = (kernel.folder / "products/a.pkl").read_bytes()
    names = kernel.run("b", "x[:] = 1", above=("a",))
    assert names["x"].sum() == 100_000
    assert (kernel.folder / "products/a.pkl").read_bytes() == before


def test_a_stage_outside_its_folder_says_where_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HandoffError, match="not the compiled folder") as caught:
        handoff.enter("a", pipeline="p", workdir=".")
    assert "--cwd" in caught.value.hint


def test_a_missing_product_names_the_stage_to_run(kernel: Kernel) -> None:
    with pytest.raises(HandoffError, match="product of stage a is missing"):
        kernel.run("b", "", above=("a",))


def test_a_broken_product_is_refused(kernel: Kernel) -> None:
    kernel.run("a", "x = list(range(1000))")
    product = kernel.folder / "products/a.pkl"
    os.truncate(product, product.stat().st_size - 10)
    with pytest.raises(HandoffError, match="is cut off"):
        kernel.run("b", "", above=("a",))
    product.write_bytes(b"nonsense")
    with pytest.raises(HandoffError, match="not a stage's product"):
        handoff.read_header(product)


def test_a_setup_object_that_is_gone_is_named(kernel: Kernel) -> None:
    kernel.run("a", "x = f", setup="def f(): pass")
    with pytest.raises(HandoffError, match="needs 'f', which no setup cell defines"):
        kernel.run("b", "x", above=("a",))


def test_the_notebook_s_own_names_upstream_and_product_are_free_in_a_stage(kernel: Kernel) -> None:
    names = kernel.run("a", "product = 3; upstream = 4")
    assert (names["product"], names["upstream"]) == (3, 4)
    assert kernel.run("b", "product", above=("a",))["product"] == 3


def test_datasets_of_the_inputs_are_known_below(kernel: Kernel) -> None:
    from jupyter_mlops.records.run import NamedVersion

    version = NamedVersion(name="d", version="1")
    record = (
        "from jupyter_mlops.pipeline import session\n"
        "from jupyter_mlops.records.run import NamedVersion\n"
        "session.current().datasets.append(NamedVersion(name='d', version='1'))\nx = 1\n"
    )
    kernel.run("a", record)
    look = "from jupyter_mlops.pipeline import session\nfound = session.current().all_datasets()\ny = 1"
    assert kernel.run("b", look, above=("a",))["found"] == [version]
    assert handoff.read_header(kernel.folder / "products/b.pkl").upstream_datasets == (version,)


def test_what_a_cache_holds_travels_or_the_stage_warns(
    kernel: Kernel, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import functools, threading\n@functools.cache\ndef load(x):\n    return [x]\nkept = load(1)"
    kernel.run("a", code)
    names = kernel.run("b", "again = load(1); kept", above=("a",))
    assert names["again"] is names["kept"]
    assert not capsys.readouterr().err
    kernel.run("c", code.replace("[x]", "threading.Lock()").replace("kept = ", ""))
    assert "what load has cached can't be passed on" in capsys.readouterr().err
    assert kernel.run("d", "info = load.cache_info()", above=("c",))["info"].misses == 0


def test_a_new_order_is_a_change(kernel: Kernel) -> None:
    kernel.run("a", "d = {'x': 1, 'y': 2}; xs = [1, 2]")
    kernel.run("b", "d['x'] = d.pop('x'); xs[0] = 1.0", above=("a",))
    assert kernel.stored() == [("d",), ("xs",)]
    assert list(kernel.run("c", "d", above=("a", "b"))["d"]) == ["y", "x"]


def test_an_object_goes_when_the_stage_lets_go_of_it(kernel: Kernel) -> None:
    setup = "class Handle:\n    def __del__(self): gone.append(1)\n"
    kernel.run("a", "h = Handle()\ngone = []", setup=setup)
    names = kernel.run("b", "h; gone; h = None; seen = len(gone)", setup=setup, above=("a",))
    assert names["seen"] == 1
