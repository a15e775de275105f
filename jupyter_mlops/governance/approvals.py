"""Decide whether the rules of a model let a version become champion (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.records.access import ALLOWED
from jupyter_mlops.records.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.records.access import Approval, Rule
    from jupyter_mlops.records.model import ModelVersion

BLOCKED = "blocked"


def standing(approvals: Sequence[Approval], version: ModelVersion) -> dict[str, Approval]:
    """Return the newest word of each user on exactly this version's bundle; its author's own doesn't count.

    Args:
        approvals: those of the version, newest first.
        version: what they speak of.
    """
    said: dict[str, Approval] = {}
    for approval in approvals:
        if approval.bundle == version.bundle and approval.author != version.author:
            said.setdefault(approval.author, approval)
    return said


def needed(rules: Sequence[Rule]) -> int:
    """Return how many others than its author must approve a version that these rules reach."""
    return max((rule.approvals for rule in rules), default=0)


def joined(gates: Decision, rules: Decision) -> Decision:
    """Return one decision of two: blocked where either blocks, for the reasons of those that do."""
    blocking = [decision for decision in (gates, rules) if decision.verdict == BLOCKED]
    return Decision(
        verdict=BLOCKED if blocking else ALLOWED,
        reasons=tuple(reason for decision in blocking or (gates, rules) for reason in decision.reasons),
        evidence={**gates.evidence, **rules.evidence},
    )


def may_become_champion(
    version: ModelVersion, rules: Sequence[Rule], approvals: Sequence[Approval], *, judged: bool
) -> Decision:
    """Say whether a version meets all rules that reach its model; a standing rejection blocks where any rule does.

    Args:
        version: the one to promote.
        rules: those in force that reach the model.
        approvals: those of the version, newest first.
        judged: whether a gate evaluated the version.
    """
    said = standing(approvals, version)
    yes = [approval for approval in said.values() if approval.verdict == "approved"]
    no = [approval for approval in said.values() if approval.verdict == "rejected"]
    least = needed(rules)
    reasons = [f"{each.author} rejected it" + (f": {each.reason}" if each.reason else "") for each in no]
    if len(yes) < least:
        have = f", it has {len(yes)} ({', '.join(each.author for each in yes)})" if yes else ""
        reasons.append(
            f"it needs {least} approval{'s' if least > 1 else ''} by others than its author "
            f"{version.author or 'unknown'}{have}"
        )
    if not judged and any(rule.gate for rule in rules):
        reasons.append("a rule asks for a gate, and none evaluated it")
    evidence = {
        "approvals": [str(each.ref) for each in yes],
        "rejections": [str(each.ref) for each in no],
        "override": all(rule.override for rule in rules),
    }
    if reasons:
        return Decision(verdict=BLOCKED, reasons=tuple(reasons), evidence=evidence)
    met = f"{len(yes)} approved it" if yes else "no rule asks for an approval"
    return Decision(verdict=ALLOWED, reasons=(met,), evidence=evidence)
