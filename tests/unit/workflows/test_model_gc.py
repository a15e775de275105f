from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import jupyter_mlops as mlops
from jupyter_mlops.errors import BlockedError, NotFoundError, UsageError
from jupyter_mlops.records.model import ModelVersion, Promotion, Signature
from jupyter_mlops.records.serving import Deployment
from jupyter_mlops.registry import standing
from jupyter_mlops.settings import Settings, load
from jupyter_mlops.store.objects import Objects
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import model_gc, models

if TYPE_CHECKING:
    from pathlib import Path

X = np.arange(20.0).reshape(-1, 2)
_at = itertools.count()


@pytest.fixture
def settings(workspace: Path) -> Settings:
    """Twelve versions, each with a bundle of its own; 1 is champion, 2 to 8 were served, one after the other."""
    for number in range(1, 13):
        mlops.log_model(LinearRegression().fit(X, X[:, 0] * number), "churn", example=X)
    models.promote(load(), "churn/1", clock=moment)
    serve(open_store(load()), *range(2, 9))
    return load()


def moment() -> str:
    return f"2020-01-01T00:00:{next(_at):06}Z"


def serve(store: Store, *numbers: int) -> None:
    for number in numbers:
        at = moment()
        store.ledger.append(
            Deployment(deployment_id=at, model="churn", version=number, bundle="", address="", created_at=at)
        )


def at_hand(settings: Settings) -> list[int]:
    store = open_store(settings)
    return sorted(one.version for one in standing.versions(store, "churn") if store.bundles.whole(one.bundle))


def test_newest_aliased_and_last_served_stay(settings: Settings) -> None:
    told = model_gc.collect(settings, keep=2, dry_run=True)
    assert told.versions == ("churn/10", "churn/9", "churn/3", "churn/2")
    assert at_hand(settings) == list(range(1, 13))
    gone = model_gc.collect(settings, "churn", keep=2)
    assert (gone.versions, gone.size_bytes) == (told.versions, told.size_bytes)
    assert gone.size_bytes > 0
    assert at_hand(settings) == [1, 4, 5, 6, 7, 8, 11, 12]
    assert model_gc.collect(settings, keep=2).versions == ()
    retired = {view.model.version: view.retired for view in models.list_models(settings, "churn")}
    assert [number for number, why in retired.items() if why == "collected"] == [10, 9, 3, 2]
    with pytest.raises(BlockedError, match="was taken away by"):
        models.promote(settings, "churn/3")
    with pytest.raises(NotFoundError):
        open_store(settings).bundles.load(models.resolve(settings, "churn/3").bundle)


def test_a_bundle_that_two_versions_share_stays_while_one_needs_it(workspace: Path) -> None:
    same = LinearRegression().fit(X, X[:, 0])
    versions = [mlops.log_model(same, "churn", example=X) for _ in range(3)]
    assert len({version.bundle for version in versions}) == 1
    settings = load()
    assert model_gc.collect(settings, keep=1).versions == ("churn/2", "churn/1")
    assert open_store(settings).bundles.load(versions[2].bundle).digest == versions[2].bundle
    assert model_gc.collect(settings, keep=1).size_bytes == 0


def test_a_model_logged_again_after_its_bundle_went_has_it_again(settings: Settings) -> None:
    model_gc.collect(settings, keep=1)
    assert 9 not in at_hand(settings)
    again = mlops.log_model(LinearRegression().fit(X, X[:, 0] * 9), "churn", example=X)
    assert open_store(settings).bundles.load(again.bundle).digest == again.bundle


def test_killed_between_record_and_deletion_the_next_one_completes_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete, left = Objects.delete, iter(range(3))

    def killed(objects: Objects, digest: str, *, grace: float) -> int:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return delete(objects, digest, grace=grace)

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            model_gc.collect(settings, keep=2)
    assert model_gc.collect(settings, keep=2).versions == ()
    assert at_hand(settings) == [1, 4, 5, 6, 7, 8, 11, 12]


def test_what_cant_be_meant_is_refused(workspace: Path) -> None:
    assert model_gc.collect(load()).versions == ()
    assert [path.name for path in workspace.iterdir()] == ["mlops.toml"]
    with pytest.raises(NotFoundError, match="there is no model yet"):
        model_gc.collect(load(), "churn")
    with pytest.raises(UsageError, match="--keep 0"):
        model_gc.collect(load(), keep=0)


def test_needed_is_what_is_new_aliased_or_was_served_last() -> None:
    versions = [
        ModelVersion(
            name="m", version=n, bundle="", signature=Signature(layout="array", inputs=(), outputs=())
        )
        for n in range(20, 0, -1)
    ]
    assert model_gc.needed(versions, (3,), (9, 9, 8, 9, 7, 6, 5, 4), keep=2) == {20, 19, 3, 9, 8, 7, 6, 5}


def test_a_champion_of_earlier_days_counts_as_served(settings: Settings) -> None:
    store = open_store(settings)
    store.ledger.append(
        Promotion(name="churn", version=3, alias="champion", authority="ledger", created_at="2031"),
        Promotion(name="churn", version=1, alias="champion", authority="ledger", created_at="2032"),
    )
    assert 3 not in {int(one.partition("/")[2]) for one in model_gc.collect(settings, keep=1).versions}
