"""Rounds of stages that read and write in ways that no analysis sees, against the same stages one after the other."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlops import settings as project
from jupyter_mlops.execution import planner
from jupyter_mlops.execution.local import Outcome
from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from jupyter_mlops.pipeline.product import Component, Header, Tombstone, latest
from jupyter_mlops.pipeline.storage import read_header
from jupyter_mlops.records.run import Pull, Run, StageError, StageRun
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.live import LiveRun
from jupyter_mlops.workflows.plans import Plans
from jupyter_mlops.workflows.rounds import run_rounds
from jupyter_mlops.workflows.stages import Stages
from tests import notebooks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyter_mlops.records.pipeline import Stage

# What a stage does, in order: ("get", x), ("try", x), ("set", x, number), ("del", x), ("read", file), ("write", file).
Step = tuple[Any, ...]
Program = tuple[Step, ...]


class MissingError(Exception):
    """A stage looked for what isn't there."""


def interpret(
    program: Program, find: Callable[[str], int | None], folder: Path
) -> tuple[dict[str, int], set[str], dict[str, int], set[str]]:
    """Run a program; return what it left, deleted, took and looked for in vain."""
    own: dict[str, int] = {}
    gone: set[str] = set()
    taken: dict[str, int] = {}
    absent: set[str] = set()
    total = 0
    for kind, name, *number in program:
        path = folder / name
        if kind in ("get", "try", "del"):
            value = own.get(name) if name in own or name in gone else find(name)
            if name not in own and name not in gone:
                if value is None:
                    absent.add(name)
                else:
                    taken[name] = value
            if value is None and kind != "try":
                raise MissingError(name)
            if kind == "del":
                own.pop(name, None)
                gone.add(name)
            total += value or 0
        elif kind == "set":
            own[name] = total + number[0]
            gone.discard(name)
        elif kind == "read":
            if not path.exists():
                raise MissingError(name)
            total += int(path.read_text())
        else:
            path.write_text(str(total + number[0]))
    return own, gone, taken, absent


def one_after_the_other(programs: Mapping[str, Program], folder: Path) -> tuple[dict[str, int], bool]:
    """Return the variables and files in the end, and whether every stage succeeded."""
    state: dict[str, int] = {}
    for program in programs.values():
        try:
            own, gone, _, _ = interpret(program, state.get, folder)
        except MissingError:
            return state, False
        state.update(own)
        for name in gone:
            state.pop(name, None)
    return {**state, **{p.name: int(p.read_text()) for p in folder.glob("*.txt")}}, True


class Fake:
    """An engine whose stages are programs, not kernels; slow ones end when all others have, or nearly so."""

    def __init__(
        self, folder: Path, work: Path, programs: Mapping[str, Program], slow: Sequence[str]
    ) -> None:
        self.folder = folder
        self.executed: list[str] = []
        self._work = work
        self._programs = programs
        self._slow = [name for name in slow if name in programs]
        self._others = threading.Event()

    def notebook(self, stage: str) -> Path:
        return self.folder / "products" / f"{stage}.ipynb"

    def product(self, stage: str) -> Path:
        return self.folder / "products" / f"{stage}.pkl"

    def execute(
        self, stage: Stage, parameters: dict[str, Any], on_cells: Callable[[int, int], None]
    ) -> Outcome:
        self.executed.append(stage.name)
        headers = [read_header(self.folder / each["data"]) for each in parameters["upstream"].values()]
        assert [header.stage for header in headers] == list(parameters["upstream"])

        def find(name: str) -> int | None:
            found = latest(name, headers)
            assert not isinstance(found, Tombstone)
            return None if found is None else int(found.digest)

        if stage.name in self._slow:
            self._others.wait(0.2)
        try:
            own, gone, taken, absent = interpret(self._programs[stage.name], find, self._work)
        except MissingError as error:
            self._note()
            return Outcome(0.1, StageError(type="NameError", message=f"name '{error}' is not defined"))
        pulls = {}
        for name in taken:
            found = latest(name, headers)
            assert isinstance(found, Pull)
            pulls[name] = found
        header = Header(
            pipeline="n",
            stage=stage.name,
            components=tuple(Component(names=(name,), digest=str(value)) for name, value in own.items()),
            variables={name: place for place, name in enumerate(own)},
            deleted=tuple(sorted(gone)),
            pulls=pulls,
            absent=tuple(sorted(absent)),
        )
        self.product(stage.name).write_bytes(msgspec.json.encode(header) + b"\n")
        self.notebook(stage.name).write_text(json.dumps(stage.name))
        on_cells(1, 1)
        self._note()
        return Outcome(0.1)

    def _note(self) -> None:
        if len(set(self.executed) | set(self._slow)) == len(self._programs):
            self._others.set()

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def source_of(program: Program) -> str:
    """Return code in which no analysis sees what the program does with variables; only its files' names are there."""
    return f"run({json.dumps(json.dumps(program))}, {[step[1] for step in program if step[0] in ('read', 'write')]})"


def cells_of(programs: Mapping[str, Program]) -> list[str]:
    stages = [f"%%mlops stage {name}\n{source_of(program)}" for name, program in programs.items()]
    return ["%%mlops setup\ndef run(*a): pass", *stages]


