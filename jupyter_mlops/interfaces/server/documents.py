"""What the sidebar draws, as JSON documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotebookError
from jupyter_mlops.records.base import to_builtins
from jupyter_mlops.records.pipeline import Diagnostic, Pipeline

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Stage
    from jupyter_mlops.records.run import Run


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


def run_document(run: Run, *, drawn: bool) -> dict[str, Any]:
    """Return a run as JSON; ``drawn``: each gate with ``view``, what its picture shows."""
    document: dict[str, Any] = to_builtins(run)
    if drawn and run.gates:
        from jupyter_mlops.evaluation.pictures.view import view

        document["gates"] = [{**to_builtins(gate), "view": to_builtins(view(gate))} for gate in run.gates]
    return document


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
