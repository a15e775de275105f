from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.execution import planner
from jupyter_mlops.pipeline.product import Component, Header, Tombstone, latest
from jupyter_mlops.records.pipeline import Pipeline, Stage, StageOptions
from jupyter_mlops.records.run import Pull, StageExecution

TRAIN = Stage(name="train", cells=(1,))
PARTS = {"code": "c", "parameter seed": "7", "hand-off": "2"}


def execution(**changes: Any) -> StageExecution:
    return StageExecution(
        **{
            "key": "k", "parts": PARTS, "pipeline": "p", "stage": "train", "source": "", "run_id": "r1",
            "product": "obj1", "executed": "obj2", **changes,
        }
    )  # fmt: skip


def left(
    stage: str, *, deleted: tuple[str, ...] = (), more: dict[str, str] | None = None, **variables: str
) -> Header:
    variables |= more or {}
    components = tuple(Component(names=(name,), digest=digest) for name, digest in variables.items())
    places = {name: place for place, name in enumerate(variables)}
    return Header(pipeline="p", stage=stage, components=components, variables=places, deleted=deleted)


def decide(
    *same_key: StageExecution,
    stage: Stage = TRAIN,
    last: StageExecution | None = None,
    files: dict[str, str] | None = None,
    stored: frozenset[str] = frozenset({"obj1", "obj2"}),
    force: bool = False,
    parts: dict[str, str] | None = None,
    above: tuple[Header, ...] = (),
    causes: dict[str, str] | None = None,
    unwanted: tuple[str, ...] = (),
    present: tuple[str, ...] = (),
) -> tuple[str, tuple[str, ...]]:
    decision = planner.decide(
        stage,
        parts or PARTS,
        same_key=same_key,
        last=last,
        above=above,
        causes=causes or {},
        unwanted=unwanted,
        present=present,
        digest=(files or {}).get,
        standing=lambda path, _: (files or {}).get(path),
        stored=stored.__contains__,
        force=force,
    )
    return decision.verdict, decision.reasons


def test_an_unchanged_stage_is_cached_and_says_which_execution() -> None:
    decision = planner.decide(
        TRAIN,
        PARTS,
        same_key=[execution()],
        last=None,
        above=(),
        digest=lambda _: None,
        standing=lambda _path, left: left,
        stored=lambda _: True,
    )
    assert (decision.verdict, decision.evidence) == ("cached", {"execution": "stage/p.train@r1"})


def test_force_and_no_cache_never_hit() -> None:
    assert decide(execution(), force=True) == ("run", ("--force",))
    uncached = Stage(name="train", cells=(1,), options=StageOptions(cache=False))
    assert decide(execution(), stage=uncached) == ("run", ("--no-cache",))


def test_a_stage_that_never_ran_runs() -> None:
    assert decide() == ("run", ("never run",))


def test_a_changed_part_is_told() -> None:
    assert decide(last=execution(parts={**PARTS, "parameter seed": "6"})) == (
        "run",
        ("parameter seed 6 -> 7",),
    )
    assert decide(last=execution()) == ("run", ("its earlier run is not on record",))


@pytest.mark.parametrize(
    "files, reason",
    [({"a.csv": "2"}, "file a.csv changed"), ({}, "file a.csv is gone")],
)
def test_a_changed_file_is_told(files: dict[str, str], reason: str) -> None:
    assert decide(execution(reads={"a.csv": "1"}), files=files) == ("run", (reason,))


def test_an_older_execution_may_fit_where_the_newest_does_not() -> None:
    newest, older = execution(reads={"a.csv": "2"}, run_id="r2"), execution(reads={"a.csv": "1"})
    assert decide(newest, older, files={"a.csv": "1"})[0] == "cached"


@pytest.mark.parametrize(
    "above, reason",
    [
        ((left("load", x="2"),), "input x from load changed (load ran: code changed)"),
        ((left("load", x="1"), left("clean", x="2")), "input x from clean changed, it was load's before"),
        ((), "input x from load is gone"),
        ((left("load", x="1"), left("clean", deleted=("x",))), "input x from load is gone"),
        ((left("load", x="1"), left("clean", y="1")), "y, which no stage above had, comes from clean now"),
        (
            (Header(pipeline="p", stage="load", tombstones={"x": Tombstone(why="w", mend="m", cell=0, line=1)}),),
            "input x can't be passed on any more",
        ),
    ],
)  # fmt: skip
def test_what_it_would_find_otherwise_is_told(above: tuple[Header, ...], reason: str) -> None:
    earlier = execution(pulls={"x": Pull(stage="load", digest="1")}, absent=("y",))
    causes = {"load": "code changed"}
    assert decide(earlier, above=above, causes=causes) == ("run", (reason,))
    # Under another key, what changed above is told after what changed here.
    other = {**PARTS, "parameter seed": "8"}
    assert decide(last=earlier, parts=other, above=above, causes=causes) == (
        "run",
        ("parameter seed 7 -> 8", reason),
    )


