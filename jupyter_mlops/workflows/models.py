"""The life of model versions: find, compare, promote, roll back.

Versions and what stands behind them are the ledger's, aliases are MLflow's. A promotion is recorded first and the
alias moved last: after a crash between the two the old version is still served, and promoting again completes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import BlockedError, NotFoundError, UsageError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.model import ModelVersion, Promotion
from jupyter_mlops.registry.models import CHALLENGER, CHAMPION, SHADOW, Registry
from jupyter_mlops.registry.promotion import BLOCKED, latest_occasion, may_promote, version_before
from jupyter_mlops.store import stamp
from jupyter_mlops.store.files import file_lock
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.records.decision import Decision
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

ALIASES = (CHAMPION, CHALLENGER, SHADOW)
LOCK = "promotion.lock"


class VersionView(Value, frozen=True, kw_only=True):
    """Show a version with where it stands: its aliases, and the newest result of its gates."""

    model: ModelVersion
    aliases: tuple[str, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()

    @property
    def gate(self) -> str:
        """``passed``, ``failed``, or empty where no gate was run."""
        if not self.evaluations:
            return ""
        return "passed" if all(evaluation.passed for evaluation in self.evaluations) else "failed"


class Comparison(Value, frozen=True, kw_only=True):
    """Hold what differs between two versions, a pair each; equal things are left out but for the metrics."""

    left: str
    right: str
    metrics: dict[str, tuple[float | None, float | None]]
    params: dict[str, tuple[Any, Any]]
    datasets: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    gates: tuple[str, str]
    same_bundle: bool
    same_signature: bool


def resolve(settings: Settings, text: str) -> ModelVersion:
    """Return the version that ``churn`` (the newest), ``churn/4``, ``churn@champion`` or ``model/churn@4`` means.

    Raises:
        NotFoundError: when there is none; names what is near.
    """
    return _resolve(open_store(settings), Registry(settings), text)


def list_models(settings: Settings, name: str | None = None) -> list[VersionView]:
    """Return the versions of every model, or of one, the highest number of each first.

    Raises:
        NotFoundError: when there is no model of that name.
    """
    store, registry = open_store(settings), Registry(settings)
    known = store.ledger.names("model")
    if name is not None and name not in known:
        raise NotFoundError.of("model", name, known)
    views = []
    for model in [name] if name is not None else known:
        aliases = registry.aliases(model)
        versions = sorted(_versions(store, model), key=lambda version: -version.version)
        views += [_view(store, aliases, version) for version in versions]
    return views


def show(settings: Settings, text: str) -> VersionView:
    """Return one version with its aliases and gate results.

    Raises:
        NotFoundError: when there is none.
    """
    store, registry = open_store(settings), Registry(settings)
    version = _resolve(store, registry, text)
    return _view(store, registry.aliases(version.name), version)


def compare(settings: Settings, left: str, right: str) -> Comparison:
    """Set two versions side by side.

    Raises:
        NotFoundError: when one of them doesn't exist.
    """
    views = show(settings, left), show(settings, right)
    one, two = views[0].model, views[1].model
    metrics = sorted({*one.metrics, *two.metrics})
    left_params, right_params = ({**side.hyperparameters, **side.params} for side in (one, two))
    datasets = {"read": (one.datasets, two.datasets), "test": (_test(one), _test(two))}
    return Comparison(
        left=str(one.ref),
        right=str(two.ref),
        metrics={key: (one.metrics.get(key), two.metrics.get(key)) for key in metrics},
        params={
            key: (left_params.get(key), right_params.get(key))
            for key in sorted({*left_params, *right_params})
            if left_params.get(key) != right_params.get(key)
        },
        datasets={key: pair for key, pair in datasets.items() if pair[0] != pair[1]},
        gates=(views[0].gate, views[1].gate),
        same_bundle=one.bundle == two.bundle,
        same_signature=one.signature == two.signature,
    )


def promote(
    settings: Settings,
    text: str,
    alias: str = CHAMPION,
    override_reason: str | None = None,
    *,
    clock: Callable[[], str] = stamp.now,
) -> Promotion:
    """Point an alias at a version and record it; where it points there already nothing is done.

    A version whose gates failed, or that its model's gates never saw, becomes champion only against a reason.

    Raises:
        NotFoundError: when there is no such version or alias.
        UsageError: when the reason for an override is blank.
        BlockedError: when its gates say no and there is no reason to override them.
    """
    if alias not in ALIASES:
        raise NotFoundError.of("alias", alias, ALIASES)
    if override_reason is not None and not override_reason.strip():
        raise UsageError("an override needs a reason", hint="say why in --override")
    store, registry = open_store(settings), Registry(settings)
    version = _resolve(store, registry, text)
    with file_lock(settings.state / LOCK):
        previous = registry.aliases(version.name).get(alias)
        moved = Promotion(
            name=version.name,
            version=version.version,
            alias=alias,
            previous=previous,
            reason=override_reason or "",
            created_at=clock(),
            author=stamp.author(),
        )
        if previous == version.version:
            return moved
        decision = _decide(store, version)
        blocked = alias == CHAMPION and decision.verdict == BLOCKED
        if blocked and override_reason is None:
            raise _blocked(version, decision)
        parents = (str(version.ref), *decision.evidence.get("evaluations", ()))
        moved = msgspec.structs.replace(moved, override=blocked, parents=parents)
        _move(store, registry, moved)
    return moved


def rollback(
    settings: Settings,
    name: str,
    alias: str = CHAMPION,
    reason: str = "",
    *,
    clock: Callable[[], str] = stamp.now,
) -> Promotion:
    """Point an alias back at the version that held it before, and record it.

    Raises:
        NotFoundError: when there is no such model, or no version held the alias before.
    """
    if alias not in ALIASES:
        raise NotFoundError.of("alias", alias, ALIASES)
    store, registry = open_store(settings), Registry(settings)
    known = store.ledger.names("model")
    if name not in known:
        raise NotFoundError.of("model", name, known)
    with file_lock(settings.state / LOCK):
        current = registry.aliases(name).get(alias)
        if current is None:
            raise NotFoundError(
                f"{name} has no {alias}", hint=f"promote a version: jupyter mlops models promote {name}"
            )
        newest_first = store.ledger.find("promotion", f"{name}.{alias}")
        history = [record for record in newest_first if isinstance(record, Promotion)]
        before = version_before(history[::-1], current)
        if before is None:
            raise NotFoundError(
                f"{name}/{current} is the first {alias}", hint="there is nothing to go back to"
            )
        moved = Promotion(
            name=name,
            version=before,
            alias=alias,
            previous=current,
            reason=reason,
            rollback=True,
            parents=(str(_numbered(store, name, str(before)).ref),),
            created_at=clock(),
            author=stamp.author(),
        )
        _move(store, registry, moved)
    return moved


def _resolve(store: Store, registry: Registry, text: str) -> ModelVersion:
    rest = text.removeprefix("model/") if "@" in text or text.count("/") > 1 else text
    name, separator, which = rest.partition("@" if "@" in rest else "/")
    if name == "model" and separator == "/" and not which.isdigit():
        name, which = which, ""
    known = store.ledger.names("model")
    if name not in known:
        raise NotFoundError.of("model", name, known)
    if not which:
        return max(_versions(store, name), key=lambda version: version.version)
    if which.isdigit():
        return _numbered(store, name, which)
    aliases = registry.aliases(name)
    if which not in aliases:
        raise NotFoundError.of("alias", f"{name}@{which}", [f"{name}@{alias}" for alias in aliases])
    return _numbered(store, name, str(aliases[which]))


def _numbered(store: Store, name: str, number: str) -> ModelVersion:
    for version in _versions(store, name):
        if version.version == int(number):
            return version
    raise NotFoundError.of(
        "model version",
        f"{name}/{number}",
        [f"{name}/{version.version}" for version in _versions(store, name)],
    )


def _versions(store: Store, name: str) -> list[ModelVersion]:
    return [record for record in store.ledger.find("model", name) if isinstance(record, ModelVersion)]


def _evaluations(store: Store, version: ModelVersion) -> list[Evaluation]:
    found = store.ledger.find("evaluation", f"{version.name}.{version.version}")
    return [record for record in found if isinstance(record, Evaluation) and record.model == version.name]


def _view(store: Store, aliases: dict[str, int], version: ModelVersion) -> VersionView:
    evaluations = _evaluations(store, version)
    return VersionView(
        model=version,
        aliases=tuple(alias for alias, number in aliases.items() if number == version.version),
        evaluations=tuple(latest_occasion(evaluations)) if evaluations else (),
    )


def _decide(store: Store, version: ModelVersion) -> Decision:
    names = store.ledger.names("evaluation")
    has_gates = any(name.rpartition(".")[0] == version.name for name in names)
    return may_promote(_evaluations(store, version), model_has_gates=has_gates)


def _blocked(version: ModelVersion, decision: Decision) -> BlockedError:
    label = f"{version.name}/{version.version}"
    return BlockedError(
        f"{label} can't become {CHAMPION}: {'; '.join(decision.reasons)}",
        hint="mend it and run the gate again, or override with a reason that is recorded",
        reasons=list(decision.reasons),
    )


def _move(store: Store, registry: Registry, moved: Promotion) -> None:
    store.ledger.append(moved)
    registry.set_alias(moved.name, moved.alias, moved.version)


def _test(version: ModelVersion) -> tuple[str, ...]:
    return (version.test.dataset,) if version.test is not None else ()
