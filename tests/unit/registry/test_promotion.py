from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.records.evaluation import ConditionResult, ConditionStatus, Evaluation
from jupyter_mlops.records.model import Promotion
from jupyter_mlops.registry.promotion import ALLOWED, BLOCKED, may_promote, version_before


def evaluation(
    text: str, status: ConditionStatus, run: str = "r1", at: str = "1", *, optional: bool = False
) -> Evaluation:
    return Evaluation(
        model="churn",
        version=1,
        passed=status == "passed" or optional,
        conditions=(ConditionResult(text=text, status=status, reason="why", optional=optional),),
        run_id=run,
        created_at=at,
    )


def test_a_passed_gate_allows_and_a_failed_one_blocks() -> None:
    assert may_promote([evaluation("a > 1", "passed")], model_has_gates=True).verdict == ALLOWED
    refused = may_promote([evaluation("a > 1", "failed")], model_has_gates=True)
    assert refused.verdict == BLOCKED
    assert refused.reasons == ("a > 1: failed (why)",)


def test_what_wasnt_evaluated_blocks_unless_optional() -> None:
    assert may_promote([evaluation("gpu", "not evaluated")], model_has_gates=True).verdict == BLOCKED
    optional = evaluation("gpu", "not evaluated", optional=True)
    assert may_promote([optional], model_has_gates=True).verdict == ALLOWED


def test_a_version_no_gate_saw_is_judged_by_its_model() -> None:
    assert may_promote([], model_has_gates=False).verdict == ALLOWED
    assert may_promote([], model_has_gates=True).verdict == BLOCKED


def test_all_gates_of_the_newest_run_count() -> None:
    both = [evaluation("b > 1", "passed", at="2"), evaluation("a > 1", "failed", at="1")]
    assert may_promote(both, model_has_gates=True).verdict == BLOCKED
    assert may_promote(both[::-1], model_has_gates=True).verdict == BLOCKED


def test_a_newer_result_outweighs_an_older_one() -> None:
    again = [evaluation("a > 1", "passed", at="2"), evaluation("a > 1", "failed", at="1")]
    assert may_promote(again, model_has_gates=True).verdict == ALLOWED
    assert may_promote(again[::-1], model_has_gates=True).verdict == BLOCKED
    other_run = [evaluation("a > 1", "passed", run="r2"), evaluation("b > 1", "failed", run="r1")]
    assert may_promote(other_run, model_has_gates=True).verdict == ALLOWED
    by_hand = [evaluation("a > 1", "passed", run=""), evaluation("b > 1", "failed", run="")]
    assert may_promote(by_hand, model_has_gates=True).verdict == ALLOWED


def move(version: int, previous: int | None, *, rollback: bool = False) -> Promotion:
    return Promotion(name="churn", version=version, alias="champion", previous=previous, rollback=rollback)


def test_the_version_before() -> None:
    history = [move(1, None), move(2, 1), move(3, 2)]
    assert version_before(history, 3) == 2
    assert version_before(history[:1], 1) is None
    assert version_before([], 1) is None


def test_a_second_rollback_goes_further_back() -> None:
    history = [move(1, None), move(2, 1), move(3, 2), move(2, 3, rollback=True)]
    assert version_before(history, 2) == 1
    history.append(move(1, 2, rollback=True))
    assert version_before(history, 1) is None
    history.append(move(3, 1))
    assert version_before(history, 3) == 1


def test_an_alias_moved_by_other_hands() -> None:
    assert version_before([move(4, 2)], 4) == 2  # 2 was set in MLflow
    assert version_before([move(1, None), move(2, 1)], 9) == 2  # 9 was set in MLflow


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_rolling_back_as_often_as_promoting_ends_at_the_first(versions: list[int]) -> None:
    history: list[Promotion] = []
    current: int | None = None
    for version in versions:
        if version != current:
            history.append(move(version, current))
            current = version
    steps = 0
    while current is not None and (before := version_before(history, current)) is not None:
        history.append(move(before, current, rollback=True))
        current, steps = before, steps + 1
        assert steps <= len(versions)
    assert current == versions[0]
