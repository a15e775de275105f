from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlops.execution.planner import header_of
from jupyter_mlops.records.run import Pull, StageError, StageExecution
from jupyter_mlops.workflows import validate
from jupyter_mlops.workflows.validate import Again, Failure

ORDER = ("a", "b", "c")


def execution(stage: str, **changes: Any) -> StageExecution:
    return StageExecution(
        key="k", pipeline="p", stage=stage, source="", product=f"product of {stage}", **changes
    )


def review(
    *done: StageExecution, files: dict[str, str] | None = None, fresh: str = "abc", **named: tuple[str, ...]
) -> dict[str, Again]:
    return validate.review(ORDER, {one.stage: one for one in done}, set(fresh), named, (files or {}).get)


@pytest.mark.parametrize(
    "left, reason",
    [
        ({"outputs": {"x": "2"}}, "stage a changed x before it"),
        ({"outputs": {"x": "1", "<random>": "1"}}, "stage a changed Python's random state before it"),
        ({"outputs": {"x": "1", "y": "1"}}, "stage a makes y before it"),
        ({"deleted": ("x",)}, "a stage above takes x away before it"),
        ({"lost": ("x",)}, "x of a stage above can't be passed on to it"),
    ],
)
def test_what_it_would_have_taken_otherwise_is_told(left: dict[str, Any], reason: str) -> None:
    took = execution("b", pulls={"x": Pull(stage="a", digest="1")}, absent=("<random>", "y"))
    again = validate.other_inputs(took, [header_of(execution("a", **left))])
    assert again is not None
    assert (again.reason, again.after) == (reason, ("a",))
    assert validate.other_inputs(took, [header_of(execution("a", outputs={"x": "1", "z": "9"}))]) is None


def test_a_file_that_it_met_before_a_stage_above_wrote_it() -> None:
    wrote = execution("a", writes=("./f.csv",), left={"./f.csv": "2"})
    for early in (execution("b", reads={"f.csv": "1"}), execution("b")):
        assert review(wrote, early, files={"f.csv": "2"}, b=("f.csv",)) == {
            "b": Again("stage a wrote file f.csv before it", ("a",))
        }
    assert review(wrote, execution("b", reads={"f.csv": "2"}), files={"f.csv": "2"}, b=("f.csv",)) == {}
    assert review(wrote, execution("b"), files={"f.csv": "2"}) == {}


def test_a_file_that_is_lost_is_written_again_first() -> None:
    wrote = execution("a", writes=("f",), left={"f": "2"})
    early = execution("c", writes=("f",), found={"f": "1"}, left={"f": "3"})
    found = review(wrote, early, files={"f": "3"})
    assert found["a"] == Again("file f was written over before c met it", files=True)
    assert found["c"].after == ("a",)


def test_a_cached_stage_s_file_must_be_there_in_the_end() -> None:
    wrote = execution("a", writes=("f",), left={"f": "2"})
    assert review(wrote, files={"f": "1"}, fresh="") == {
        "a": Again("file f is not as it left it", files=True)
    }
    after = execution("b", writes=("f",), found={"f": "2"}, left={"f": "3"})
    assert review(wrote, after, files={"f": "3"}, fresh="") == {}


@pytest.mark.parametrize(
    "kind, words, tried_again",
    [("NameError", (), True), ("HandoffError", (), True), ("ValueError", (), False), ("ValueError", ("x",), True),
     ("KernelDied", ("x",), False), ("Timeout", ("x",), False)],
)  # fmt: skip
def test_a_failure_is_tried_again_where_what_it_could_not_see_may_mend_it(
    kind: str, words: tuple[str, ...], *, tried_again: bool
) -> None:
    failure = Failure(StageError(type=kind, message=""), {}, frozenset(words), frozenset())
    done = {"a": execution("a", outputs={"x": "1"})}
    assert bool(validate.review_failures(ORDER, done, {"b": failure})) == tried_again
    # It saw all there was.
    seen = Failure(failure.error, {"a": "product of a"}, failure.words, frozenset())
    assert validate.review_failures(ORDER, done, {"b": seen}) == {}
    # What stands below it doesn't count.
    assert validate.review_failures(("b", "a"), done, {"b": failure}) == {}


def test_random_state_and_files_may_matter_to_any_failure() -> None:
    error = StageError(type="ValueError", message="")
    drawn = {"a": execution("a", outputs={"<numpy.random>": "1"})}
    wrote = {"a": execution("a", writes=("./f",))}
    failure = Failure(error, {}, frozenset(), frozenset({"f"}))
    assert validate.review_failures(ORDER, drawn, {"b": failure})
    assert validate.review_failures(ORDER, wrote, {"b": failure})


def test_the_nearest_stage_above_that_makes_a_name_joins() -> None:
    makes = {("a", "x"), ("b", "x"), ("c", "x")}
    found = validate.joining(ORDER, {"c"}, {"c": ["x", "y"]}, lambda stage, name: (stage, name) in makes)
    assert found == {"b": ("c", "x")}
    assert validate.joining(ORDER, {"b", "c"}, {"c": ["y"]}, lambda *_: False) == {}


@pytest.mark.parametrize(
    "kind, message, name",
    [("NameError", "name 'x' is not defined", "x"), ("KeyError", "'x'", "x"), ("ValueError", "'x'", ""),
     ("NameError", "odd", "")],
)  # fmt: skip
def test_the_name_that_was_missed_is_read_off_the_error(kind: str, message: str, name: str) -> None:
    assert validate.missed_name(StageError(type=kind, message=message)) == name
