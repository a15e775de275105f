"""What model hubs read at the top of a card: what people wrote there, and the figures as a model index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlops.governance.model_card.record import Card

# A package the model needs -> the hub's name of the library; the first that fits counts.
_LIBRARIES = {
    "transformers": "transformers", "xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": "catboost",
    "keras": "keras", "tensorflow": "tf-keras", "torch": "pytorch", "scikit-learn": "sklearn",
}  # fmt: skip
_TABLE = 2


def front_matter(card: Card) -> dict[str, Any]:
    """Return the card's front matter; what the notebook's card says itself stands before what the record gives.

    Data sets are named in the model index only: a hub takes those of its own list for data sets that it has.
    """
    found: dict[str, Any] = {
        "library_name": _library(card),
        "pipeline_tag": _pipeline_tag(card),
        "tags": [*(["tabular"] if _is_tabular(card) else []), "jupyter-mlops"],
        "model_name": card.title,
        "metrics": list(dict.fromkeys(metric["type"] for metric in _metrics(card))),
        "model-index": _model_index(card),
    }
    own = dict(card.text.front) if card.text else {}
    return {**own, **{key: value for key, value in found.items() if value and key not in own}}


def _library(card: Card) -> str:
    needed = {
        re.split(r"[^\w.-]", line, maxsplit=1)[0].lower()
        for line in (card.manifest.requirements if card.manifest else ())
    }
    return next((name for package, name in _LIBRARIES.items() if package in needed), "")


def _pipeline_tag(card: Card) -> str:
    known = card.task in ("classification", "regression")
    return f"tabular-{card.task}" if known and _is_tabular(card) else ""


def _is_tabular(card: Card) -> bool:
    signature = card.model.signature
    return signature.layout == "frame" or all(len(tensor.shape) == _TABLE for tensor in signature.inputs)


def _metrics(card: Card) -> list[dict[str, Any]]:
    figures = {each.metric: each.value for evaluation in card.evaluations[:1] for each in evaluation.figures}
    figures = figures or dict(card.model.metrics)
    # A hub shows these beside those of other models: how groups differ is for the card's own pages.
    return [
        {"type": name, "value": value, "name": name} for name, value in figures.items() if "[" not in name
    ]


def _model_index(card: Card) -> list[dict[str, Any]]:
    metrics = _metrics(card)
    if not metrics:
        return []
    test = card.model.test
    name, _, version = (
        test.dataset.removeprefix("dataset/").partition("@") if test else ("not recorded", "", "")
    )
    dataset = {"name": name, "type": name, **({"revision": version} if version else {})}
    task = {"type": _pipeline_tag(card) or card.task or "other"}
    return [{"name": card.model.name, "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}]
