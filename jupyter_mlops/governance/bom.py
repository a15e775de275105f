"""A bill of materials of a model version, in CycloneDX: the model, its data, and every package it was made with."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from jupyter_mlops.governance.model_card import verdict, words
from jupyter_mlops.notebook.card_text import INTENDED_USE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclonedx.model.component import Component

    from jupyter_mlops.governance.model_card.record import Card
    from jupyter_mlops.records.dataset import DatasetVersion
    from jupyter_mlops.records.evaluation import ConditionResult, Figure, Slice

# Names what the same record gave before, so that two bills of one record are known to be the same one.
_NAMESPACE = uuid.UUID("6c1c7a54-4a0f-5c0e-9d0f-0c5c6a4f6e11")
_PROPERTY = "jupyter-mlops"


def render(card: Card) -> str:
    """Write the bill as CycloneDX 1.6 in JSON."""
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    model = _model(card)
    data = [_dataset(version) for version in _datasets(card)]
    packages = _packages(card)
    bom = Bom(
        components=[*data, *packages],
        serial_number=uuid.uuid5(_NAMESPACE, f"{card.model.digest()} {card.at}"),
        properties=[Property(name=f"{_PROPERTY}:{name}", value=value) for name, value in _properties(card)],
    )
    bom.metadata.component = model
    bom.metadata.timestamp = datetime.fromisoformat(card.at)
    bom.metadata.tools.components.add(
        Component(
            name="jupyter-mlops", version=metadata.version("jupyter-mlops"), type=ComponentType.APPLICATION
        )
    )
    bom.register_dependency(model, [*data, *packages])
    for each in (*data, *packages):
        bom.register_dependency(each)
    written = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    return _completed(json.loads(written), card)


def _completed(document: dict[str, Any], card: Card) -> str:
    """Add what the library has no class for: the model's own card, and what each data set is."""
    document["metadata"]["component"]["modelCard"] = _without_blanks(_model_card(card))
    contents = {str(version.ref): version for version in _datasets(card)}
    for component in document.get("components", ()):
        version = contents.get(component["bom-ref"])
        if version is not None:
            component["data"] = [_without_blanks(_data(version, card))]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _model(card: Card) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    model = card.model
    return Component(
        name=model.name,
        version=str(model.version),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=str(model.ref),
        purl=PackageURL(type="generic", name=model.name, version=str(model.version)),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=model.bundle)],
        description=_written(card, INTENDED_USE) or None,
    )


def _datasets(card: Card) -> list[DatasetVersion]:
    found = [*card.datasets, *([card.test] if card.test else [])]
    return list({str(version.ref): version for version in found}.values())


def _dataset(version: DatasetVersion) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        name=version.name,
        version=version.version,
        type=ComponentType.DATA,
        bom_ref=str(version.ref),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=version.version)],
    )


def _packages(card: Card) -> list[Component]:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    found = []
    for name, version in (card.environment.packages if card.environment else {}).items():
        purl = PackageURL(type="pypi", name=name, version=version)
        found.append(
            Component(
                name=name, version=version, type=ComponentType.LIBRARY, bom_ref=purl.to_string(), purl=purl
            )
        )
    if card.environment:
        version = card.environment.python
        purl = PackageURL(type="generic", name="python", version=version)
        found.append(
            Component(
                name="python",
                version=version,
                type=ComponentType.PLATFORM,
                bom_ref=purl.to_string(),
                purl=purl,
            )
        )
    return found


def _model_card(card: Card) -> dict[str, Any]:
    signature = card.model.signature
    return {
        "bom-ref": f"card/{card.title}",
        "modelParameters": {
            "approach": {"type": "supervised"} if card.task in ("classification", "regression") else None,
            "task": card.task,
            "datasets": [{"ref": str(version.ref)} for version in _datasets(card)],
            "inputs": [{"format": f"{tensor.name}: {tensor.datatype}"} for tensor in signature.inputs],
            "outputs": [{"format": f"{tensor.name}: {tensor.datatype}"} for tensor in signature.outputs],
        },
        "quantitativeAnalysis": {"performanceMetrics": list(_metrics(card))},
        "considerations": {
            "useCases": [text] if (text := _written(card, INTENDED_USE)) else None,
            "technicalLimitations": [*_limits(card), *verdict.cautions(card)],
            "fairnessAssessments": [
                {"groupAtRisk": _group(part), "harms": _assessment(part)}
                for evaluation in card.evaluations[:1]
                for part in evaluation.slices
            ],
        },
    }