def test_equal_content_is_the_same_whoever_left_it() -> None:
    earlier = execution(pulls={"x": Pull(stage="load", digest="1")}, absent=("y",))
    assert decide(earlier, above=(left("load", x="0"), left("clean", x="1")))[0] == "cached"


def test_the_random_state_is_spoken_of_in_words() -> None:
    earlier = execution(pulls={"<numpy.random>": Pull(stage="load", digest="1")})
    (reason,) = decide(earlier, above=(left("load", more={"<numpy.random>": "2"}),))[1]
    assert reason == "input numpy's random state from load changed"


def test_an_execution_says_what_it_left() -> None:
    made = planner.header_of(execution(outputs={"x": "1", "a": "2"}, deleted=("d",), lost=("f",)))
    assert latest("x", [made]) == Pull(stage="train", digest="1")
    assert latest("d", [left("load", d="1"), made]) is None
    assert isinstance(latest("f", [made]), Tombstone)


def test_what_it_did_not_keep_must_still_be_unwanted() -> None:
    earlier = execution(lost=("big", "f"), unkept=("big",))
    assert decide(earlier, unwanted=("big",))[0] == "cached"
    assert decide(earlier) == ("run", ("big is needed now and wasn't kept",))


def test_a_file_that_it_writes_must_be_as_it_left_it() -> None:
    wrote = execution(writes=("plot.png",), left={"plot.png": "1"})
    assert decide(wrote) == ("run", ("file plot.png, which it writes, is gone",))
    assert decide(wrote, files={"plot.png": "2"}) == (
        "run",
        ("file plot.png, which it writes, is not as it left it",),
    )
    assert decide(wrote, files={"plot.png": "1"})[0] == "cached"
    # Of a folder only its being there counts.
    assert decide(execution(writes=("out",)), files={"out": "any"})[0] == "cached"


def test_stored_outputs_must_be_there() -> None:
    assert decide(execution(), stored=frozenset({"obj1"})) == (
        "run",
        ("its stored outputs are gone or damaged",),
    )


def pipeline_of(**upstream: tuple[str, ...]) -> Pipeline:
    stages = tuple(Stage(name=name, cells=(), upstream=above) for name, above in upstream.items())
    return Pipeline(notebook="n.ipynb", stages=stages)


def test_a_selection_takes_what_it_needs() -> None:
    pipeline = pipeline_of(a=(), b=("a",), c=("a",), d=("b",))
    edges = {stage.name: stage.upstream for stage in pipeline.stages}
    assert planner.selection(pipeline, ["d"], edges) == ("a", "b", "d")
    assert planner.selection(pipeline, [], edges) == ("a", "b", "c", "d")
    # What it took from when it last ran, it needs too.
    assert planner.selection(pipeline, ["d"], {**edges, "d": ("b", "c")}) == ("a", "b", "c", "d")


def test_the_order_is_the_page_s_unless_a_stage_takes_from_one_that_begins_below() -> None:
    assert planner.page_order(pipeline_of(a=(), b=(), c=("a",))) == ("a", "b", "c")
    assert planner.page_order(pipeline_of(a=("b",), b=(), c=("a",))) == ("b", "a", "c")


def test_edges_are_joined_and_none_goes_up_the_page() -> None:
    found = planner.joined(
        ["a", "b", "c"],
        {"c": ("a",)},
        planner.recorded_edges(
            {
                "c": execution(pulls={"x": Pull(stage="b", digest="1"), "y": Pull(stage="gone", digest="1")}),
                "a": execution(pulls={"x": Pull(stage="b", digest="1")}),
            }
        ),
    )
    assert found == {"a": (), "b": (), "c": ("a", "b")}


def test_a_file_that_is_there_now_counts_like_one_that_changed() -> None:
    once = execution(reads={"in.csv": "f1"}, writes=("out.csv",), left={"out.csv": "f2"})
    files = {"in.csv": "f1", "out.csv": "f2", "more.csv": "f3"}
    assert decide(once, files=files, present=("in.csv", "out.csv"))[0] == "cached"
    assert decide(once, files=files, present=("in.csv", "more.csv")) == ("run", ("file more.csv is new",))


def test_a_module_that_came_with_a_value_counts_like_one_that_is_imported() -> None:
    once = execution(modules={"helpers.py": "m1"})
    known = {"helpers.py": "m1"}

    def reasons() -> tuple[str, ...]:
        found = planner.decide(
            TRAIN,
            PARTS,
            same_key=[once],
            last=None,
            above=(),
            digest=lambda _: None,
            standing=lambda _path, left: left,
            module=known.get,
            stored=lambda _: True,
        )
        return found.reasons

    assert reasons() == ("nothing changed",)
    known["helpers.py"] = "m2"
    assert reasons() == ("module helpers.py changed",)
    known.clear()
    assert reasons() == ("module helpers.py is gone",)
