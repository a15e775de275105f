from __future__ import annotations

import pytest

from jupyter_mlops.governance.approvals import joined, may_become_champion
from jupyter_mlops.records.access import Approval, Rule
from jupyter_mlops.records.decision import Decision
from jupyter_mlops.records.model import ModelVersion, Signature

VERSION = ModelVersion(
    name="churn",
    version=3,
    bundle="b3",
    signature=Signature(layout="array", inputs=(), outputs=()),
    mlflow_run="",
    author="ann",
)


def said(author: str, verdict: str = "approved", bundle: str = "b3", at: str = "1") -> Approval:
    kind = "approved" if verdict == "approved" else "rejected"
    return Approval(name="churn", version=3, bundle=bundle, verdict=kind, author=author, created_at=at)  # type: ignore[arg-type]  # one of two


def rule(approvals: int = 0, *, gate: bool = False, override: bool = True) -> Rule:
    return Rule(rule_id="r", approvals=approvals, gate=gate, override=override)


@pytest.mark.parametrize(
    "rules, approvals, judged, verdict",
    [
        ([], [], False, "allowed"),
        ([rule(1)], [], False, "blocked"),
        ([rule(1)], [said("bob")], False, "allowed"),
        ([rule(1)], [said("ann")], False, "blocked"),
        ([rule(2)], [said("bob"), said("bob")], False, "blocked"),
        ([rule(2)], [said("bob"), said("eve")], False, "allowed"),
        ([rule(1), rule(2)], [said("bob")], False, "blocked"),
        ([rule(1)], [said("bob", bundle="another")], False, "blocked"),
        ([rule(1)], [said("bob", "rejected"), said("bob")], False, "blocked"),
        ([rule(1)], [said("bob"), said("bob", "rejected")], False, "allowed"),
        ([], [said("bob", "rejected")], False, "blocked"),
        ([], [said("ann", "rejected")], False, "allowed"),
        ([rule(1)], [said("bob"), said("eve", "rejected")], False, "blocked"),
        ([rule(gate=True)], [], False, "blocked"),
        ([rule(gate=True)], [], True, "allowed"),
    ],
)  # newest first
def test_what_a_version_needs(
    rules: list[Rule], approvals: list[Approval], judged: bool, verdict: str
) -> None:
    decision = may_become_champion(VERSION, rules, approvals, judged=judged)
    assert decision.verdict == verdict
    assert decision.reasons


def test_the_reason_says_what_is_missing() -> None:
    decision = may_become_champion(VERSION, [rule(2, override=False)], [said("bob")], judged=True)
    assert decision.reasons == ("it needs 2 approvals by others than its author ann, it has 1 (bob)",)
    assert decision.evidence == {"approvals": [str(said("bob").ref)], "rejections": [], "override": False}


def test_gates_and_rules_both_count() -> None:
    gates = Decision(verdict="blocked", reasons=("auc",), evidence={"evaluations": ["e"]})
    fine = may_become_champion(VERSION, [rule(1)], [said("bob")], judged=True)
    poor = may_become_champion(VERSION, [rule(1)], [], judged=True)
    passed = Decision(verdict="allowed", reasons=("passed",), evidence={"evaluations": ["e"]})
    assert joined(gates, fine).verdict == "blocked"
    assert joined(gates, fine).reasons == ("auc",)
    assert joined(passed, poor).verdict == "blocked"
    both = joined(passed, fine)
    assert both.verdict == "allowed"
    assert set(both.evidence) == {"evaluations", "approvals", "rejections", "override"}
