"""Decide whether a version may become champion, and which one was champion before (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.records.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.records.evaluation import Evaluation
    from jupyter_mlops.records.model import Promotion, Retirement

ALLOWED = "allowed"
BLOCKED = "blocked"


def may_promote(evaluations: Sequence[Evaluation], *, model_has_gates: bool) -> Decision:
    """Say whether a version may become champion by what its gates found.

    What counts is the newest occasion: all gates of one run together, each by its newest result. A model without
    any gate may be promoted; a version that its model's gates never saw may not.

    Args:
        evaluations: those of the version, newest first.
        model_has_gates: whether any version of the model was ever evaluated.
    """
    if not evaluations:
        if model_has_gates:
            return Decision(
                verdict=BLOCKED, reasons=("other versions were evaluated by a gate, this one wasn't",)
            )
        return Decision(verdict=ALLOWED, reasons=("no gate was ever run on this model",))
    latest = latest_occasion(evaluations)
    failed = [
        f"{condition.text}: {condition.status}" + (f" ({condition.reason})" if condition.reason else "")
        for evaluation in latest
        if not evaluation.passed
        for condition in evaluation.conditions
        if condition.status != "passed" and not (condition.optional and condition.status == "not evaluated")
    ]
    evidence = {"evaluations": [str(evaluation.ref) for evaluation in latest]}
    if all(evaluation.passed for evaluation in latest):
        return Decision(verdict=ALLOWED, reasons=("its gates passed",), evidence=evidence)
    return Decision(verdict=BLOCKED, reasons=tuple(failed) or ("its gate failed",), evidence=evidence)


def unless_disowned(decision: Decision, retirements: Sequence[Retirement]) -> Decision:
    """Block a version that isn't a result of the run that logged it, whatever else is said of it."""
    if not retirements:
        return decision
    others = decision.reasons if decision.verdict == BLOCKED else ()
    reasons = (f"it is out of use: {record.reason or record.cause}" for record in retirements)
    evidence = {**decision.evidence, "retirements": [str(record.ref) for record in retirements]}
    return Decision(verdict=BLOCKED, reasons=(*reasons, *others), evidence=evidence)


def latest_occasion(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the newest evaluation and those of the same run by other gates, out of a list newest first."""
    newest = evaluations[0]
    if not newest.run_id:
        return [newest]
    gates: dict[tuple[str, ...], Evaluation] = {}
    for evaluation in evaluations:
        if evaluation.run_id == newest.run_id:
            gates.setdefault(tuple(condition.text for condition in evaluation.conditions), evaluation)
    return list(gates.values())


def version_before(promotions: Sequence[Promotion], current: int) -> int | None:
    """Return the version that held the alias before ``current``, undone ones left out; ``None`` where none did.

    Args:
        promotions: those of one alias, oldest first.
        current: where the alias points now, by whatever way it got there.
    """
    held: list[int] = []
    for promotion in promotions:
        if promotion.rollback:
            while held and held[-1] != promotion.version:
                held.pop()
        if not held and promotion.previous is not None and not promotion.rollback:
            held.append(promotion.previous)
        if not held or held[-1] != promotion.version:
            held.append(promotion.version)
    while held and held[-1] == current:
        held.pop()
    return held[-1] if held else None
