from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.errors import BlockedError, NotFoundError, UsageError
from jupyter_mlops.records.evaluation import ConditionResult, ConditionStatus, Evaluation
from jupyter_mlops.records.model import ModelVersion, Promotion, Signature
from jupyter_mlops.registry import standing
from jupyter_mlops.settings import Settings, load
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import models

if TYPE_CHECKING:
    from pathlib import Path

_at = itertools.count()


def clock() -> str:
    return f"2026-{next(_at):06}"


def version(number: int, name: str = "churn", **more: float) -> ModelVersion:
    return ModelVersion(
        name=name,
        version=number,
        bundle=f"bundle{number}",
        signature=Signature(layout="array", inputs=(), outputs=()),
        metrics=more,
        params={"C": number},
        datasets=("dataset/census@abc",),
    )


def evaluation(number: int, passed: bool, name: str = "churn") -> Evaluation:
    status: ConditionStatus = "passed" if passed else "failed"
    return Evaluation(
        model=name,
        version=number,
        passed=passed,
        conditions=(ConditionResult(text="auc > 0.8", status=status),),
        created_at=clock(),
    )


@pytest.fixture
def settings(workspace: Path) -> Settings:
    return Settings(root=workspace, mlflow_sync="off")


@pytest.fixture
def store(settings: Settings) -> Store:
    """Three versions of `churn` and one of `model`, on record."""
    found = open_store(settings)
    found.ledger.append(version(1, auc=0.8), version(2, auc=0.9), version(3), version(1, name="model"))
    found.ledger.append(standing.moved(found, version(3), "challenger", at=clock()))
    return found


@pytest.mark.parametrize(
    "text, number",
    [
        ("churn", 3),
        ("churn/2", 2),
        ("churn@2", 2),
        ("churn@challenger", 3),
        ("model/churn@2", 2),
        ("model/churn", 3),
    ],
)
def test_ways_to_name_a_version(settings: Settings, store: Store, text: str, number: int) -> None:
    assert models.resolve(settings, text) == store.ledger.get(f"model/churn@{number}")


def test_a_model_may_be_called_model(settings: Settings, store: Store) -> None:
    for text in ("model", "model/1", "model@1", "model/model@1"):
        assert str(models.resolve(settings, text).ref) == "model/model@1"


