"""The life of model versions: find, promote, roll back.

Versions, aliases and what stands behind them are the ledger's. A promotion is one record: the alias is moved when it is
there, and not before. MLflow shows the same soon after.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.errors import BlockedError, NotFoundError, UsageError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.model import ModelVersion, Promotion
from jupyter_mlops.registry import standing, syncing
from jupyter_mlops.registry.promotion import (
    ALLOWED,
    BLOCKED,
    latest_occasion,
    may_promote,
    unless_disowned,
    version_before,
)
from jupyter_mlops.registry.standing import CHAMPION
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.turns import turn
from jupyter_mlops.workflows.acting import acting, allow, readable
from jupyter_mlops.workflows.approvals import check_promotion, rejections

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.records.decision import Decision
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

# What a promotion rests on, or is made in spite of.
_GROUNDS = ("evaluations", "approvals", "rejections", "retirements")


class VersionView(Value, frozen=True, kw_only=True):
    """Show a version with where it stands: its aliases, its gates' newest results, why it is out of use if it is."""

    model: ModelVersion
    aliases: tuple[str, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    retired: str = ""

    @property
    def gate(self) -> str:
        """``passed``, ``failed``, or empty where no gate was run."""
        if not self.evaluations:
            return ""
        return "passed" if all(evaluation.passed for evaluation in self.evaluations) else "failed"

    @property
    def figures(self) -> dict[str, float]:
        """What the notebook logged for the version, else what its newest gate measured."""
        if self.model.metrics or not self.evaluations:
            return self.model.metrics
        conditions = self.evaluations[0].conditions
        return {item.text.split()[0]: item.value for item in conditions if item.value is not None}


def resolve(settings: Settings, text: str) -> ModelVersion:
    """Return the version that ``churn`` (the newest), ``churn/4``, ``churn@champion`` or ``model/churn@4`` means.

    Raises:
        NotFoundError: when there is none; names what is near.
    """
    return _resolve(open_store(settings), text)


def list_models(settings: Settings, name: str | None = None) -> list[VersionView]:
    """Return the versions of every model that may be read, or of one, the highest number of each first.

    Raises:
        NotFoundError: when there is no model of that name, or it may not be read.
    """
    store, may_read = open_store(settings), readable(settings)
    known = [each for each in store.ledger.names("model") if may_read(f"model/{each}")]
    if name is not None and name not in known:
        raise NotFoundError.of("model", name, known)
    views = []
    for model in [name] if name is not None else known:
        aliases = standing.aliases(store, model)
        views += [_view(store, aliases, version) for version in standing.versions(store, model)]
    return views


def show(settings: Settings, text: str) -> VersionView:
    """Return one version with its aliases and gate results.

    Raises:
        NotFoundError: when there is none.
        DeniedError: when it may not be read.
    """
    store = open_store(settings)
    version = _resolve(store, text)
    allow(settings, "read", str(version.ref))
    return _view(store, standing.aliases(store, version.name), version)


def promote(
    settings: Settings,
    text: str,
    alias: str = CHAMPION,
    override_reason: str | None = None,
    *,
    clock: Callable[[], str] = stamp.now,
) -> Promotion:
    """Point an alias at a version, by putting it on record; where it points there already nothing is done.

    A version whose gates failed, or that its model's gates never saw, becomes champion only against a reason.

    Raises:
        NotFoundError: when there is no such version or alias.
        UsageError: when the reason for an override is blank.
        BlockedError: when its gates say no and there is no reason to override them, or its bundle was taken away.
        DeniedError: when a rule says no.
    """
    _check_alias(alias)
    if override_reason is not None and not override_reason.strip():
        raise UsageError("an override needs a reason", hint="say why in --override")
    store, reason = open_store(settings), override_reason or ""
    version = _resolve(store, text)
    if standing.aliases(store, version.name).get(alias) == version.version:
        allow(settings, "model.promote", str(version.ref), reason=reason, alias=alias)
        return standing.moved(store, version, alias, at=clock(), reason=reason)
    before = _may(store, version, alias)
    override = override_reason is not None and before.verdict == BLOCKED and _overridable(before)
    action = "model.override" if override else "model.promote"
    with (
        acting(settings, action, str(version.ref), reason=reason, alias=alias) as act,
        turn(settings, standing.TURN),
    ):
        decision = _may(store, version, alias)
        if standing.collected(store, version.name, version.version):
            raise _gone(version)
        if decision.verdict == BLOCKED and not (override and _overridable(decision)):
            raise _blocked(version, alias, decision)
        grounds = (decision.evidence.get(kind, ()) for kind in _GROUNDS)
        parents = (str(version.ref), *chain.from_iterable(grounds))
        more = {"reason": reason, "override": override, "parents": parents}
        moved = standing.moved(store, version, alias, at=clock(), **more)
        _record(store, moved)
        act.note(previous=moved.previous, record=str(moved.ref))
    syncing.request(settings)
    return moved


def rollback(
    settings: Settings,
    name: str,
    alias: str = CHAMPION,
    reason: str = "",
    *,
    clock: Callable[[], str] = stamp.now,
) -> Promotion:
    """Point an alias back at the version that held it before, by putting it on record.

    Raises:
        NotFoundError: when there is no such model, or no version held the alias before.
        BlockedError: when the bundle of that version was taken away, or somebody rejected it since.
        DeniedError: when a rule says no.
    """
    _check_alias(alias)
    store = open_store(settings)
    known = store.ledger.names("model")
    if name not in known:
        raise NotFoundError.of("model", name, known)
    with (
        acting(settings, "model.rollback", f"model/{name}", reason=reason, alias=alias) as act,
        turn(settings, standing.TURN),
    ):
        version = _before(store, name, alias)
        moved = standing.moved(store, version, alias, at=clock(), reason=reason, rollback=True)
        _record(store, moved)
        act.note(subject=str(version.ref), previous=moved.previous, record=str(moved.ref))
    syncing.request(settings)
    return moved


def _before(store: Store, name: str, alias: str) -> ModelVersion:
    current = standing.aliases(store, name).get(alias)
    if current is None:
        raise NotFoundError(
            f"{name} has no {alias}", hint=f"promote a version: jupyter mlops models promote {name}"
        )
    newest_first = store.ledger.find("promotion", f"{name}.{alias}")
    history = [record for record in newest_first if isinstance(record, Promotion)]
    before = version_before(history[::-1], current)
    if before is None:
        raise NotFoundError(f"{name}/{current} is the first {alias}", hint="there is nothing to go back to")
    version = _numbered(store, name, str(before))
    if standing.collected(store, name, before):
        raise _gone(version)
    rejected = rejections(store, version) if alias == CHAMPION else ()
    if rejected:
        who = "; ".join(f"{each.author} rejected it: {each.reason}" for each in rejected)
        raise BlockedError(
            f"{name}/{before} can't become {CHAMPION} again: {who}",
            hint="promote another version, or this one with a reason in --override",
        )
    return version


def _record(store: Store, moved: Promotion) -> None:
    """Put a move on record, with the aliases that so far only MLflow had."""
    over = standing.taken_over(store, moved.name)
    store.ledger.append(*(one for one in over if one.alias != moved.alias), moved)


def _check_alias(alias: str) -> None:
    if alias not in standing.ALIASES:
        raise NotFoundError.of("alias", alias, standing.ALIASES)


def _resolve(store: Store, text: str) -> ModelVersion:
    rest = text.removeprefix("model/") if "@" in text or text.count("/") > 1 else text
    name, separator, which = rest.partition("@" if "@" in rest else "/")
    if name == "model" and separator == "/" and not which.isdecimal():
        name, which = which, ""
    versions = standing.versions(store, name)
    if not versions:
        raise NotFoundError.of("model", name, store.ledger.names("model"))
    if not which:
        return versions[0]
    if which.isdecimal():
        return _numbered(store, name, which)
    aliases = standing.aliases(store, name)
    if which not in aliases:
        raise NotFoundError.of("alias", f"{name}@{which}", [f"{name}@{alias}" for alias in aliases])
    return _numbered(store, name, str(aliases[which]))


def _numbered(store: Store, name: str, number: str) -> ModelVersion:
    versions = standing.versions(store, name)
    for version in versions:
        if version.version == int(number):
            return version
    known = [f"{name}/{version.version}" for version in versions]
    raise NotFoundError.of("model version", f"{name}/{number}", known)


def _evaluations(store: Store, version: ModelVersion) -> list[Evaluation]:
    found = store.ledger.find("evaluation", f"{version.name}.{version.version}")
    return [record for record in found if isinstance(record, Evaluation) and record.model == version.name]


def _view(store: Store, aliases: dict[str, int], version: ModelVersion) -> VersionView:
    evaluations = _evaluations(store, version)
    retired = standing.retired(store, version.name, version.version)
    return VersionView(
        model=version,
        aliases=tuple(sorted(alias for alias, number in aliases.items() if number == version.version)),
        evaluations=tuple(latest_occasion(evaluations)) if evaluations else (),
        retired=retired[0].cause if retired else "",
    )


def _may(store: Store, version: ModelVersion, alias: str) -> Decision:
    """Say whether a version may get an alias; only the champion's asks its gates, and the rules of its model.

    A version that isn't its run's result gets none.
    """
    disowned = standing.disowned(store, version.name, version.version)
    names = store.ledger.names("evaluation")
    has_gates = any(name.rpartition(".")[0] == version.name for name in names)
    decision = may_promote(_evaluations(store, version), model_has_gates=has_gates)
    if alias != CHAMPION:
        return unless_disowned(msgspec.structs.replace(decision, verdict=ALLOWED), disowned)
    return unless_disowned(check_promotion(store, version, decision), disowned)


def _overridable(decision: Decision) -> bool:
    return bool(decision.evidence.get("override", True))


def _blocked(version: ModelVersion, alias: str, decision: Decision) -> BlockedError:
    label = f"{version.name}/{version.version}"
    return BlockedError(
        f"{label} can't become {alias}: {'; '.join(decision.reasons)}",
        hint="mend it and run the gate again, or override with a reason that is recorded"
        if _overridable(decision)
        else "a rule lets no reason stand in for it",
        reasons=list(decision.reasons),
    )


def _gone(version: ModelVersion) -> BlockedError:
    label = f"{version.name}/{version.version}"
    return BlockedError(
        f"{label} was taken away by `jupyter mlops models gc`",
        hint="promote another version, or build it again: jupyter mlops reproduce",
    )
