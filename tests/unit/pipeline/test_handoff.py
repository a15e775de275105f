from __future__ import annotations

import inspect
import io
import json
import os
import sys
import textwrap
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.errors import HandoffError
from jupyter_mlops.pipeline import handoff, session
from jupyter_mlops.pipeline.pickling import Pickler, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Kernel:
    """A stand-in for a stage's process: a ``__main__`` of its own, in a compiled folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch

    def run(
        self,
        stage: str,
        code: str,
        *,
        setup: str = "",
        inputs: dict[str, str] | None = None,
        outputs: tuple[str, ...] = (),
        watched: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        main = types.ModuleType("__main__")
        self.monkeypatch.setitem(sys.modules, "__main__", main)
        self.monkeypatch.chdir(self.folder)
        names = vars(main)
        sources = dict.fromkeys((inputs or {}).values())
        handoff.enter(stage, pipeline="p", workdir=".")
        names["upstream"] = {name: {"data": f"products/{name}.pkl"} for name in sources}
        names["product"] = {"data": f"products/{stage}.pkl"}
        handoff.bind(names)
        self._exec(setup, names, f"{stage}-setup")
        handoff.load(names, inputs or {}, watched)
        self._exec(code, names, stage)
        handoff.publish(names, dict.fromkeys(outputs, (3, 2)))
        return names

    def _exec(self, code: str, names: dict[str, Any], name: str) -> None:
        import linecache

        text = textwrap.dedent(code)
        file = f"/tmp/ipykernel_{id(names)}/{name}.py"  # noqa: S108 - the way IPython names a cell
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), names)  # noqa: S102 - what a kernel does


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    (tmp_path / "pipeline.yaml").touch()
    yield Kernel(tmp_path, monkeypatch)
    session.finish()


def test_names_of_one_object_stay_one_object(kernel: Kernel) -> None:
    kernel.run("a", "x = [1, 2]; y = x; z = {'x': x}", outputs=("x", "y", "z"))
    names = kernel.run("b", "x.append(3)", inputs={"x": "a", "y": "a", "z": "a"})
    assert names["y"] is names["x"] is names["z"]["x"]
    assert names["y"] == [1, 2, 3]


def test_a_class_of_a_setup_cell_is_one_class_everywhere(kernel: Kernel) -> None:
    setup = "class Point:\n    class Inner: pass\n    def __init__(self, x): self.x = x\n"
    kernel.run("a", "p = Point(1); i = Point.Inner()", setup=setup, outputs=("p", "i"))
    names = kernel.run("b", "", setup=setup, inputs={"p": "a", "i": "a"})
    assert type(names["p"]) is names["Point"]
    assert type(names["i"]) is names["Point"].Inner
    assert names["p"].x == 1


def test_a_class_of_a_stage_keeps_its_identity_over_several_stages(kernel: Kernel) -> None:
    kernel.run("a", "class Point: pass\np = Point()", outputs=("Point", "p"))
    kernel.run("b", "q = Point()", inputs={"Point": "a"}, outputs=("q",))
    names = kernel.run("c", "", inputs={"Point": "a", "p": "a", "q": "b"})
    assert type(names["p"]) is names["Point"]
    assert type(names["q"]) is names["Point"]


def test_a_function_sees_what_is_rebound_later(kernel: Kernel) -> None:
    kernel.run("a", "scale = 2\ndef f(x):\n    return x * scale", outputs=("f", "scale"))
    names = kernel.run("b", "scale = 10\nresult = f(1)", inputs={"f": "a", "scale": "a"})
    assert names["result"] == 10


def test_a_function_brings_the_helpers_and_modules_it_uses(kernel: Kernel) -> None:
    code = "import math\nLIMIT = 3\ndef g(x): return math.floor(x) + LIMIT\ndef f(x): return g(x)"
    kernel.run("a", code, outputs=("f",))
    assert kernel.run("b", "result = f(1.5)", inputs={"f": "a"})["result"] == 4


def test_helpers_do_not_overwrite_what_the_stage_has(kernel: Kernel) -> None:
    kernel.run("a", "def g(x): return 1\ndef f(x): return g(x)", outputs=("f",))
    names = kernel.run("b", "result = f(0)", setup="def g(x): return 2", inputs={"f": "a"})
    assert names["result"] == 2


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
    kernel.run("a", code, outputs=("add", "slow"))
    names = kernel.run("b", "result = add(1)", inputs={"add": "a", "slow": "a"})
    assert names["result"] == 9
    assert names["slow"](4) == 8
    assert names["slow"].cache_parameters() == {"maxsize": 3, "typed": False}


def test_source_of_a_function_is_found_in_the_next_stage(kernel: Kernel) -> None:
    kernel.run("a", "def f(x):\n    return x + 1\n", outputs=("f",))
    names = kernel.run("b", "", inputs={"f": "a"})
    assert inspect.getsource(names["f"]) == "def f(x):\n    return x + 1\n"


def test_modules_go_by_reference(kernel: Kernel) -> None:
    kernel.run("a", "import json as j", outputs=("j",))
    assert kernel.run("b", "", inputs={"j": "a"})["j"] is json


def test_views_into_one_array_share_memory(kernel: Kernel) -> None:
    code = "import numpy as np\nx = np.arange(12.).reshape(3, 4)\nrow = x[1]\ncolumns = x[:, ::2]"
    kernel.run("a", code, outputs=("x", "row", "columns"))
    names = kernel.run("b", "x[1] = -1", inputs={"x": "a", "row": "a", "columns": "a"})
    assert np.array_equal(names["row"], [-1, -1, -1, -1])
    assert np.array_equal(names["columns"][1], [-1, -1])
    kernel.run("c", "", inputs={"x": "a", "row": "a"}, outputs=("x", "row"))
    names = kernel.run("d", "x[1] = 5", inputs={"x": "c", "row": "c"})
    assert np.array_equal(names["row"], [5, 5, 5, 5])


def test_a_lone_view_does_not_drag_its_array_along(kernel: Kernel) -> None:
    kernel.run("a", "import numpy as np\nsmall = np.zeros(1_000_000)[:2]", outputs=("small",))
    assert (kernel.folder / "products/a.pkl").stat().st_size < 10_000


def test_a_sentinel_of_a_setup_cell_stays_the_same(kernel: Kernel) -> None:
    kernel.run("a", "xs = [MISSING]", setup="MISSING = object()", outputs=("xs",))
    names = kernel.run("b", "", setup="MISSING = object()", inputs={"xs": "a"})
    assert names["xs"][0] is names["MISSING"]


def test_a_variable_that_was_never_bound_is_left_out(kernel: Kernel) -> None:
    kernel.run("a", "x = 1", outputs=("x", "y"))
    assert "y" not in kernel.run("b", "", inputs={"x": "a", "y": "a"})


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
    with pytest.raises(HandoffError) as caught:
        kernel.run("a", code, outputs=("x",))
    assert "'x' of stage a" in caught.value.message
    assert "cell 3, line 2" in caught.value.message
    assert kind in caught.value.message
    assert mend in caught.value.hint
    assert not (kernel.folder / "products/a.pkl").exists()
    assert list((kernel.folder / "products").glob("*")) == [] or not (kernel.folder / "products").exists()


def test_an_input_changed_in_place_though_undeclared_is_refused(kernel: Kernel) -> None:
    kernel.run("a", "x = [3, 1, 2]", outputs=("x",))
    with pytest.raises(HandoffError, match="stage b changed 'x' in place"):
        kernel.run("b", "x.sort()", inputs={"x": "a"}, watched=("x",))


def test_reading_a_watched_frame_is_no_change(kernel: Kernel) -> None:
    code = "import pandas as pd\nx = pd.DataFrame({'a': [1, 2]})\nx['b'] = 3\nx['c'] = 4"
    kernel.run("a", code, outputs=("x",))
    use = "x._consolidate_inplace() if hasattr(x, '_consolidate_inplace') else x.values; y = x.copy(); y['a'] = 0"
    kernel.run("b", use, inputs={"x": "a"}, watched=("x",))
    with pytest.raises(HandoffError, match="changed 'x'"):
        kernel.run("b", "x['a'] = 0", inputs={"x": "a"}, watched=("x",))


def test_what_pickles_differently_each_time_is_not_watched(kernel: Kernel) -> None:
    setup = """
    import itertools
    count = itertools.count()
    class Odd:
        def __getstate__(self): return {"n": next(count)}
    """
    kernel.run("a", "x = Odd()", setup=setup, outputs=("x",))
    kernel.run("b", "", setup=setup, inputs={"x": "a"}, watched=("x",))


def test_the_header_tells_what_was_recorded(kernel: Kernel) -> None:
    kernel.run("a", "x = 1", outputs=("x",))
    header = handoff.read_header(kernel.folder / "products/a.pkl")
    assert (header.pipeline, header.stage, list(header.variables)) == ("p", "a", ["x"])


def test_equal_values_have_equal_fingerprints_in_other_processes(kernel: Kernel) -> None:
    code = "class K:\n    def m(self): return 1\nk = K()\ndef f(): return K\nd = {'a': [1.5, None]}"
    prints = []
    for _ in range(2):
        kernel.run("a", code, outputs=("k", "f", "d"))
        prints.append(handoff.read_header(kernel.folder / "products/a.pkl").variables)
    # The class is a new one each time; here, in one process, only its number tells them apart.
    assert prints[0]["d"] == prints[1]["d"]


def test_arrays_and_frames_have_fingerprints(kernel: Kernel) -> None:
    def pickler(file: Any, **options: Any) -> Pickler:
        return Pickler(file, {}, shared={}, owner="p.a", **options)

    big = np.arange(200_000.0).reshape(400, 500)
    assert fingerprint(big, pickler) == fingerprint(big.copy(), pickler)
    assert fingerprint(big, pickler) != fingerprint(big + 1, pickler)
    assert fingerprint(np.asfortranarray(big), pickler) == fingerprint(np.asfortranarray(big), pickler)
    frame = pd.DataFrame(big)
    assert fingerprint(frame, pickler) == fingerprint(frame.copy(), pickler)
    Pickler(io.BytesIO(), {}, shared={}, owner="p.a").dump(np.asfortranarray(big))


def test_a_stage_outside_its_folder_says_where_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HandoffError, match="not the compiled folder") as caught:
        handoff.enter("a", pipeline="p", workdir=".")
    assert "--cwd" in caught.value.hint


def test_a_missing_product_names_the_stage_to_run(kernel: Kernel) -> None:
    with pytest.raises(HandoffError, match="product of stage a is missing"):
        kernel.run("b", "", inputs={"x": "a"})


def test_a_broken_product_is_refused(kernel: Kernel) -> None:
    kernel.run("a", "x = list(range(1000))", outputs=("x",))
    product = kernel.folder / "products/a.pkl"
    os.truncate(product, product.stat().st_size - 10)
    with pytest.raises(HandoffError, match="can't load what stage a made"):
        kernel.run("b", "", inputs={"x": "a"})
    product.write_bytes(b"nonsense")
    with pytest.raises(HandoffError, match="not a stage's product"):
        handoff.read_header(product)


def test_a_setup_object_that_is_gone_is_named(kernel: Kernel) -> None:
    kernel.run("a", "x = f", setup="def f(): pass", outputs=("x",))
    with pytest.raises(HandoffError, match="needs 'f', which no setup cell defines"):
        kernel.run("b", "", inputs={"x": "a"})


def test_the_notebook_s_own_names_upstream_and_product_are_free_in_a_stage(kernel: Kernel) -> None:
    names = kernel.run("a", "product = 3; upstream = 4", outputs=("product", "upstream"))
    assert (names["product"], names["upstream"]) == (3, 4)
    assert kernel.run("b", "", inputs={"product": "a"})["product"] == 3


def test_datasets_of_the_inputs_are_known_below(kernel: Kernel) -> None:
    from jupyter_mlops.records.run import NamedVersion

    version = NamedVersion(name="d", version="1")
    record = (
        "from jupyter_mlops.pipeline import session\n"
        "from jupyter_mlops.records.run import NamedVersion\n"
        "session.current().datasets.append(NamedVersion(name='d', version='1'))\nx = 1\n"
    )
    kernel.run("a", record, outputs=("x",))
    look = "from jupyter_mlops.pipeline import session\nfound = session.current().all_datasets()\ny = 1"
    assert kernel.run("b", look, inputs={"x": "a"}, outputs=("y",))["found"] == [version]
    assert handoff.read_header(kernel.folder / "products/b.pkl").upstream_datasets == (version,)
