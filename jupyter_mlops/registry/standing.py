"""Where model versions stand by the ledger: their numbers, their aliases, which are out of use.

An alias points where its newest promotion on record says. The challenger, which every new version becomes by itself,
goes back in the same way: a version that turned out not to be its run's result is passed over, as if it had never been
logged, unless somebody chose it by an override. A project of earlier days has its aliases in MLflow: they are
read there until the first change on record takes all of a model's aliases over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.records.model import ModelVersion, Promotion, Retirement
from jupyter_mlops.registry.models import Registry
from jupyter_mlops.store import stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.store.opened import Store

CHALLENGER = "challenger"
CHAMPION = "champion"
SHADOW = "shadow"
ALIASES = (CHAMPION, CHALLENGER, SHADOW)
# Who moves an alias or takes a number holds this turn of the project.
TURN = "registry"
_TAKEN_OVER = "as MLflow had it"


def versions(store: Store, name: str) -> list[ModelVersion]:
    """Return a model's versions, the highest number first."""
    found = [record for record in store.ledger.find("model", name) if isinstance(record, ModelVersion)]
    return sorted(found, key=lambda version: -version.version)


def aliases(store: Store, name: str) -> dict[str, int]:
    """Return a model's aliases and the versions they point at."""
    promotions = _newest(store, name)
    if _of_earlier_days(store, name, promotions):
        return _mlflows(store, name)
    return {promotion.alias: promotion.version for promotion in promotions}


def taken_over(store: Store, name: str, *, clock: Callable[[], str] = stamp.now) -> tuple[Promotion, ...]:
    """Return what must go on record, with the first change, for aliases that so far only MLflow has."""
    if not _of_earlier_days(store, name, _newest(store, name)):
        return ()
    return tuple(
        Promotion(
            name=name,
            version=version,
            alias=alias,
            reason=_TAKEN_OVER,
            authority="ledger",
            parents=(f"model/{name}@{version}",),
            created_at=clock(),
            author=stamp.author(),
        )
        for alias, version in _mlflows(store, name).items()
    )


def moved(store: Store, version: ModelVersion, alias: str, *, at: str, **more: Any) -> Promotion:
    """Return the record that moves an alias to a version, from where it is now; the caller holds the turn."""
    return Promotion(
        name=version.name,
        version=version.version,
        alias=alias,
        previous=aliases(store, version.name).get(alias),
        authority="ledger",
        **{"parents": (str(version.ref),), **more},
        created_at=at,
        author=stamp.author(),
    )


def next_number(store: Store, name: str) -> int:
    """Return the number for a model's next version, which neither the ledger nor MLflow has given."""
    known = versions(store, name)
    return max(known[0].version if known else 0, Registry(store.settings).highest(name)) + 1


def disowned(store: Store, name: str, number: int) -> tuple[Retirement, ...]:
    """Return why a version isn't a result of the run that logged it: its stage ran again, or failed after it."""
    return tuple(record for record in retired(store, name, number) if record.cause != "collected")


def collected(store: Store, name: str, number: int) -> bool:
    """Say whether a version's bundle was taken away for good."""
    return any(record.cause == "collected" for record in retired(store, name, number))


def retired(store: Store, name: str, number: int) -> tuple[Retirement, ...]:
    """Return why a version is out of use, the newest reason first; nothing for one in use."""
    found = store.ledger.find("retirement", f"{name}.{number}")
    return tuple(record for record in found if isinstance(record, Retirement))


def _newest(store: Store, name: str) -> list[Promotion]:
    found = (_standing(store, name, alias) for alias in ALIASES)
    return [promotion for promotion in found if promotion is not None]


def _standing(store: Store, name: str, alias: str) -> Promotion | None:
    """Return the promotion that says where an alias points."""
    # Mostly the newest; the others are read where they are needed.
    for limit in (1, None):
        found = store.ledger.find("promotion", f"{name}.{alias}", limit=limit)
        promotions = [record for record in found if isinstance(record, Promotion)]
        for promotion in promotions:
            chosen = alias != CHALLENGER or promotion.override
            if chosen or not disowned(store, name, promotion.version):
                return promotion
    return None


def _of_earlier_days(store: Store, name: str, promotions: list[Promotion]) -> bool:
    if any(promotion.authority == "ledger" for promotion in promotions):
        return False
    newest = store.ledger.find("model", name, limit=1)
    return any(isinstance(version, ModelVersion) and version.mlflow_run for version in newest)


def _mlflows(store: Store, name: str) -> dict[str, int]:
    found = Registry(store.settings).aliases(name)
    return {alias: found[alias] for alias in ALIASES if alias in found}
