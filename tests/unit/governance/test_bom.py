from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from jupyter_mlops.governance import bom
from tests.unit.governance import cards


@pytest.mark.parametrize("card", [cards.full(), cards.full('</script> \\ " é\n\x07'), cards.bare()])
def test_the_bill_is_valid_cyclonedx(card: Any) -> None:
    written = bom.render(card)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    assert written == bom.render(card), "the same record gives the same bytes"


def test_it_lists_the_model_its_data_and_its_packages() -> None:
    document = json.loads(bom.render(cards.full("given")))
    model = document["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == ("machine-learning-model", "churn", "3")
    assert model["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    parts = {part["bom-ref"]: part for part in document["components"]}
    assert parts["pkg:pypi/numpy@2.4.6"]["purl"] == "pkg:pypi/numpy@2.4.6"
    orders = parts["dataset/orders@" + "c" * 64]
    assert orders["type"] == "data"
    assert orders["hashes"][0]["content"] == "c" * 64
    assert {"name": "jupyter-mlops:rows", "value": "100"} in orders["data"][0]["contents"]["properties"]
    (behind,) = [each for each in document["dependencies"] if each["ref"] == model["bom-ref"]]
    assert set(behind["dependsOn"]) == set(parts)


def test_the_models_card_holds_figures_uses_and_limits() -> None:
    document = json.loads(bom.render(cards.full("given")))
    card = document["metadata"]["component"]["modelCard"]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    accuracy = {
        "type": "accuracy",
        "value": "0.82",
        "confidenceInterval": {"lowerBound": "0.78", "upperBound": "0.86"},
    }
    assert accuracy in metrics
    assert {**accuracy, "slice": "given: given1"} in metrics
    assert card["considerations"]["useCases"] == ["given"]
    assert "given" in card["considerations"]["technicalLimitations"]
    assert card["considerations"]["fairnessAssessments"][0]["groupAtRisk"] == "given: given1"
    told = [(each["name"].partition(":")[2], each["value"]) for each in document["properties"]]
    assert ("verdict", "cleared") in told
    assert ("gate", "accuracy >= 0.8: passed (0.82)") in told
    assert ("approval", f"{cards.AT} given approved given") in told
