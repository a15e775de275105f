"""Approve and reject model versions, and say whether the rules let one become champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jupyter_mlops.errors import DeniedError, UsageError
from jupyter_mlops.governance.approvals import joined, may_become_champion, standing
from jupyter_mlops.records.access import ALLOWED, Approval
from jupyter_mlops.store import access, stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import acting, refuse

if TYPE_CHECKING:
    from jupyter_mlops.records.access import Policy
    from jupyter_mlops.records.decision import Decision
    from jupyter_mlops.records.model import ModelVersion
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store


def check_promotion(store: Store, version: ModelVersion, gates: Decision | None = None) -> Decision:
    """Say whether a version may become champion by the rules on its model, the approvals it has, and its gates.

    The verdict is ``allowed`` or ``blocked``; the evidence is that of ``gates``, and beside it ``approvals`` and
    ``rejections`` by reference, and in ``override`` whether a recorded reason may stand in for what is missing.
    """
    policy = access.policy(store.ledger)
    rules = policy.rules_for(version.name)
    judged = bool(rules) and bool(
        store.ledger.find("evaluation", f"{version.name}.{version.version}", limit=1)
    )
    decision = may_become_champion(version, rules, counting(store, policy, version), judged=judged)
    return decision if gates is None else joined(gates, decision)


def of_version(store: Store, version: ModelVersion) -> list[Approval]:
    """Return what was said of a version, newest first; that of its author, which doesn't count, included."""
    found = store.ledger.find("approval", lookup=f"{version.name}/{version.version}")
    return [record for record in found if isinstance(record, Approval)]


def counting(store: Store, policy: Policy, version: ModelVersion) -> list[Approval]:
    """Return the newest word of each user on a version, where it counts: a yes only while its author may say it."""
    said = standing(of_version(store, version), version).values()
    return [each for each in said if _counts(policy, version, each)]


def rejections(store: Store, version: ModelVersion) -> list[Approval]:
    """Return the standing rejections of a version; those of whose role was taken back stay."""
    said = standing(of_version(store, version), version).values()
    return [each for each in said if each.verdict == "rejected"]


def _counts(policy: Policy, version: ModelVersion, said: Approval) -> bool:
    """Say whether a word counts: a rejection until it is taken back, a yes as long as its author may say it."""
    may = policy.may(said.author, "model.approve", str(version.ref))
    return said.verdict == "rejected" or may.verdict == ALLOWED


def approve(settings: Settings, model: str, reason: str = "") -> Approval:
    """Approve a model version; the newest word of each user counts.

    Raises:
        NotFoundError: when there is no such version.
        DeniedError: when the user isn't an approver, or is the version's author.
    """
    return _say(settings, model, "approved", reason)


def reject(settings: Settings, model: str, reason: str) -> Approval:
    """Reject a model version, which keeps it from becoming champion until the same user approves it.

    Raises:
        NotFoundError: when there is no such version.
        UsageError: when there is no reason.
        DeniedError: when the user isn't an approver, or is the version's author.
    """
    if not reason.strip():
        raise UsageError("a rejection needs a reason", hint="say why in --reason")
    return _say(settings, model, "rejected", reason)


def _say(settings: Settings, model: str, verdict: Literal["approved", "rejected"], reason: str) -> Approval:
    from jupyter_mlops.workflows.models import resolve

    store = open_store(settings)
    version = resolve(settings, model)
    user = access.identify(store.ledger)
    said = {"action": "model.approve", "subject": str(version.ref), "reason": reason}
    if user == version.author:
        error = DeniedError(
            f"{user} made {version.name}/{version.version}, and nobody approves what is their own",
            hint="ask somebody else who is an approver",
        )
        refuse(store, error, actor=user, **said)
        raise error
    with acting(settings, **said, verdict=verdict) as act:
        approval = Approval(
            name=version.name,
            version=version.version,
            bundle=version.bundle,
            verdict=verdict,
            reason=reason,
            parents=(str(version.ref),),
            created_at=stamp.now(),
            author=stamp.author(),
        )
        store.ledger.append(approval)
        act.note(approval=str(approval.ref))
    return approval
