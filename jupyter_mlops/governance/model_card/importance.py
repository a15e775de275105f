"""The part of a card that says what the version decides by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.governance.model_card import words
from jupyter_mlops.governance.model_card.document import NOT_RECORDED, Bar, Cell, Note, Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_mlops.governance.model_card.document import Block
    from jupyter_mlops.governance.model_card.record import Card
    from jupyter_mlops.records.explanation import Explanation, Importance

# The others are folded: they matter less than any of these.
SHOWN = 15
Interval = tuple[float, float]


def section(card: Card) -> Section:
    """Return how much the version leans on each column, protected attributes marked."""
    return Section("What it decides by", tuple(_blocks(card)))


def _blocks(card: Card) -> Iterator[Block]:
    found = card.explanation
    if found is None:
        yield Note(
            f"What it decides by: {NOT_RECORDED}. jupyter mlops models explain {card.title} measures it.",
            "warn",
        )
        return
    yield Note(f"{_how(found)} Intervals are 95% intervals for other rows of the same kind.")
    yield _table(found, found.importance[:SHOWN])
    rest = found.importance[SHOWN:]
    if rest:
        yield _table(found, rest, f"{words.count(len(rest), 'column')} that matter less")
    marked = [each for each in found.importance if each.protected]
    yield from (Note(_protected(each, found), "warn") for each in marked if _leans_on(each))
    for note in found.notes:
        yield Note(f"{note[:1].upper()}{note[1:]}.")


def _how(found: Explanation) -> str:
    parts = []
    if found.metric and found.score is not None:
        parts.append(
            f"How much {words.spoken(found.metric)} ({words.number(found.score)} on {words.count(found.rows, 'test row')}) is lost "
            f"when a column's values are shuffled among the rows, {words.count(found.rounds, 'time')} each."
        )
    if found.method:
        parts.append(
            f"How far a column moves the {found.scale} on average, by {found.method} of {words.count(found.attributed_rows, 'row')}."
        )
    return " ".join(parts)


def _table(found: Explanation, shown: Iterable[Importance], folded: str = "") -> Table:
    headers = ["column"]
    lost, moved = bool(found.metric), found.scale is not None
    headers += [f"{words.spoken(found.metric)} lost"] if lost else []
    headers += [f"moves the {found.scale} by"] if moved else []
    axes = (
        _axis(each.loss_ci for each in found.importance),
        _axis(each.attribution_ci for each in found.importance),
    )
    rows = []
    for each in shown:
        cells = [Cell(each.feature, f"protected: {each.protected}" if each.protected else "", code=True)]
        cells += [_figure(each.feature, each.loss, each.loss_ci, axes[0])] if lost else []
        cells += [_figure(each.feature, each.attribution, each.attribution_ci, axes[1])] if moved else []
        rows.append(tuple(cells))
    return Table(tuple(headers), tuple(rows), folded=folded)


def _figure(name: str, value: float | None, interval: Interval | None, axis: Interval) -> Cell:
    if value is None:
        return Cell(NOT_RECORDED)
    said = f"{name} {words.number(value)}, 95% interval {words.interval(interval)}"
    bar = Bar(value, *axis, interval, None, said)
    return Cell(words.number(value), words.interval(interval), bar=bar, strong=True)


def _axis(intervals: Iterable[Interval | None]) -> Interval:
    ends = [end for each in intervals if each for end in each]
    return min([0.0, *ends]), max([0.0, *ends]) or 1.0


def _leans_on(each: Importance) -> bool:
    return each.loss_ci is not None and each.loss_ci[0] > 0


def _protected(each: Importance, found: Explanation) -> str:
    return (
        f"It decides by the protected attribute {each.protected}: {words.spoken(found.metric)} loses "
        f"{words.number(each.loss or 0.0)} when it is shuffled ({words.interval(each.loss_ci)})."
    )
