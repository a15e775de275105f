"""A card with everything on it, every text of a user's being what the test gives."""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_mlops.governance.lineage import Edge, Lineage, Node
from jupyter_mlops.governance.model_card.record import Card, Event, Vote
from jupyter_mlops.notebook import card_text
from jupyter_mlops.records.base import to_builtins
from jupyter_mlops.records.dataset import Column, DatasetVersion
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation, Figure, Slice
from jupyter_mlops.records.explanation import Explanation, Importance
from jupyter_mlops.records.model import Manifest, ModelVersion, Signature, Tensor, TestData
from jupyter_mlops.records.provenance import Commit, Hardware
from jupyter_mlops.records.run import Environment, Run

AT = "2026-03-01T10:00:00.000000Z"


def manifest(text: str = "x") -> Manifest:
    return Manifest(
        name="churn", task="classification", signature=model(text).signature, classes=(text,),
        requirements=("scikit-learn==1.9.1",),
    )  # fmt: skip


def model(text: str = "x") -> ModelVersion:
    signature = Signature(
        layout="frame",
        inputs=(Tensor(name=text, datatype="FP64", shape=(-1,)),),
        outputs=(Tensor(name="predict", datatype="INT64", shape=(-1,)),),
    )
    return ModelVersion(
        name="churn",
        version=3,
        bundle="b" * 64,
        signature=signature,
        run_id="r1",
        stage=text,
        datasets=("dataset/orders@" + "c" * 64,),
        test=TestData(
            dataset="dataset/churn-test@" + "d" * 64, target=text, features=("a",), sensitive={text: "s"}
        ),
        metrics={text: 0.5},
        params={text: text},
        hyperparameters={text: text},
        created_at=AT,
        author=text,
    )


def evaluation(
    text: str = "x", *, passed: bool = True, ci: tuple[float, float] = (0.78, 0.86), **more: Any
) -> Evaluation:
    conditions = (
        ConditionResult(text="accuracy >= 0.8", status="passed", value=0.82, threshold=0.8, ci=ci),
        ConditionResult(
            text="roc_auc >= champion.roc_auc - 0.01",
            status="passed" if passed else "failed",
            value=0.9,
            threshold=0.88,
            ci=(-0.005, 0.02),
            difference=0.01,
            p_value=0.01,
            reason=text,
        ),
    )
    figures = (
        Figure(metric="accuracy", value=0.82, ci=ci),
        Figure(metric="log_loss", value=0.4),
        Figure(metric=f'demographic_parity_difference["{text}"]', value=0.02, ci=(0.0, 0.05)),
    )
    made = Evaluation(
        model="churn",
        version=3,
        passed=passed,
        conditions=conditions,
        rows=1200,
        champion=2,
        run_id="r1",
        figures=figures,
        slices=tuple(
            Slice(attribute=text, group=f"{text}{place}", rows=600, figures=(figures[0],)) for place in (1, 2)
        ),
        notes=(text,),
        created_at=AT,
        author=text,
    )
    return msgspec.structs.replace(made, **more)


def explanation(text: str = "x") -> Explanation:
    return Explanation(
        model="churn", version=3, metric="roc_auc", score=0.9, rows=1200, rounds=5, method="tree paths", scale="score",
        attributed_rows=500, notes=(text,), created_at=AT, author=text,
        importance=(
            Importance(feature=text, loss=0.1, loss_ci=(0.08, 0.12), attribution=0.5, attribution_ci=(0.4, 0.6), protected=text),
            Importance(feature="b", loss=-0.001, loss_ci=(-0.002, 0.001), attribution=0.01, attribution_ci=(0.0, 0.02)),
        ),
    )  # fmt: skip


def dataset(name: str, version: str, text: str = "x") -> DatasetVersion:
    columns = (
        Column(
            name=text, dtype="int64", kind="numeric", missing=3, profile={"min": 1, "max": 9, "mean": 4.5}
        ),
        Column(name="b", dtype="str", kind="text", profile={"top": [{"value": text, "count": 2}]}),
    )
    return DatasetVersion(
        name=name, version=version, source=text, format="csv", size_bytes=12_345, rows=100, columns=columns,
        query=text, created_at=AT, author=text,
    )  # fmt: skip


def run(text: str = "x") -> Run:
    return Run(
        run_id="r1", status="succeeded", notebook=text, params={text: text}, notebook_digest="e" * 64, environment="f" * 64,
        commit=Commit(sha="1" * 40, dirty=True), hardware=Hardware(processor=text, cores=2, memory=8 << 30, gpus=(text,)),
        seeds={text: (7,)}, created_at=AT, author=text,
    )  # fmt: skip


def full(text: str = "x") -> Card:
    """Return a card on which nothing is missing."""
    version = model(text)
    made_in = run(text)
    return Card(
        model=version,
        at=AT,
        lineage=Lineage(
            start=str(version.ref),
            nodes=(Node(ref=str(version.ref), kind="model", record=to_builtins(version)),
                   Node(ref="run/r1", kind="run", record=to_builtins(made_in))),
            edges=(Edge(source="run/r1", to=str(version.ref)),),
        ),
        aliases=("champion",),
        evaluations=(evaluation(text),),
        explanation=explanation(text),
        events=(Event(at=AT, what="registered", author=text, reason=text),),
        votes=(Vote(at=AT, author=text, approved=True, reason=text),),
        run=made_in,
        text=card_text.parse(f"{text}\n\n## Limits\n\n{text}"),
        text_from="run r1",
        datasets=(dataset("orders", "c" * 64, text),),
        test=dataset("churn-test", "d" * 64, text),
        manifest=manifest(text),
        size_bytes=1_234,
        environment=Environment(python="3.11.7", platform="linux", packages={"numpy": "2.4.6"}),
        signed_by=text,
    )  # fmt: skip


def bare() -> Card:
    """Return the card of a version of which next to nothing is on record."""
    version = ModelVersion(
        name="churn", version=1, bundle="b" * 64, signature=Signature(layout="array", inputs=(), outputs=()), created_at=AT,
    )  # fmt: skip
    return Card(model=version, at=AT, lineage=Lineage(start=str(version.ref), nodes=(
        Node(ref=str(version.ref), kind="model", record=to_builtins(version)),), edges=()))  # fmt: skip
