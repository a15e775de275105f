"""Lay a card out: the verdict, what it is for, how good it is, who let it through, what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.governance.model_card import decisions, evidence, importance, origin, verdict, words
from jupyter_mlops.governance.model_card.document import NOT_RECORDED, Document, Tile
from jupyter_mlops.governance.model_card.front_matter import front_matter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.governance.model_card.record import Card, Tone
    from jupyter_mlops.records.evaluation import Evaluation, Figure

# The one figure that a reader looks for first, by what the rows gave.
_FIRST = ("roc_auc", "accuracy", "r2", "mean_absolute_error")
_GROUPS = ("accuracy", "mean_absolute_error")


def lay_out(card: Card) -> Document:
    """Return the card's document, its verdict first."""
    decision = verdict.judge(card)
    headline, tone = verdict.headline(decision)
    aliases = ", ".join(card.aliases) or "no alias"
    by = f" by {card.model.author}" if card.model.author else ""
    return Document(
        title=card.title,
        subtitle=f"{aliases} · registered {words.time(card.model.created_at)}{by}",
        headline=headline,
        tone=tone,
        reasons=decision.reasons,
        tiles=tuple(_tiles(card)),
        sections=(
            decisions.approvals(card),
            *decisions.uses(card),
            *evidence.sections(card),
            importance.section(card),
            *origin.sections(card),
        ),
        footer=f"Written from the record of {card.title} as it stood on {words.time(card.at)}. "
        f"What is missing from the record is said to be {NOT_RECORDED}.",
        front=front_matter(card),
    )


def _tiles(card: Card) -> Iterator[Tile]:
    conditions = [each for evaluation in card.evaluations for each in evaluation.conditions]
    met = sum(each.status == "passed" for each in conditions)
    if conditions:
        tone: Tone = "ok" if all(each.passed for each in card.evaluations) else "bad"
        yield Tile(f"{met} of {len(conditions)}", "conditions of its gates met", tone)
    else:
        yield Tile("none", "gate has judged it", "warn")
    newest = card.evaluations[0] if card.evaluations else None
    if newest is not None:
        yield from _figures(newest)
    approved = len({vote.author for vote in card.votes if vote.approved})
    needed = f" of {card.approvals_needed}" if card.approvals_needed else ""
    yield Tile(f"{approved}{needed}", "approvals on record", "" if approved else "warn")
    if card.override is not None:
        yield Tile("1", "override", "bad")


def _figures(newest: Evaluation) -> Iterator[Tile]:
    known = {figure.metric: figure for figure in newest.figures}
    first = next((known[name] for name in _FIRST if name in known), None)
    if first is not None:
        yield Tile(words.number(first.value), f"{words.spoken(first.metric)}, {words.interval(first.ci)}")
    worst = _worst(newest)
    if worst is not None:
        group, figure = worst
        yield Tile(words.number(figure.value), f"{words.spoken(figure.metric)} where it is worst: {group}")


def _worst(newest: Evaluation) -> tuple[str, Figure] | None:
    """Return the group that fares worst, by the figure that the task has for it."""
    found = [
        (f"{part.attribute} {part.group}".strip(), figure)
        for name in _GROUPS
        for part in newest.slices
        for figure in part.figures
        if figure.metric == name
    ]
    if not found:
        return None
    best_is_high = found[0][1].metric == "accuracy"
    return min(found, key=lambda pair: pair[1].value if best_is_high else -pair[1].value)