def side_by_side(
    programs: Mapping[str, Program],
    root: Path,
    *,
    slow: Sequence[str] = (),
    run_id: str = "r1",
    chosen: Sequence[str] = (),
    cells: Sequence[str] = (),
) -> tuple[dict[str, int], Stages, Fake]:
    """Run the programs as stages, four at a time; return the variables and files in the end."""
    (root / "mlops.toml").touch()
    notebook = parse(notebooks.text(*(cells or cells_of(programs))), "n.ipynb")
    pipeline = analyse(notebook)
    configured, store = project.load(root), open_store(project.load(root))
    plans = Plans(notebook, pipeline, name="n", folder=root, params={}, store=store)
    folder = root / ".mlops" / "runs" / run_id / "pipeline"
    (folder / "products").mkdir(parents=True)
    engine = Fake(folder, root, programs, slow)
    stages = tuple(StageRun(name=name, status="pending") for name in programs)
    live = LiveRun(configured, Run(run_id=run_id, status="running", notebook="n.ipynb", stages=stages), None)
    work = Stages(plans, {}, store, engine, live, root / ".mlops" / "locks")
    run_rounds(work, set(chosen or programs), jobs=4)
    state: dict[str, int] = {}
    for name in plans.order:
        if name in work.done:
            state.update({variable: int(digest) for variable, digest in work.done[name].outputs.items()})
            for variable in work.done[name].deleted:
                state.pop(variable, None)
    return {**state, **{path.name: int(path.read_text()) for path in root.glob("*.txt")}}, work, engine


# Every record is synced to disk; memory is a disk that is synced at once.
FAST = next((folder for folder in ("/dev/shm",) if Path(folder).is_dir()), None)  # noqa: S108 - only for speed
NAMES = st.sampled_from(["x", "y", "<numpy.random>"])
FILES = st.sampled_from(["f.txt", "g.txt"])
STEPS = st.one_of(
    st.tuples(st.just("get"), NAMES),
    st.tuples(st.just("try"), NAMES),
    st.tuples(st.just("set"), NAMES, st.integers(1, 9)),
    st.tuples(st.just("set"), NAMES, st.integers(1, 9)),
    st.tuples(st.just("del"), NAMES),
    st.tuples(st.just("read"), FILES),
    st.tuples(st.just("write"), FILES, st.integers(1, 9)),
)
PROGRAMS = st.lists(st.lists(STEPS, min_size=1, max_size=4).map(tuple), min_size=2, max_size=5).map(
    lambda programs: {f"s{number}": program for number, program in enumerate(programs)}
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS, st.sets(st.integers(0, 4)), st.data())
def test_side_by_side_gives_what_the_page_gives(
    programs: dict[str, Program], slow: set[int], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory(dir=FAST) as one, tempfile.TemporaryDirectory(dir=FAST) as two:
        expected, succeeded = one_after_the_other(programs, Path(one))
        state, work, _ = side_by_side(programs, Path(two), slow=[f"s{number}" for number in slow])
        assert (len(work.failed) == 0) == succeeded, (programs, work.failed)
        if not succeeded:
            return
        assert state == expected
        # Again, with another program in one place: as if nothing had been there before but the files.
        place = data.draw(st.sampled_from(sorted(programs)))
        programs = {**programs, place: data.draw(st.lists(STEPS, min_size=1, max_size=4).map(tuple))}
        expected, succeeded = one_after_the_other(programs, Path(one))
        state, work, engine = side_by_side(programs, Path(two), run_id="r2")
        assert (len(work.failed) == 0) == succeeded, (programs, work.failed, engine.executed)
        if succeeded:
            assert state == expected, engine.executed


def test_a_stage_that_could_not_see_what_it_needs_runs_again_and_says_why(tmp_path: Path) -> None:
    programs = {
        "a": (("set", "<numpy.random>", 1), ("set", "x", 2)),
        "b": (("try", "<numpy.random>"), ("set", "y", 0)),
        "c": (("get", "x"), ("set", "z", 0)),
    }
    state, work, engine = side_by_side(programs, tmp_path, slow=["a"])
    assert (state["y"], state["z"]) == (1, 2)
    reasons = {stage.name: stage.reason for stage in work.live.run.stages}
    assert reasons["b"] == "ran again: stage a changed numpy's random state before it"
    assert reasons["c"] == "ran again: stage a was not done when it failed"
    assert sorted(engine.executed) == ["a", "b", "b", "c", "c"]
    # It is known now which stages they wait for, and nothing has changed.
    _, work, engine = side_by_side(programs, tmp_path, run_id="r2")
    assert engine.executed == []
    assert work.plans.edges["c"] == ("a",)
    # Each execution is on record.
    assert work.store.ledger.get("stage/n.b@r1.2") != work.store.ledger.get("stage/n.b@r1")


def test_a_stage_that_was_not_asked_for_joins_where_it_is_needed(tmp_path: Path) -> None:
    programs: dict[str, Program] = {"a": (("set", "x", 2),), "b": (("set", "y", 2),), "c": (("get", "x"),)}
    cells = cells_of(programs)
    cells[1] += "\nx = 2"
    _, work, engine = side_by_side(programs, tmp_path, chosen=["c"], cells=cells)
    assert engine.executed == ["c", "a", "c"]
    reasons = {stage.name: stage.reason for stage in work.live.run.stages}
    assert reasons["c"] == "ran again: stage a makes x, which it looked for"
    # What it took when it last ran, it brings with it.
    _, work, engine = side_by_side(programs, tmp_path, chosen=["c"], cells=cells, run_id="r2")
    assert planner.selection(work.plans.pipeline, ["c"], work.plans.needs) == ("a", "c")


def test_a_file_that_a_stage_above_writes_now_is_left_by_the_last_one_all_the_same(tmp_path: Path) -> None:
    programs: dict[str, Program] = {
        "s0": (("try", "x"),),
        "s1": (("write", "f.txt", 2),),
        "s2": (("write", "f.txt", 1),),
    }
    side_by_side(programs, tmp_path)
    programs["s0"] = (("write", "f.txt", 2),)
    state, _, engine = side_by_side(programs, tmp_path, run_id="r2")
    assert state == {"f.txt": 1}
    assert engine.executed == ["s0", "s1", "s2"]
