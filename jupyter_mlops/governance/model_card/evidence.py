"""The parts of a card that say how good the version is: figures, groups, gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.governance.model_card import words
from jupyter_mlops.governance.model_card.document import NOT_RECORDED, Bar, Cell, Note, Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.governance.model_card.document import Block
    from jupyter_mlops.governance.model_card.record import Card, Tone
    from jupyter_mlops.records.evaluation import ConditionResult, Evaluation, Figure, Slice

_TONES: dict[str, Tone] = {"passed": "ok", "failed": "bad", "not evaluated": "warn"}
# What a figure of fairness is told by: it is by an attribute, as in a_difference["sex"].
_BY = "["


def sections(card: Card) -> Iterator[Section]:
    """Yield figures, groups and gates, each with its interval and threshold."""
    newest = card.evaluations[0] if card.evaluations else None
    yield Section("Performance", tuple(_performance(card, newest)))
    yield Section("Groups and fairness", tuple(_groups(card, newest)))
    yield Section("Gates", tuple(_gates(card)))


def _performance(card: Card, newest: Evaluation | None) -> Iterator[Block]:
    figures = [each for each in newest.figures if _BY not in each.metric] if newest else []
    if newest and figures:
        where = f" of {words.short(card.model.test.dataset)}" if card.model.test else ""
        yield Note(
            f"Measured on {words.count(newest.rows, 'test row')}{where} ({newest.measured_on}), {words.time(newest.created_at)}. "
            "Intervals are 95% intervals: what other rows of the same kind would have given."
        )
        thresholds = _thresholds(card)
        yield _figures(figures, thresholds)
    else:
        yield Note(f"Figures measured on test rows: {NOT_RECORDED}.", "warn")
    logged = card.model.metrics or (card.run.metrics if card.run else {})
    if logged:
        yield Table(
            ("logged by the notebook", "figure"),
            tuple((Cell(name, code=True), Cell(words.number(value))) for name, value in logged.items()),
            frozenset({1}),
        )


def _figures(figures: list[Figure], thresholds: dict[str, float]) -> Table:
    held = {each.metric: thresholds[each.metric] for each in figures if each.metric in thresholds}
    shares = {each.metric for each in figures if words.is_share(each)}
    common = words.axis_of_shares(figures, (held.get(name) for name in shares))
    rows = tuple(_figure(each, held.get(each.metric), common) for each in figures)
    return Table(
        ("figure", "value", "95% interval", "gate's threshold"),
        rows,
        frozenset({1, 3}),
        axis=f"axis from {common[0]:g} to {common[1]:g}" if common else "",
    )


def _figure(figure: Figure, threshold: float | None, common: tuple[float, float] | None) -> tuple[Cell, ...]:
    on_common = common is not None and words.is_share(figure)
    axis = common if on_common and common else words.axis_of([figure], [threshold])
    return (
        Cell(words.spoken(figure.metric)),
        Cell(words.number(figure.value), strong=True),
        # A figure by itself has nothing that its picture could be compared with.
        Cell(
            words.interval(figure.ci),
            bar=words.bar(figure, axis, threshold) if on_common or threshold is not None else None,
        ),
        Cell("none" if threshold is None else words.number(threshold)),
    )


def _thresholds(card: Card) -> dict[str, float]:
    """Return the threshold of each metric that a gate holds against a number."""
    return {
        each.text.split()[0]: each.threshold
        for evaluation in card.evaluations
        for each in evaluation.conditions
        if each.threshold is not None and each.difference is None
    }


def _groups(card: Card, newest: Evaluation | None) -> Iterator[Block]:
    if newest is None or not newest.slices:
        yield Note(
            f"How groups of people fare: {NOT_RECORDED}. "
            "Pass sensitive={…} to mlops.log_model with the test rows, and the gate measures it.",
            "warn",
        )
    else:
        yield Note(
            "The same figures where a protected attribute has one value. The dashed tick is the figure over all rows; "
            "each column has an axis of its own."
        )
        overall = {each.metric: each.value for each in newest.figures}
        for attribute in dict.fromkeys(each.attribute for each in newest.slices):
            parts = [each for each in newest.slices if each.attribute == attribute]
            yield _group_table(attribute or "slice found", parts, overall)
        gaps = [each for each in newest.figures if _BY in each.metric]
        if gaps:
            yield Note(
                "Differences and gaps are the largest between two groups, and 0 is none; ratios the smallest, and 1 is none."
            )
            yield _figures(gaps, _thresholds(card))
    for note in newest.notes if newest else ():
        yield Note(note, "warn")


def _group_table(attribute: str, parts: list[Slice], overall: dict[str, float]) -> Table:
    metrics = list(dict.fromkeys(figure.metric for part in parts for figure in part.figures))
    rows = tuple(_group_row(part, parts, metrics, overall) for part in parts)
    return Table((attribute, "rows", *map(words.spoken, metrics)), rows, frozenset({1}))


def _group_row(
    part: Slice, parts: list[Slice], metrics: list[str], overall: dict[str, float]
) -> tuple[Cell, ...]:
    own = {figure.metric: figure for figure in part.figures}
    cells = [Cell(part.group, strong=True), Cell(f"{part.rows:,}")]
    for metric in metrics:
        figure = own.get(metric)
        if figure is None:
            cells.append(Cell(NOT_RECORDED))
            continue
        beside = [each for other in parts for each in other.figures if each.metric == metric]
        picture = words.bar(figure, words.axis_of(beside, [overall.get(metric)]), overall.get(metric))
        cells.append(Cell(words.number(figure.value), words.interval(figure.ci), bar=picture))
    return tuple(cells)


def _gates(card: Card) -> Iterator[Block]:
    if not card.evaluations:
        yield Note(f"Gates: {NOT_RECORDED}. No gate has evaluated this version.", "warn")
    for evaluation in card.evaluations:
        verdict = "passed" if evaluation.passed else "failed"
        against = f", against version {evaluation.champion}" if evaluation.champion else ""
        by = f" by {evaluation.author}" if evaluation.author else ""
        run = f" in run {evaluation.run_id}" if evaluation.run_id else ""
        yield Note(
            f"{words.time(evaluation.created_at)}{by}{run}: {words.count(evaluation.rows, 'test row')}{against}, "
            f"on the {evaluation.measured_on}.",
            _TONES[verdict],
            f"Gate {verdict}",
        )
        yield Table(
            ("condition", "figure", "threshold", "95% interval", "verdict"),
            tuple(_condition(each) for each in evaluation.conditions),
            frozenset({1, 2}),
        )


def _condition(result: ConditionResult) -> tuple[Cell, ...]:
    notes = [*(["optional"] if result.optional else []), *([result.reason] if result.reason else [])]
    return (
        Cell(result.text, "; ".join(notes), code=True),
        Cell("none" if result.value is None else words.number(result.value), strong=True),
        Cell("none" if result.threshold is None else words.number(result.threshold)),
        _interval(result),
        Cell(result.status, tone=_TONES[result.status], strong=True),
    )


def _interval(result: ConditionResult) -> Cell:
    if result.ci is None or result.value is None:
        return Cell("none")
    paired = result.difference is not None and result.threshold is not None
    value = result.difference if paired and result.difference is not None else result.value
    tick = result.threshold
    if paired and tick is not None:
        # Beside a difference the tick is the margin: what the threshold lies away from the champion's figure.
        tick -= result.value - value
    text = words.interval(result.ci)
    if paired:
        text = f"difference {value:+.3g}, {text}"
    if result.p_value is not None:
        text += f", {words.p_value(result.p_value)}"
    ends = [value, *result.ci, *([] if tick is None else [tick])]
    room = (max(ends) - min(ends)) * 0.1 or abs(max(ends)) or 1.0
    return Cell(text, bar=Bar(value, min(ends) - room, max(ends) + room, result.ci, tick, text))