def _written(card: Card, title: str) -> str:
    sections = card.text.sections if card.text else ()
    return "\n\n".join(section.text for section in sections if section.title == title)


def _limits(card: Card) -> list[str]:
    return [section.text for section in (card.text.sections if card.text else ()) if section.is_limits]


def _metrics(card: Card) -> Iterator[dict[str, Any]]:
    seen = set()
    for evaluation in card.evaluations[:1]:
        for figure in evaluation.figures:
            seen.add(figure.metric)
            yield _metric(figure)
        for part in evaluation.slices:
            yield from (_metric(figure, _group(part)) for figure in part.figures)
    for name, value in card.model.metrics.items():
        if name not in seen:
            yield {"type": name, "value": repr(value)}


def _metric(figure: Figure, part: str = "") -> dict[str, Any]:
    bounds = figure.ci
    return {
        "type": figure.metric,
        "value": repr(figure.value),
        "slice": part,
        "confidenceInterval": {"lowerBound": repr(bounds[0]), "upperBound": repr(bounds[1])}
        if bounds
        else None,
    }


def _group(part: Slice) -> str:
    return f"{part.attribute}: {part.group}" if part.attribute else part.group


def _assessment(part: Slice) -> str:
    figures = (f"{words.spoken(each.metric)} {words.number(each.value)}" for each in part.figures)
    return f"Measured on {words.count(part.rows, 'row')}: {', '.join(figures)}."


def _data(version: DatasetVersion, card: Card) -> dict[str, Any]:
    test = card.model.test
    is_test = card.test is not None and version.ref == card.test.ref
    facts = {
        "rows": version.rows,
        "columns": ", ".join(column.name for column in version.columns),
        "source": version.source,
        "role": "judged on" if is_test else "read in training",
        "recorded": f"{version.created_at} {version.author}".strip(),
        "made from": ", ".join(version.parents),
        "protected attributes": ", ".join(test.sensitive) if test and is_test else "",
    }
    return {
        "type": "dataset",
        "name": version.name,
        "contents": {
            "properties": [
                {"name": f"{_PROPERTY}:{name}", "value": str(value)}
                for name, value in facts.items()
                if value not in (None, "")
            ]
        },
    }


def _properties(card: Card) -> Iterator[tuple[str, str]]:
    decision = verdict.judge(card)
    yield "verdict", decision.verdict
    yield from (("reason", reason) for reason in decision.reasons)
    yield "aliases", ", ".join(card.aliases)
    for evaluation in card.evaluations:
        yield from (("gate", _gate(each)) for each in evaluation.conditions)
    for vote in card.votes:
        yield (
            "approval",
            " ".join(
                [*_stamped(vote.at, vote.author), "approved" if vote.approved else "rejected", vote.reason]
            ),
        )
    if card.override is not None:
        yield "override", " ".join([*_stamped(card.override.at, card.override.author), card.override.reason])
    run = card.run
    commit = run.commit if run else card.model.commit
    facts = {
        "record sha-256": card.model.digest(),
        "registered": " ".join(_stamped(card.model.created_at, card.model.author)),
        "run": card.model.run_id,
        "notebook": run.notebook if run else "",
        "notebook sha-256": run.notebook_digest if run else "",
        "git commit": f"{commit.sha}{' with changes' if commit.dirty else ''}" if commit else "",
        "reproduce": f"jupyter mlops reproduce {card.title}",
    }
    yield from ((name, value) for name, value in facts.items() if value)


def _gate(result: ConditionResult) -> str:
    value = "" if result.value is None else f" ({words.number(result.value)})"
    return f"{result.text}: {result.status}{value}"


def _stamped(at: str, author: str) -> list[str]:
    return [part for part in (at, author) if part]


def _without_blanks(value: Any) -> Any:
    """Leave out what is empty: the schema has no word for what isn't known."""
    if isinstance(value, dict):
        inner = {key: _without_blanks(each) for key, each in value.items()}
        return {key: each for key, each in inner.items() if each not in (None, "", [], {})}
    return [_without_blanks(each) for each in value] if isinstance(value, list) else value
