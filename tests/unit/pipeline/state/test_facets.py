"""State of the process: how each piece is read and set."""

from __future__ import annotations

import csv
import gc
import logging
import os
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.pipeline.serialization.pickling import Scope, pickled
from jupyter_mlops.pipeline.state import modules as module_state
from jupyter_mlops.pipeline.state.facet import Facet, start_of
from jupyter_mlops.pipeline.state.facets import FACETS
from jupyter_mlops.pipeline.state.modules import ModuleState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def facet(name: str) -> Facet:
    (found,) = (each for each in FACETS if each.name == f"<{name}>")
    return found


def test_each_has_a_name_of_its_own() -> None:
    assert len({each.name for each in FACETS}) == len(FACETS)


def test_an_environment_s_variable_that_setup_set_and_a_stage_took_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataclasses import replace

    start = start_of("")
    monkeypatch.setenv("CASE_VARIABLE", "x")
    after_setup = replace(start, set_up=frozenset(os.environ))
    assert facet("environment").get(after_setup) == {"CASE_VARIABLE": "x"}
    monkeypatch.delenv("CASE_VARIABLE")
    left = facet("environment").get(after_setup)
    assert left == {"CASE_VARIABLE": None}
    monkeypatch.setenv("CASE_VARIABLE", "x")
    facet("environment").put(left, start)
    assert "CASE_VARIABLE" not in os.environ


def test_dialects_levels_and_limits() -> None:
    names = ("csv dialects", "logging levels", "limits")
    before = {name: facet(name).get(start_of("")) for name in names}
    csv.register_dialect("bars", delimiter="|")
    logging.disable(logging.INFO)
    sys.setswitchinterval(0.25)
    gc.disable()
    after = {name: facet(name).get(start_of("")) for name in names}
    for name in names:
        facet(name).put(before[name], start_of(""))
    assert {name: facet(name).get(start_of("")) for name in names} == before
    assert gc.isenabled()
    facet("csv dialects").put(after["csv dialects"], start_of(""))
    assert csv.get_dialect("bars").delimiter == "|"
    csv.unregister_dialect("bars")


def test_numpy_s_error_state_has_its_call() -> None:
    import numpy as np

    before = facet("numpy error state").get(start_of(""))
    calls: list[str] = []
    with np.errstate(divide="call", call=lambda kind, _: calls.append(kind)):
        inside = facet("numpy error state").get(start_of(""))
    facet("numpy error state").put(inside, start_of(""))
    _ = np.ones(1) / np.zeros(1)
    facet("numpy error state").put(before, start_of(""))
    assert calls == ["divide by zero"]


def test_pyplot_s_figures_keep_their_numbers() -> None:
    import matplotlib.pyplot as plt

    plt.close("all")
    plt.switch_backend("agg")
    plt.figure(7)
    plt.figure(3).suptitle("third")
    left = facet("pyplot figures").get(start_of(""))
    made = pickled(left, Scope({}))
    plt.close("all")
    import pickle

    facet("pyplot figures").put(pickle.loads(made.data, buffers=made.buffers), start_of(""))
    assert plt.get_fignums() == [3, 7]
    assert plt.gcf().get_suptitle() == "third"
    plt.close("all")


def test_without_a_shell_there_is_no_state_of_one() -> None:
    for name in ("shell options", "magics", "display formatters", "shell hooks", "folders' history"):
        state = facet(name).get(start_of(""))
        assert not state
        facet(name).put(state, start_of(""))


@pytest.fixture
def module() -> Iterator[Any]:
    made: Any = types.ModuleType("case_module")
    exec("class Config:\n    depth = 1\nitems, size = [], 1\ndef f(): return size", vars(made))  # noqa: S102 - a module of its own
    sys.modules["case_module"] = made
    yield made
    del sys.modules["case_module"]


def test_what_a_module_holds(module: Any) -> None:
    state = ModuleState(module, lambda value: pickled(value, Scope({})).digest)
    assert state.changed() == {}
    module.items.append(1)
    module.Config.depth = 2
    module.new = "x"
    del module.size
    left = state.changed()
    assert left == {"Config.depth": (2,), "items": ([1],), "new": ("x",), "size": ()}
    state.put({"items": ([5],), "size": (), "Config.depth": (7,)})
    assert (module.items, module.Config.depth, hasattr(module, "size")) == ([5], 7, False)
    assert state.changed() == {}
    module.items.append(6)
    assert state.changed() == {"Config.depth": (7,), "items": ([5, 6],), "size": ()}
    assert state.held() == {"Config.depth": (7,), "items": ([5, 6],), "size": ()}


def test_an_attribute_is_set_and_taken_away(module: Any) -> None:
    depth = module_state.attribute("case_module.Config.depth")
    shout = module_state.attribute("case_module.Config.shout")
    start = start_of("")
    assert (depth.get(start), shout.get(start)) == ((1,), ())
    depth.put((4,), start)
    shout.put((len,), start)
    assert (module.Config.depth, module.Config.shout) == (4, len)
    shout.put((), start)
    assert not hasattr(module.Config, "shout")
    assert not module_state.has_owner(module_state.attribute("case_module.Missing.x"))
    assert not module_state.has_owner(module_state.attribute("no_such_module.x"))


def test_which_modules_are_the_notebook_s_own(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert module_state.is_local_file(str(tmp_path / "helper.py"), root)
    assert module_state.is_local_file(str(tmp_path / "src" / "__init__.py"), root)
    assert not module_state.is_local_file(str(tmp_path / ".venv/lib/site-packages/x.py"), root)
    assert not module_state.is_local_file(str(tmp_path) + "-other/x.py", root)
    assert not module_state.is_local_file(None, root)
    assert not module_state.is_local_file("built-in", "")