@pytest.mark.parametrize(
    "text, message",
    [
        ("chrun", "did you mean churn"),
        ("churn/9", "no model version 'churn/9'"),
        ("churn@champion", "no alias 'churn@champion'; did you mean churn@challenger"),
        ("churn/two", "no alias"),
        ("churn/\u00b2", "no alias"),
    ],
)
def test_a_miss_names_what_is_near(settings: Settings, store: Store, text: str, message: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        models.resolve(settings, text)
    assert message in str(caught.value)


def test_an_empty_project_has_no_models_and_gets_no_files(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path)
    assert models.list_models(settings) == []
    for ask in (models.resolve, models.show, models.promote, models.rollback):
        with pytest.raises(NotFoundError, match="there is no model yet"):
            ask(settings, "churn")
    assert list(tmp_path.iterdir()) == []


def test_list_and_show_say_where_a_version_stands(settings: Settings, store: Store) -> None:
    store.ledger.append(evaluation(2, passed=True), evaluation(1, passed=True), evaluation(1, passed=False))
    views = models.list_models(settings, "churn")
    assert [(view.model.version, view.aliases, view.gate) for view in views] == [
        (3, ("challenger",), ""),
        (2, (), "passed"),
        (1, (), "failed"),
    ]
    assert len(models.list_models(settings)) == 4
    assert models.show(settings, "churn/1") == views[2]
    with pytest.raises(NotFoundError, match="did you mean churn"):
        models.list_models(settings, "chrun")


def test_a_promotion_moves_the_alias_and_is_recorded(settings: Settings, store: Store) -> None:
    passed = evaluation(1, passed=True)
    store.ledger.append(passed)
    moved = models.promote(settings, "churn/1", clock=clock)
    assert (moved.version, moved.previous, moved.override) == (1, None, False)
    assert moved.parents == ("model/churn@1", str(passed.ref))
    assert store.ledger.find("promotion", "churn.champion") == [moved]
    assert models.resolve(settings, "churn@champion").version == 1


def test_promoting_the_champion_again_does_nothing(settings: Settings, store: Store) -> None:
    models.promote(settings, "churn/1", clock=clock)
    again = models.promote(settings, "churn/1", clock=clock)
    assert again.previous == again.version == 1
    assert len(store.ledger.find("promotion", "churn.champion")) == 1


def test_a_failed_gate_blocks_until_it_is_overridden_with_a_reason(settings: Settings, store: Store) -> None:
    store.ledger.append(evaluation(1, passed=True), evaluation(1, passed=False))
    with pytest.raises(BlockedError, match=r"auc > 0\.8: failed") as caught:
        models.promote(settings, "churn/1", clock=clock)
    assert caught.value.exit_code == 1
    with pytest.raises(UsageError, match="needs a reason"):
        models.promote(settings, "churn/1", override_reason="  ", clock=clock)
    assert store.ledger.find("promotion", "churn.champion") == []
    moved = models.promote(settings, "churn/1", override_reason="the old one is worse", clock=clock)
    assert (moved.override, moved.reason) == (True, "the old one is worse")
    assert models.resolve(settings, "churn@champion").version == 1


def test_a_version_that_the_models_gates_never_saw_is_blocked(settings: Settings, store: Store) -> None:
    store.ledger.append(evaluation(1, passed=True))
    with pytest.raises(BlockedError, match="this one wasn't"):
        models.promote(settings, "churn/2", clock=clock)
    store.ledger.append(version(1, name="churn.eu"))
    assert models.promote(settings, "churn.eu/1", clock=clock).version == 1


def test_other_aliases_ask_no_gate(settings: Settings, store: Store) -> None:
    store.ledger.append(evaluation(1, passed=False))
    assert models.promote(settings, "churn/1", "shadow", clock=clock).override is False
    with pytest.raises(NotFoundError, match="did you mean champion"):
        models.promote(settings, "churn/1", "chmpion", clock=clock)


def test_rolling_back_goes_to_the_champion_before(settings: Settings, store: Store) -> None:
    for number in (1, 2, 3):
        models.promote(settings, f"churn/{number}", clock=clock)
    moved = models.rollback(settings, "churn", reason="too many complaints", clock=clock)
    assert (moved.version, moved.previous, moved.rollback, moved.reason) == (
        2,
        3,
        True,
        "too many complaints",
    )
    assert models.rollback(settings, "churn", clock=clock).version == 1
    with pytest.raises(NotFoundError, match="nothing to go back to"):
        models.rollback(settings, "churn", clock=clock)
    assert models.resolve(settings, "churn@champion").version == 1
    assert len(store.ledger.find("promotion", "churn.champion")) == 5


def test_there_must_be_a_champion_to_roll_back(settings: Settings, store: Store) -> None:
    with pytest.raises(NotFoundError, match="churn has no champion"):
        models.rollback(settings, "churn", clock=clock)
    with pytest.raises(NotFoundError, match="no alias"):
        models.rollback(settings, "churn", "nonsense", clock=clock)


def test_what_is_logged_is_the_challenger_and_is_promoted(workspace: Path) -> None:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    import jupyter_mlops as mlops

    X = np.arange(20.0).reshape(-1, 2)
    for c in (1.0, 2.0):
        mlops.log_model(LogisticRegression(C=c).fit(X, X[:, 0] > 8), "churn", example=X)
    settings = Settings(root=workspace, mlflow_sync="off")
    models.promote(settings, "churn/1")
    moved = models.promote(settings, "churn@challenger")
    assert isinstance(moved, Promotion)
    assert standing.aliases(open_store(settings), "churn") == {"champion": 2, "challenger": 2}
    models.rollback(settings, "churn")
    assert models.resolve(settings, "churn@champion").version == 1


def test_moved_at_once_by_many_each_move_starts_where_the_last_ended(
    workspace: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_MLOPS_STORE", store_url)
    settings = load()
    ledger = open_store(settings).ledger
    ledger.append(*(version(number) for number in range(1, 7)))
    with ThreadPoolExecutor(6) as pool:
        moves = list(pool.map(lambda number: models.promote(settings, f"churn/{number}"), range(1, 7)))
    found = [one for one in ledger.find("promotion", "churn.champion") if isinstance(one, Promotion)]
    assert len(found) == len(moves) == 6
    assert [one.previous for one in found] == [*(one.version for one in found[1:]), None]
    assert models.resolve(settings, "churn@champion").version == found[0].version
