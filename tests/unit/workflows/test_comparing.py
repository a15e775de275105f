from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner

from jupyter_mlops.interfaces.cli.models import command
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation, Figure
from jupyter_mlops.records.model import ModelVersion, Signature
from jupyter_mlops.records.provenance import Commit
from jupyter_mlops.records.run import Environment, Run, StageExecution
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows.comparing import Comparison, compare, figures_of

if TYPE_CHECKING:
    from pathlib import Path

COMMITS = (Commit(sha="a" * 40, dirty=False), Commit(sha="a" * 40, dirty=True, diff="f" * 64))
TRAIN = "alpha = {}\nmodel = fit(X, alpha)\ntell('[bold]\x1b[2J')"


@pytest.fixture
def settings(workspace: Path) -> Settings:
    return Settings(root=workspace, mlflow_sync="off")


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings)


def environment(store: Store, **packages: str) -> str:
    known = Environment(python="3.11.2", platform="linux", packages=packages, digest="")
    return store.objects.put_bytes(canonical_json(known))


def log(store: Store, number: int, train: str, packages: dict[str, str], **more: Any) -> ModelVersion:
    """Put a version on record as a run of two stages, and one that isn't behind it, leaves it."""
    done = [
        StageExecution(
            key=f"{stage}{number}",
            pipeline="n",
            stage=stage,
            source=source,
            upstream=upstream,
            run_id=f"r{number}",
        )
        for stage, source, upstream in (
            ("load", "X = read()", {}),
            ("train", train, {"load": "x"}),
            ("plot", f"plot({number})", {"load": "x"}),
        )
    ]
    run = Run(
        run_id=f"r{number}",
        status="succeeded",
        notebook="n.ipynb",
        commit=COMMITS[number - 1],
        seeds={"np.random.seed": (number,), "Random": (0,)},
        parents=tuple(str(one.ref) for one in done),
    )
    version = ModelVersion(
        name="churn",
        version=number,
        bundle=f"bundle{number}",
        signature=Signature(layout="array", inputs=(), outputs=()),
        run_id=run.run_id,
        stage="train",
        params={"alpha": number, "same": 1},
        environment=environment(store, **packages),
        **more,
    )
    store.ledger.append(*done, run, version)
    return version


@pytest.fixture
def found(settings: Settings, store: Store) -> Comparison:
    log(store, 1, TRAIN.format(1), {"numpy": "1.0", "old": "1", "same": "1"}, metrics={"auc": 0.8})
    log(store, 2, TRAIN.format(2), {"numpy": "2.0", "new": "1", "same": "1"}, datasets=("dataset/d@abc",))
    figure = Figure(metric="roc_auc", value=0.8, ci=(0.7, 0.9))
    store.ledger.append(
        Evaluation(model="churn", version=1, passed=True, conditions=(), figures=(figure,), created_at="1")
    )
    return compare(settings, "churn/1", "churn/2")


def test_only_what_differs_is_said_of_packages_code_and_commit(found: Comparison) -> None:
    assert found.metrics == {"auc": (0.8, None)}
    assert found.figures == {"roc_auc": (Figure(metric="roc_auc", value=0.8, ci=(0.7, 0.9)), None)}
    assert found.params == {"alpha": (1, 2)}
    assert found.datasets == {"read": ((), ("dataset/d@abc",))}
    assert found.packages == {"numpy": ("1.0", "2.0"), "old": ("1", None), "new": (None, "1")}
    assert found.commits == COMMITS
    assert found.seeds == {"np.random.seed": ((1,), (2,))}
    assert list(found.sources) == ["train"]
    lines = found.sources["train"].splitlines()
    assert lines[:2] == ["--- churn/1 train", "+++ churn/2 train"]
    assert lines[3:5] == ["-alpha = 1", "+alpha = 2"]
    assert (found.gates, found.same_bundle, found.same_signature) == (("passed", ""), False, True)
    assert found.notes == ()


def test_a_version_differs_from_itself_in_nothing(settings: Settings, found: Comparison) -> None:
    same = compare(settings, "churn/1", "churn/1")
    assert (same.params, same.datasets, same.packages, same.commits, same.sources) == ({}, {}, {}, None, {})
    assert same.same_bundle


def test_what_is_not_on_record_is_told(settings: Settings, store: Store, found: Comparison) -> None:
    version = store.ledger.get("model/churn@2")
    bare = msgspec.structs.replace(version, version=3, run_id="", stage="", environment="")
    cut_off = msgspec.structs.replace(version, version=4, run_id="gone", environment="0" * 64)
    store.ledger.append(bare, cut_off)
    by_hand = compare(settings, "churn/1", "churn/3")
    assert by_hand.notes == (
        "churn/3 was logged by hand: no stages are on record",
        "the packages of churn/3 aren't on record",
    )
    assert (by_hand.sources, by_hand.packages) == ({}, {})
    notes = compare(settings, "churn/4", "churn/1").notes
    assert notes[0] == "the run of churn/4 was broken off: no stages are on record"
    assert notes[1].startswith("the packages of churn/4 can't be read")


def test_a_comparisons_interval_is_not_the_figures_own() -> None:
    conditions = (
        ConditionResult(text="auc > 0.8", status="passed", value=0.9, ci=(0.8, 1.0)),
        ConditionResult(text="f1 >= champion.f1", status="passed", value=0.5, difference=0.1, ci=(0.0, 0.2)),
        ConditionResult(text="mae < 3", status="not evaluated"),
    )
    figures = figures_of([Evaluation(model="m", version=1, passed=True, conditions=conditions)])
    assert {name: (each.value, each.ci) for name, each in figures.items()} == {
        "auc": (0.9, (0.8, 1.0)),
        "f1": (0.5, None),
    }


def test_it_is_printed_and_is_one_document(settings: Settings, found: Comparison) -> None:
    printed = CliRunner().invoke(command, ["compare", "churn/1", "churn/2"], catch_exceptions=False).output
    for part in ("0.8 [0.7, 0.9]", "not installed", "dirty ffffffffffff", "-alpha = 1", "different bundles"):
        assert part in printed
    assert "\x1b" not in printed
    document = CliRunner().invoke(command, ["compare", "churn/1", "churn/2", "--json"]).output
    assert msgspec.convert(json.loads(document), Comparison) == found
