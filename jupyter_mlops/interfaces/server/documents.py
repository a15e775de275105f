"""What the sidebar draws, as JSON documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotebookError
from jupyter_mlops.records.access import ALLOWED
from jupyter_mlops.records.base import to_builtins
from jupyter_mlops.records.model import Promotion
from jupyter_mlops.records.pipeline import Diagnostic, Pipeline

if TYPE_CHECKING:
    from jupyter_mlops.records.access import Policy
    from jupyter_mlops.records.model import ModelVersion
    from jupyter_mlops.records.pipeline import Stage
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store
    from jupyter_mlops.workflows.models import VersionView

CHAMPION = "champion"
EVENTS = 20


def graph_document(content: str | bytes, name: str) -> dict[str, Any]:
    """Analyse a notebook's text; return its graph as far as it goes, and what is wrong with it.

    The graph is that of ``jupyter mlops graph --format json`` with ``edges`` (the variables from stage to stage),
    ``gates``, ``setup``, ``suggested`` and ``diagnostics`` added.
    """
    from jupyter_mlops.workflows import build

    findings: list[Diagnostic] = []
    if _is_blank(content):
        # A new notebook has nothing to mend; the panel says in its own words how to make a first stage.
        pipeline = Pipeline(notebook=name)
    else:
        try:
            pipeline, findings = build.examine(content, name)
        except NotebookError as error:
            pipeline, findings = Pipeline(notebook=name), [_finding(error)]
    return {
        **build.graph(pipeline),
        "edges": [edge for stage in pipeline.stages for edge in _edges(stage)],
        "gates": to_builtins(pipeline.gates),
        "setup": list(pipeline.setup),
        "suggested": pipeline.suggested and bool(pipeline.stages),
        "diagnostics": to_builtins(findings),
    }


def project_document(settings: Settings) -> dict[str, Any]:
    """Return what the panel shows of a project: who asks, the model versions and where they stand, the audit log's end.

    Raises:
        DeniedError: when whoever asks may not read.
    """
    from jupyter_mlops.store import access
    from jupyter_mlops.store.opened import open_store
    from jupyter_mlops.workflows import acting, models

    user = acting.allow(settings, "read")
    store = open_store(settings)
    policy = access.policy(store.ledger)
    return {
        "user": user,
        "models": [_version(store, policy, view) for view in models.list_models(settings)],
        "audit": _audit(settings) if policy.may(user, "audit.read").verdict == ALLOWED else [],
    }


def _version(store: Store, policy: Policy, view: VersionView) -> dict[str, Any]:
    from jupyter_mlops.governance import approvals as words
    from jupyter_mlops.workflows import approvals

    model = view.model
    said = words.standing(approvals.of_version(store, model), model).values()
    return {
        "name": model.name,
        "version": model.version,
        "aliases": view.aliases,
        "gate": view.gate,
        "metrics": view.figures,
        "author": model.author,
        "created_at": model.created_at,
        "approvals": [
            {"author": one.author, "verdict": one.verdict, "reason": one.reason, "created_at": one.created_at}
            for one in said
        ],
        "approvals_needed": max((rule.approvals for rule in policy.rules_for(model.name)), default=0),
        "retired": view.retired,
        "override": _override(store, model) if CHAMPION in view.aliases else "",
    }


def _override(store: Store, model: ModelVersion) -> str:
    """Return why the champion became it against its gates; empty where it didn't."""
    for moved in store.ledger.find("promotion", f"{model.name}.{CHAMPION}", limit=1):
        if isinstance(moved, Promotion) and moved.override:
            return moved.reason
    return ""


def _audit(settings: Settings) -> list[dict[str, Any]]:
    """Return the newest outcomes; an intent is of interest only where no outcome followed."""
    from jupyter_mlops.workflows import audit

    newest = audit.events(settings, limit=3 * EVENTS)[::-1]
    ended = {event.intent for event in newest}
    shown = [event for event in newest if event.phase != "intent" or event.seq not in ended]
    names = ("seq", "at", "actor", "action", "subject", "phase", "reason")
    return [{name: getattr(event, name) for name in names} for event in shown[:EVENTS]]


def _is_blank(content: str | bytes) -> bool:
    try:
        cells = json.loads(content)["cells"]
        return not any("".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code")
    except (ValueError, KeyError, TypeError):
        # What is no notebook is for the reader of notebooks to say.
        return False


def _edges(stage: Stage) -> list[dict[str, Any]]:
    carried: dict[str, list[str]] = {name: [] for name in stage.upstream}
    for variable, producer in stage.producers.items():
        carried.setdefault(producer, []).append(variable)
    return [
        {"source": source, "target": stage.name, "variables": variables}
        for source, variables in carried.items()
    ]


def _finding(error: NotebookError) -> Diagnostic:
    cell, line = error.details.get("cell"), error.details.get("line")
    return Diagnostic(rule=error.code, message=error.message, mend=error.hint, cell=cell, line=line)
