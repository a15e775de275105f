"""What the sidebar draws, as JSON documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotebookError
from jupyter_mlops.records.base import to_builtins
from jupyter_mlops.records.pipeline import Diagnostic

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Pipeline, Stage


def graph_document(content: str | bytes, name: str) -> dict[str, Any]:
    """Analyse a notebook's text; return its graph, or the diagnostics that say why it has none.

    The graph is that of ``jupyter mlops graph --format json`` with ``edges`` (the variables from stage to stage),
    ``gates``, ``setup``, ``suggested`` and ``diagnostics`` added.
    """
    from jupyter_mlops.workflows import build

    try:
        _, pipeline = build.parse(content, name)
    except NotebookError as error:
        empty: dict[str, Any] = {"notebook": name, "params": {}, "stages": [], "edges": [], "gates": []}
        return {**empty, "setup": [], "suggested": False, "diagnostics": _diagnostics(error)}
    return {
        **build.graph(pipeline),
        "edges": [edge for stage in pipeline.stages for edge in _edges(stage)],
        "gates": to_builtins(pipeline.gates),
        "setup": list(pipeline.setup),
        "suggested": _is_suggested(pipeline),
        "diagnostics": [],
    }


def _is_suggested(pipeline: Pipeline) -> bool:
    return pipeline.suggested and bool(pipeline.stages)


def _edges(stage: Stage) -> list[dict[str, Any]]:
    carried: dict[str, list[str]] = {name: [] for name in stage.upstream}
    for variable, producer in stage.producers.items():
        carried.setdefault(producer, []).append(variable)
    return [
        {"source": source, "target": stage.name, "variables": variables}
        for source, variables in carried.items()
    ]


def _diagnostics(error: NotebookError) -> list[dict[str, Any]]:
    found = error.details.get("diagnostics")
    if not found:
        cell, line = error.details.get("cell"), error.details.get("line")
        found = [
            Diagnostic(rule=error.code, message=error.message, mend=error.hint, cell=cell, line=line),
        ]
    diagnostics: list[dict[str, Any]] = to_builtins(found)
    return diagnostics
