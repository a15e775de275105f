"""The parts of a card that people decided: what it is for, what it isn't for, who let it through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.governance.model_card import verdict, words
from jupyter_mlops.governance.model_card.document import (
    NOT_RECORDED,
    Cell,
    Note,
    Points,
    Section,
    Table,
    Written,
)
from jupyter_mlops.notebook.card_text import INTENDED_USE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.governance.model_card.document import Block
    from jupyter_mlops.governance.model_card.record import Card


def approvals(card: Card) -> Section:
    """Return who approved, rejected or overrode, and all that was decided about the version since."""
    return Section("Approvals and decisions", tuple(_approvals(card)))


def _approvals(card: Card) -> Iterator[Block]:
    if card.override is not None:
        who, when = card.override.author or NOT_RECORDED, words.time(card.override.at)
        yield Note(f"By {who}, {when}. Reason: {card.override.reason or NOT_RECORDED}", "bad", "Override")
    if card.votes:
        yield Table(
            ("approval", "by", "when", "reason"),
            tuple(
                (
                    Cell("approved" if vote.approved else "rejected", tone="ok" if vote.approved else "bad", strong=True),
                    Cell(vote.author or NOT_RECORDED),
                    Cell(words.time(vote.at)),
                    Cell(vote.reason or NOT_RECORDED),
                )
                for vote in card.votes
            ),
        )  # fmt: skip
    else:
        needed = f" {words.count(card.approvals_needed, 'approval')} needed." if card.approvals_needed else ""
        yield Note(f"Approvals: {NOT_RECORDED}.{needed}", "warn" if needed else "")
    yield Table(
        ("when", "what", "by", "reason"),
        tuple(
            (
                Cell(words.time(event.at)),
                Cell(event.what, tone=event.tone, strong=bool(event.tone)),
                Cell(event.author or NOT_RECORDED),
                Cell(event.reason),
            )
            for event in card.events
        ),
    )


def uses(card: Card) -> Iterator[Section]:
    """Yield what the notebook says about the model, and what a reader must know that it doesn't say."""
    name = card.model.name
    written = card.text.sections if card.text else ()
    if not any(each.title == INTENDED_USE for each in written):
        hint = f"Write it in a cell of the notebook that begins with %%mlops card {name}."
        yield Section(INTENDED_USE, (Note(f"{INTENDED_USE}: {NOT_RECORDED}. {hint}", "warn"),))
    for section in written:
        yield Section(section.title, (Written(section.text),))
    if not any(section.is_limits for section in written):
        yield Section(
            "Limits", (Note(f"Limits: {NOT_RECORDED}. Give the card cell a heading “Limits”.", "warn"),)
        )
    found = verdict.cautions(card)
    if found:
        yield Section("What else the record shows", (Points(found),))
