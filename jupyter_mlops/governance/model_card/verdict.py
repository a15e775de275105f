"""Say where a version stands, in one line and its reasons (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.records.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.governance.model_card.record import Card, Tone
    from jupyter_mlops.records.evaluation import ConditionResult

CLEARED, OVERRIDDEN, BLOCKED, REJECTED, NOT_JUDGED, WAITING, BROKEN = (
    "cleared", "overridden", "blocked", "rejected", "not judged", "waiting", "broken",
)  # fmt: skip
_HEADLINES = {
    CLEARED: "Cleared: it passed its gates",
    OVERRIDDEN: "In service by an override",
    BLOCKED: "Blocked: it did not pass its gates",
    REJECTED: "Rejected",
    NOT_JUDGED: "Not judged: no gate has evaluated this version",
    BROKEN: "Not to be used: what is stored of it is not what was recorded",
    WAITING: "Waiting for approval: it passed its gates",
}
_TONES: dict[str, Tone] = {CLEARED: "ok", OVERRIDDEN: "bad", BLOCKED: "bad", REJECTED: "bad", BROKEN: "bad"}


def judge(card: Card) -> Decision:
    """Conclude from gates, votes and overrides whether the version may be relied on, and say why."""
    gates_passed = bool(card.evaluations) and all(each.passed for each in card.evaluations)
    rejections = [vote for vote in card.votes if not vote.approved]
    approvals = len({vote.author for vote in card.votes if vote.approved})
    if card.broken:
        verdict = BROKEN
    elif card.override is not None:
        verdict = OVERRIDDEN
    elif rejections:
        verdict = REJECTED
    elif not card.evaluations:
        verdict = NOT_JUDGED
    elif not gates_passed:
        verdict = BLOCKED
    elif card.approvals_needed is not None and approvals < card.approvals_needed:
        verdict = WAITING
    else:
        verdict = CLEARED
    return Decision(verdict=verdict, reasons=tuple(_reasons(card)))


def headline(decision: Decision) -> tuple[str, Tone]:
    """Return a verdict in words, and how bad it is."""
    return _HEADLINES[decision.verdict], _TONES.get(decision.verdict, "warn")


def _reasons(card: Card) -> Iterator[str]:
    if card.broken:
        yield card.broken
    if card.override is not None:
        yield f"{card.override.author or 'somebody'} overrode what stood against it: {card.override.reason}"
    conditions = [each for evaluation in card.evaluations for each in evaluation.conditions]
    if conditions:
        met = sum(each.status == "passed" for each in conditions)
        yield f"{met} of {len(conditions)} conditions of its gates are met"
    for each in conditions:
        if each.status != "passed":
            yield f"{each.status}{' (optional)' if each.optional else ''}: {each.text}"
    yield from _votes(card)
    if card.retired:
        yield f"out of use: {card.retired}"
    if "champion" in card.aliases:
        yield "it is the champion: what clients are answered by"
    else:
        yield "it is not the champion: clients are not answered by it"


def _votes(card: Card) -> Iterator[str]:
    for vote in card.votes:
        if not vote.approved:
            yield f"rejected by {vote.author}" + (f": {vote.reason}" if vote.reason else "")
    approved = list(dict.fromkeys(vote.author for vote in card.votes if vote.approved))
    needed = f" ({card.approvals_needed} needed)" if card.approvals_needed else ""
    if approved:
        yield f"approved by {', '.join(approved)}{needed}"
    else:
        yield f"nobody's approval is on record{needed}"


def cautions(card: Card) -> tuple[str, ...]:
    """Return what a reader must be told though no gate says it: passes by a hair, groups unseen, gaps in the record."""
    return tuple(_cautions(card))


def _cautions(card: Card) -> Iterator[str]:
    for evaluation in card.evaluations:
        yield from (words for each in evaluation.conditions if (words := _close(each)))
        yield from evaluation.notes
        if evaluation.rows and not evaluation.slices:
            yield "It was not compared between groups: no protected attribute was given with the test rows."
    if card.evaluations and not any(each.rows for each in card.evaluations):
        yield "It was judged without test rows."
    commit = card.run.commit if card.run else card.model.commit
    if commit is None:
        yield "Its code is under no git commit" + ("; the notebook itself is on record." if card.run else ".")
    elif commit.dirty:
        kept = "they are on record" if commit.diff else "and they aren't on record"
        yield f"Its code differs from git commit {commit.sha[:12]}: the folder had changes that weren't committed; {kept}."
    if card.run is None:
        yield "It was registered by hand: no run recorded the code that made it."
    if card.model.test is not None and card.model.test.dataset in card.model.datasets:
        yield "The rows that it was judged on are a dataset version that it read itself."
    if not card.datasets:
        yield "What data it was trained on is not recorded."


def _close(condition: ConditionResult) -> str:
    """Say that a condition against a number is met by the figure, while its interval reaches beyond the threshold."""
    bounds = condition.ci
    if condition.status != "passed" or bounds is None or condition.difference is not None:
        return ""
    if condition.threshold is None or not bounds[0] < condition.threshold < bounds[1]:
        return ""
    return (
        f"“{condition.text}” is met by the figure, {condition.value:.4g}, but chance could explain it: "
        f"the 95% interval, {bounds[0]:.4g} to {bounds[1]:.4g}, reaches beyond the threshold."
    )
