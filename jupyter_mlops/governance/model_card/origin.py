"""The parts of a card that say what the version was made from, and how to make it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.governance import lineage_text
from jupyter_mlops.governance.model_card import words
from jupyter_mlops.governance.model_card.document import (
    NOT_RECORDED,
    Cell,
    Commands,
    Note,
    Picture,
    Section,
    Table,
)
from jupyter_mlops.governance.model_card.lineage_picture import draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_mlops.governance.model_card.document import Block
    from jupyter_mlops.governance.model_card.record import Card
    from jupyter_mlops.records.dataset import Column, DatasetVersion
    from jupyter_mlops.records.model import Tensor
    from jupyter_mlops.records.provenance import Hardware

_COLUMNS = 60
_FREQUENT = 4
_VALUE = 120


def sections(card: Card) -> Iterator[Section]:
    """Yield data, model, lineage, and how to build the version again."""
    yield Section("Data", tuple(_data(card)))
    yield Section("Model", tuple(_model(card)))
    yield Section("Lineage", (Picture(draw(card.lineage), lineage_text.text(card.lineage)),))
    yield Section("How to reproduce it", tuple(_reproduce(card)))
    yield Section("On record", (_record(card),))


def _data(card: Card) -> Iterator[Block]:
    roles = [(version, "read in training") for version in card.datasets]
    roles += [(card.test, "judged on")] if card.test else []
    named = {str(version.ref) for version, _ in roles}
    missing = [ref for ref in dict.fromkeys((*card.model.datasets, *_judged_on(card))) if ref not in named]
    if not roles and not missing:
        yield Note(f"Data: {NOT_RECORDED}. mlops.dataset(name, source) in the notebook records it.", "warn")
        return
    rows = [_dataset(version, role) for version, role in roles]
    rows += [
        (Cell(words.short(ref), code=True), Cell(NOT_RECORDED, tone="bad"), *[Cell("")] * 4)
        for ref in missing
    ]
    yield Table(("dataset version", "role", "content", "source", "made from", "recorded"), tuple(rows))
    if card.model.test is not None:
        protected = ", ".join(card.model.test.sensitive) or NOT_RECORDED
        yield Note(f"Target: {card.model.test.target}. Protected attributes: {protected}.")
    for version, role in roles:
        if version.columns:
            yield _columns(version, role)


def _judged_on(card: Card) -> tuple[str, ...]:
    return (card.model.test.dataset,) if card.model.test else ()


def _dataset(version: DatasetVersion, role: str) -> tuple[Cell, ...]:
    shape = (
        f"folder of {words.count(version.files, 'file')}" if version.content == "folder" else version.format
    )
    if version.rows is not None:
        shape = words.count(version.rows, "row")
    columns = f" of {words.count(len(version.columns), 'column')}" if version.columns else ""
    return (
        Cell(words.short(str(version.ref)), code=True),
        Cell(role),
        Cell(f"{shape}{columns}", words.size(version.size_bytes)),
        Cell(version.source or NOT_RECORDED, version.query),
        Cell(", ".join(map(words.short, version.parents)) or NOT_RECORDED),
        Cell(words.time(version.created_at), f"by {version.author}" if version.author else ""),
    )


def _columns(version: DatasetVersion, role: str) -> Table:
    shown = version.columns[:_COLUMNS]
    more = len(version.columns) - len(shown)
    rows = [_column(column, version.rows) for column in shown]
    rows += [(Cell(f"and {more} more"), *[Cell("")] * 4)] if more else []
    title = f"Columns of {words.short(str(version.ref))}, {role}"
    return Table(
        ("column", "type", "missing", "range or values", "mean"), tuple(rows), frozenset({2, 4}), title
    )


def _column(column: Column, rows: int | None) -> tuple[Cell, ...]:
    profile = column.profile
    missing = f"{column.missing / rows:.1%}" if rows else f"{column.missing}"
    low, high, mean = (profile.get(key) for key in ("min", "max", "mean"))
    return (
        Cell(column.name, code=True),
        Cell(column.kind, column.dtype),
        Cell(missing, tone="warn" if column.missing else ""),
        Cell(
            f"{_value(low)} to {_value(high)}" if low is not None and high is not None else _frequent(profile)
        ),
        Cell(_value(mean) if mean is not None else ""),
    )


def _frequent(profile: dict[str, Any]) -> str:
    return ", ".join(_value(each["value"]) for each in profile.get("top", ())[:_FREQUENT])


def _model(card: Card) -> Iterator[Block]:
    model, manifest = card.model, card.manifest
    facts = [
        ("Task", card.task or NOT_RECORDED),
        ("Classes", ", ".join(map(str, manifest.classes)) if manifest and manifest.classes else ""),
        ("Takes", _tensors(model.signature.inputs)),
        ("Gives", _tensors(model.signature.outputs)),
        ("Size", NOT_RECORDED if card.size_bytes is None else words.size(card.size_bytes)),
        ("Needs to serve", ", ".join(manifest.requirements) if manifest else NOT_RECORDED),
    ]
    yield _facts((name, value) for name, value in facts if value)
    if model.hyperparameters:
        yield Table(
            ("setting", "value"),
            tuple(
                (Cell(name, code=True), Cell(_value(value))) for name, value in model.hyperparameters.items()
            ),
            folded=f"What the estimator was set to: {words.count(len(model.hyperparameters), 'setting')}",
        )


def _tensors(tensors: Iterable[Tensor]) -> str:
    return ", ".join(f"{tensor.name} ({tensor.datatype})" for tensor in tensors)


def _reproduce(card: Card) -> Iterator[Block]:
    yield Note("From the record alone, in a folder and an environment of its own:")
    yield Commands((f"jupyter mlops reproduce {card.title}",))
    run, environment = card.run, card.environment
    commit = run.commit if run else card.model.commit
    hardware = (run.hardware if run else None) or card.model.hardware
    seeds = run.seeds if run else card.model.seeds
    params = card.model.params or (run.params if run else {})
    changes = ", with changes that weren't committed" if commit and commit.dirty else ""
    yield _facts(
        [
            ("Notebook", run.notebook if run else NOT_RECORDED),
            ("Run", f"{run.run_id}, {words.time(run.created_at)}, by {run.author}" if run else NOT_RECORDED),
            ("Stage that registered it", card.model.stage or NOT_RECORDED),
            ("Git commit", f"{commit.sha}{changes}" if commit else NOT_RECORDED),
            ("Seeds", _seeds(seeds) if seeds else NOT_RECORDED),
            ("Hardware", _hardware(hardware) if hardware else NOT_RECORDED),
            ("Parameters", ", ".join(f"{key} = {_value(value)}" for key, value in params.items()) or "none"),
            (
                "Environment",
                f"Python {environment.python} on {environment.platform}, "
                f"{words.count(len(environment.packages), 'package')}"
                if environment
                else NOT_RECORDED,
            ),
        ]
    )
    if environment:
        yield Table(
            ("package", "version"),
            tuple((Cell(name, code=True), Cell(version)) for name, version in environment.packages.items()),
            folded=f"The environment: {words.count(len(environment.packages), 'package')}",
        )


def _seeds(seeds: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{call} = {', '.join(map(str, values))}" for call, values in seeds.items())


def _hardware(machine: Hardware) -> str:
    memory = f", {words.size(machine.memory)} of memory" if machine.memory else ""
    gpus = f", {', '.join(machine.gpus)}" if machine.gpus else ", no GPU"
    return f"{machine.processor}, {words.count(machine.cores, 'core')}{memory}{gpus}"


def _record(card: Card) -> Table:
    run = card.run
    return _facts(
        [
            ("Record", str(card.model.ref)),
            ("Its SHA-256", card.model.digest()),
            ("Bundle that is served, SHA-256", card.model.bundle),
            ("Signature", f"of the key {card.signed_by}, verified" if card.signed_by else NOT_RECORDED),
            *((f"Dataset {version.name}, SHA-256", version.version) for version in _versions(card)),
            ("Notebook, SHA-256", run.notebook_digest if run and run.notebook_digest else NOT_RECORDED),
            ("Environment, SHA-256", (run.environment if run else card.model.environment) or NOT_RECORDED),
            ("Uses and limits from", card.text_from or NOT_RECORDED),
        ]
    )


def _versions(card: Card) -> list[DatasetVersion]:
    found = [*card.datasets, *([card.test] if card.test else [])]
    return list({str(version.ref): version for version in found}.values())


def _facts(pairs: Iterable[tuple[str, str]]) -> Table:
    return Table(("", ""), tuple((Cell(name), Cell(value)) for name, value in pairs))


def _value(value: Any) -> str:
    text = words.number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= _VALUE else text[: _VALUE - 1] + "…"
