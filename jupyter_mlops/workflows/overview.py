"""A project at a glance: who asks, the model versions with what may be done about them, drift, the end of the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jupyter_mlops.governance.approvals import needed
from jupyter_mlops.records.access import ALLOWED, Approval
from jupyter_mlops.records.audit import AuditEvent
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.model import Promotion
from jupyter_mlops.registry.standing import CHAMPION
from jupyter_mlops.store import access
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import acting, audit, drift_reports, models
from jupyter_mlops.workflows.approvals import counting
from jupyter_mlops.workflows.drift_reports import ReportGlance, Traffic

if TYPE_CHECKING:
    from collections.abc import Collection

    from jupyter_mlops.records.access import Policy
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store
    from jupyter_mlops.workflows.models import VersionView

EVENTS = 20
Action = Literal["promote", "roll back", "approve", "reject"]


class VersionStanding(Value, frozen=True, kw_only=True):
    """Say where a version stands and what whoever asks may do about it; the approvals are those that count.

    ``override`` is why it became champion against its gates, ``retired`` why it is out of use; both empty where it
    didn't and isn't.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    gate: str
    metrics: dict[str, float]
    author: str
    created_at: str
    approvals: tuple[Approval, ...]
    approvals_needed: int
    retired: str
    override: str
    actions: tuple[Action, ...]


class Overview(Value, frozen=True, kw_only=True):
    """Hold what a project's page shows; ``audit`` newest first, empty for whoever may not read it.

    ``drift`` are the newest reports, ``traffic`` what of the served models can be compared.
    """

    user: str
    models: tuple[VersionStanding, ...]
    drift: tuple[ReportGlance, ...]
    traffic: tuple[Traffic, ...]
    audit: tuple[AuditEvent, ...]


def overview(settings: Settings) -> Overview:
    """Return a project at a glance, as far as whoever asks may read it.

    Raises:
        DeniedError: when they may read nothing of it.
    """
    user = acting.allow(settings, "read")
    store = open_store(settings)
    policy = access.policy(store.ledger)
    may_read_log = policy.may(user, "audit.read").verdict == ALLOWED
    return Overview(
        user=user,
        models=tuple(_standing(store, policy, user, view) for view in models.list_models(settings)),
        drift=drift_reports.newest(settings),
        traffic=drift_reports.traffic(settings),
        audit=_newest(audit.events(settings, limit=3 * EVENTS)[::-1]) if may_read_log else (),
    )


def _standing(store: Store, policy: Policy, user: str, view: VersionView) -> VersionStanding:
    model = view.model
    said = counting(store, policy, model)
    return VersionStanding(
        name=model.name,
        version=model.version,
        aliases=view.aliases,
        gate=view.gate,
        metrics=view.figures,
        author=model.author,
        created_at=model.created_at,
        approvals=tuple(said),
        approvals_needed=needed(policy.rules_for(model.name)),
        retired=view.retired,
        override=_override(store, model.name) if CHAMPION in view.aliases else "",
        actions=_actions(policy, user, view, [each.author for each in said]),
    )


def _actions(policy: Policy, user: str, view: VersionView, said: Collection[str]) -> tuple[Action, ...]:
    """Return what a user may do about a version now; ``said`` are those who approved or rejected it."""
    subject = str(view.model.ref)

    def may(*actions: str) -> bool:
        return any(policy.may(user, action, subject).verdict == ALLOWED for action in actions)

    if CHAMPION in view.aliases:
        return ("roll back",) if may("model.rollback") else ()
    if view.retired:
        return ()
    asked = needed(policy.rules_for(view.model.name)) > 0 and user != view.model.author and user not in said
    return (
        *(("promote",) if may("model.promote", "model.override") else ()),
        *(("approve", "reject") if asked and may("model.approve") else ()),
    )


def _override(store: Store, name: str) -> str:
    for moved in store.ledger.find("promotion", f"{name}.{CHAMPION}", limit=1):
        if isinstance(moved, Promotion) and moved.override:
            return moved.reason
    return ""


def _newest(events: list[AuditEvent]) -> tuple[AuditEvent, ...]:
    """Return the newest outcomes; an intent is of interest only where no outcome followed."""
    ended = {event.intent for event in events}
    shown = [event for event in events if event.phase != "intent" or event.seq not in ended]
    return tuple(shown[:EVENTS])
